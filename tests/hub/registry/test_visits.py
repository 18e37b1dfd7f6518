"""Registrations at the gates: recorded sealed, known to all gates, and the same after any replay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

import menshen
from hub.journal import Entry
from hub.registry import key
from hub.registry.store import Registrar, RegistryStore
from hub.registry.visits import Visits
from tests.support.registry import SOMEBODY, entry
from wire.errors import RegistryError
from wire.events import AnyEvent, Disinfection, Guest, Registration, Urgency
from wire.messages import StreamId, encode_event
from wire.registry import Flag, Holder, RegistryEntry, entry_of
from wire.sealing import Details, public_of, seal

NOON_NS = 1_581_200_000_000_000_000
HOUR_NS = 3600 * 10**9
VISITOR = Registration(
    time_ns=NOON_NS,
    token=SOMEBODY,
    guest=Guest.VISITOR,
    until_ns=NOON_NS + HOUR_NS,
    lane="people",
    host="token-of-a-host",
    reason_stated=True,
)
LORRY = RegistryEntry("token-of-a-lorry", Holder.VEHICLE)


def journalled(*events: AnyEvent, site: str = "baotou") -> list[Entry]:
    stream = StreamId(site, "north", Urgency.ROUTINE, "e")
    kinds = [str(event.__struct_config__.tag) for event in events]
    return [
        Entry(offset, stream, offset, offset, kind, event.time_ns, event.time_ns, encode_event(event))
        for offset, (kind, event) in enumerate(zip(kinds, events, strict=True), start=1)
    ]


@pytest.fixture
async def registrar(tmp_path: Path) -> AsyncIterator[Registrar]:
    registrar = Registrar(RegistryStore(tmp_path / "var" / "registry.db"))
    await registrar.start()
    yield registrar
    await registrar.stop()


@pytest.fixture
def visits(registrar: Registrar) -> Visits:
    return Visits(registrar, "baotou", 3600.0)


async def find(registrar: Registrar, token: str) -> RegistryEntry | None:
    return await registrar.ask(lambda store: store.find(token))


async def test_a_visitor_registered_at_one_gate_is_known_to_all_until_the_visit_ends(registrar, visits):
    await visits.apply(journalled(VISITOR))
    assert await find(registrar, SOMEBODY) == RegistryEntry(
        SOMEBODY, Holder.VISITOR, from_ns=NOON_NS, until_ns=NOON_NS + HOUR_NS, reason_stated=True, hosted=True
    )
    [visit] = await visits.between(NOON_NS, NOON_NS + 1)
    assert (visit.gate, visit.registration) == ("north", VISITOR)


async def test_a_vehicle_registered_with_plate_and_tag_is_known_by_both_and_disinfected_whole(registrar, visits):
    lorry = Registration(
        time_ns=NOON_NS, token="token-of-a-plate", tag="token-of-a-tag", guest=Guest.VEHICLE,
        until_ns=NOON_NS + HOUR_NS, reason_stated=True,
    )  # fmt: skip
    await visits.apply(journalled(lorry, Disinfection(time_ns=NOON_NS + 1, vehicle="token-of-a-tag")))
    plate, tag = await find(registrar, "token-of-a-plate"), await find(registrar, "token-of-a-tag")
    assert (plate.tag, tag.plate, plate.outside) == (tag.token, plate.token, True)
    assert plate.disinfected_until_ns == tag.disinfected_until_ns == NOON_NS + 1 + HOUR_NS


async def test_who_stated_no_reason_or_visits_nobody_is_known_as_such(registrar, visits):
    await visits.apply(journalled(msgspec.structs.replace(VISITOR, host=None, reason_stated=False)))
    known = await find(registrar, SOMEBODY)
    assert (known.hosted, known.reason_stated) == (False, False)


async def test_a_visitors_badge_can_be_handed_out_again_when_the_visit_is_over_and_not_before(registrar, visits):
    early, late = (
        msgspec.structs.replace(VISITOR, time_ns=begin_ns, until_ns=begin_ns + 5 * HOUR_NS)
        for begin_ns in (NOON_NS + HOUR_NS // 2, NOON_NS + HOUR_NS)
    )
    await visits.apply(journalled(VISITOR, early))
    assert (await find(registrar, SOMEBODY)).until_ns == VISITOR.until_ns
    await visits.apply(journalled(VISITOR, late))
    assert await find(registrar, SOMEBODY) == entry_of(late)
    await visits.apply(journalled(VISITOR, late))
    assert await find(registrar, SOMEBODY) == entry_of(late)


async def test_a_replay_changes_nothing_and_the_cursor_is_kept(registrar, visits):
    entries = journalled(VISITOR, Disinfection(time_ns=NOON_NS, vehicle=LORRY.token))
    await registrar.ask(lambda store: store.put([LORRY]))
    await visits.apply(entries)
    version = await registrar.ask(RegistryStore.version)
    await visits.apply(entries)
    await visits.apply(entries[:1])
    assert await registrar.ask(RegistryStore.version) == version
    assert len(await visits.between(0, NOON_NS * 2)) == 1
    assert await Visits(registrar, "baotou", 1.0).start() == 1


async def test_what_the_hub_says_of_a_token_is_not_undone_by_a_gate(registrar, visits):
    isolated = entry(SOMEBODY, Flag.ISOLATION)
    await registrar.ask(lambda store: store.put([isolated]))
    await visits.apply(journalled(VISITOR))
    assert await find(registrar, SOMEBODY) == isolated
    await registrar.ask(lambda store: store.remove([SOMEBODY]))
    await visits.apply(journalled(VISITOR))
    assert await find(registrar, SOMEBODY) is None


async def test_another_sites_registrations_are_recorded_and_let_nobody_in_here(registrar, visits):
    await visits.apply(journalled(VISITOR, site="elsewhere"))
    assert await find(registrar, SOMEBODY) is None
    assert len(await visits.between(NOON_NS, NOON_NS + 1)) == 1


async def test_a_disinfection_counts_from_its_own_time_and_never_shortens_a_later_one(registrar, visits):
    await registrar.ask(lambda store: store.put([LORRY]))
    early, late = (Disinfection(time_ns=NOON_NS + hours * HOUR_NS, vehicle=LORRY.token) for hours in (0, 2))
    await visits.apply(journalled(late, early))
    assert (await find(registrar, LORRY.token)).disinfected_until_ns == NOON_NS + 3 * HOUR_NS
    await visits.apply(journalled(Disinfection(time_ns=NOON_NS, vehicle="token-of-nobody")))
    assert await find(registrar, "token-of-nobody") is None


@pytest.mark.parametrize("read", ["token-of-a-lorry", "tag-of-the-lorry"])
async def test_a_disinfection_counts_for_plate_and_tag_whichever_the_gate_read(registrar, visits, read):
    tag = RegistryEntry("tag-of-the-lorry", Holder.VEHICLE, plate=LORRY.token)
    other = RegistryEntry("token-of-another", Holder.VEHICLE)
    await registrar.ask(lambda store: store.put([msgspec.structs.replace(LORRY, tag=tag.token), tag, other]))
    await visits.apply(journalled(Disinfection(time_ns=NOON_NS, vehicle=read)))
    until = [(await find(registrar, token)).disinfected_until_ns for token in (LORRY.token, tag.token, other.token)]
    assert until == [NOON_NS + HOUR_NS, NOON_NS + HOUR_NS, None]


async def test_the_record_of_visits_is_read_with_the_hubs_key_and_by_nobody_else(tmp_path, registrar, visits, capsys):
    (tmp_path / "hub.toml").write_text('site = "baotou"\n')
    private = key.load_or_make(tmp_path / "var" / key.FILE)
    sealed = seal(public_of(private), SOMEBODY, Details(name="李雷", reason="送货", telephone="13800000000"))
    foreign = seal(public_of(key.load_or_make(tmp_path / "other.key")), SOMEBODY, Details(name="nobody"))
    registered = [msgspec.structs.replace(VISITOR, sealed=text, by="guard-1") for text in (sealed, "", foreign)]
    entries = journalled(*registered)
    assert all("李雷".encode() not in one.body for one in entries)
    await visits.apply(entries)
    assert menshen.main(["hub", "registry", "visits", str(tmp_path / "hub.toml"), "--days", "99999"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("north/people\tvisitor\tguard-1\t李雷, 13800000000, 送货")
    assert "no details" in lines[1]
    assert "not sealed to this hub's key" in lines[2]


def test_the_sealing_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "var" / key.FILE
    made = key.load_or_make(path)
    assert key.load_or_make(path) == made
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"torn")
    with pytest.raises(RegistryError, match="restore it from a backup"):
        key.load_or_make(path)
