"""What readers of the archive see is the journal, whether it comes from memory or from the disk."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from hub import recent
from hub.archive import Archive
from hub.journal import JournalReader
from hub.recent import Recent
from tests.support.events import fever, routine
from tests.support.journals import ROUTINE, URGENT, batch
from tests.support.journals import entry as entry_of
from wire.events import DeviceKind, DeviceState, Health
from wire.messages import Numbered, batch_of, encode_event

OURS = DeviceState(time_ns=1, device="north", kind=DeviceKind.GATE, health=Health.FAILED)
steps = st.lists(
    st.tuples(st.sampled_from(["urgent", "routine", "own", "forget", "exhume", "odd"]), st.integers(1, 4)), max_size=12
)


@settings(deadline=None, max_examples=25)
@given(steps, st.integers(1, 9))
def test_whatever_is_written_memory_hides_nothing_and_invents_nothing(tmp_path_factory, told, most):
    async def check() -> None:
        archive = Archive(tmp_path_factory.mktemp("journal") / "journal.db")
        archive._recent = Recent(most, recent.MOST_BYTES)
        await archive.start()
        numbers = {URGENT: 1, ROUTINE: 1}
        for step, count in told:
            await _do(archive, step, count, numbers)
            disk = await archive.read(lambda reader: reader.after(0, 1000))
            for offset in range(max([entry.offset for entry in disk], default=0) + 2):
                found = await archive.after(offset, 3)
                assert found == [entry for entry in disk if entry.offset > offset][:3]
                assert [one.event() for one in found] == [entry.event() for entry in disk if entry.offset > offset][:3]
        await archive.stop()

    asyncio.run(check())


async def _do(archive: Archive, step: str, count: int, numbers: dict) -> None:
    match step:
        case "urgent" | "routine":
            stream, make = (URGENT, fever) if step == "urgent" else (ROUTINE, routine)
            first = numbers[stream]
            numbers[stream] += count
            await archive.append([batch([make(n) for n in range(count)], first, stream)])
        case "odd":
            events = [Numbered(numbers[URGENT], Raw(b'{"type":"of-tomorrow"}'))]
            numbers[URGENT] += 1
            await archive.append([batch_of(URGENT, events)])
        case "own":
            await archive.append_own("site", [OURS] * count)
        case "forget":
            await archive.forget(2**62, count)
        case "exhume":
            for letter in (await archive.read(JournalReader.dead_letters))[:1]:
                await archive.exhume(letter.id)


def test_memory_holds_no_more_than_it_may():
    from hub.journal import Entry

    body = encode_event(fever())
    window = Recent(most=10, most_bytes=4 * len(body))
    for offset in range(1, 100):
        window.add([Entry(offset, URGENT, offset, offset, "person-passage", 1, 1, body)])
        assert len(window.after(offset - 1, 100)) == 1
        assert window._bytes <= 4 * len(body)
    assert window.after(10, 5) is None


def test_a_reader_in_the_older_part_of_the_window_lags_and_one_that_fell_out_of_it_is_waited_for_no_more(monkeypatch):
    monkeypatch.setattr("hub.recent.HOLD", 3)
    window = Recent(most=10)
    assert not window.lags(0)
    window.add([entry_of(fever(number), number) for number in range(1, 9)])
    assert [window.lags(offset) for offset in (0, 4, 5, 8)] == [True, True, False, False]
    window.add([entry_of(fever(number), number) for number in range(9, 12)])
    assert [window.lags(offset) for offset in (0, 4, 5, 7, 8)] == [False, False, False, True, False]
