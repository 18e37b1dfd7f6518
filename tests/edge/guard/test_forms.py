"""What a guard types becomes a value or a sentence, never anything else; and one press is one deed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from edge.guard import forms
from edge.guard.ledger import HANDS, ROWS, Ledger
from edge.guard.presses import MOST, Presses
from edge.guard.said import Refused, Said
from edge.guard.words import WORDS, say
from edge.porter.types import BODY_C
from edge.words import LANGS
from hub.web.words import WORDS as CONSOLE
from tests.support.gates import Recorder
from tests.support.guard import PASSWORD, served_guard
from wire.events import Guest, Outcome, Override, PersonPassage, SecondaryMeasurement, Verdict
from wire.messages import encode_event
from wire.tokens import TokenKind, token

KEY = b"0123456789abcdef"
FIELDS = ["of", "body_c", "badge", "guest", "number", "name", "telephone", "company", "host", "reason", "hours", "tag",
          "plate", "agent", "outcome", "why"]  # fmt: skip
anything = st.text(max_size=30) | st.sampled_from(
    ["people/", "people/p1", "people/../x", "36.5", "３６．５℃", "1e2", "nan", "٣٦", "V17", "蒙B·12345", "visitor",
     "vehicle", "allow", "13800138000", "\u202ex", "a\0b", "x" * 600]
)  # fmt: skip
any_form = st.dictionaries(st.sampled_from(FIELDS), anything)
READERS: list[Callable[[forms.Form], Struct]] = [forms.measured, forms.walk_in, forms.disinfected, forms.overridden]


@given(any_form)
def test_any_form_is_a_value_or_is_refused_in_words_of_both_languages(form):
    for read in READERS:
        try:
            value = read(form)
        except Refused as refused:
            assert refused.problems
            for said in refused.problems.values():
                assert all(say(said.key, lang, *said.values) for lang in LANGS)
        else:
            _check(value)


def _check(value: Struct) -> None:
    """What was taken can be recorded as it is."""
    match value:
        case forms.Measured(body_c=body_c, passage=passage, badge=badge):
            assert BODY_C[0] <= body_c <= BODY_C[1]
            assert passage or token(KEY, TokenKind.BADGE, badge)
            encode_event(SecondaryMeasurement(time_ns=1, body_c=body_c, lane="people", passage=passage))
        case forms.WalkIn(details=details, hours=hours, kind=kind, tag=tag):
            assert 0.25 <= hours <= forms.MOST_H
            assert token(KEY, kind, details.number)
            assert tag is None or token(KEY, TokenKind.TAG, tag)
            assert all(len(getattr(details, field)) <= 200 for field in details.__struct_fields__)
            assert details.name
            assert details.reason
        case forms.Overridden(why=why, outcome=outcome):
            encode_event(Override(time_ns=1, lane="people", outcome=outcome, by="li", why=why))


@given(st.floats(*BODY_C), st.sampled_from(["{}", " {} ", "{}°C", "{} ℃", "{}度"]), st.booleans(), st.booleans())
def test_a_figure_is_understood_however_it_is_written(body_c, style, comma, wide):
    text = style.format(f"{body_c:.1f}")
    if comma:
        text = text.replace(".", ",")
    if wide:
        text = text.translate({ord(digit): ord(digit) - 0x30 + 0xFF10 for digit in "0123456789"})
    assert forms.measured({"of": "people/p1", "body_c": text}).body_c == float(f"{body_c:.1f}")


@pytest.mark.parametrize("plate", ["蒙B·12345", "蒙b 12345", "蒙Ｂ－１２３４５", " 蒙B12345 "])
def test_a_plate_is_the_cameras_however_it_is_written(plate):
    assert forms.disinfected({"of": "trucks/", "plate": plate}).plate == "蒙B12345"


def test_a_visitor_must_name_a_host_and_a_vehicle_need_not():
    form = {"number": "京A88888", "name": "a", "telephone": "13800138000", "company": "b", "reason": "c", "hours": "1"}
    assert forms.walk_in(form | {"guest": "vehicle"}).guest is Guest.VEHICLE
    with pytest.raises(Refused) as refused:
        forms.walk_in(form | {"guest": "visitor", "number": "V1"})
    assert refused.value.problems == {"host": Said("needed")}


def test_the_words_of_gate_and_console_are_the_same_and_each_has_both_languages():
    shared = {key for key in WORDS if key in CONSOLE and "." in key}
    assert len(shared) > 50
    assert {key: WORDS[key] for key in shared} == {key: CONSOLE[key] for key in shared}
    assert all(english and chinese and english.count("{") == chinese.count("{") for english, chinese in WORDS.values())
    assert {key for key in CONSOLE if key.startswith("reason.")} <= set(WORDS)


def test_no_body_of_a_form_does_more_than_be_refused():
    with (
        served_guard("people", "trucks") as guard,
        httpx.Client(base_url=guard.url, headers={"origin": guard.url}) as client,
    ):
        client.post("/login", data={"password": PASSWORD})
        hostile = [b"", b"%", b"once=%00", b"\xff\xfe=1&once=" + b"a" * 20, b"&".join([b"a=1"] * 200),
                   urlencode({"once": "a" * 16, "of": "<script>/<b>", "body_c": "<i>"}).encode()]  # fmt: skip
        for path in ("/measure", "/register", "/disinfect", "/override"):
            for body in hostile:
                answer = client.post(path, content=body)
                assert answer.status_code in {400, 422}
                assert "<script>/" not in answer.text
            assert client.get(path, params={"of": "nowhere/<b>", "guest": "<i>"}).status_code == 200
            assert client.get("/board/news", params={"after": "²"}).status_code == 200
        assert guard.events(SecondaryMeasurement) == []


# -- presses and the ledger ------------------------------------------------------------------------------------------


async def test_a_press_that_is_repeated_while_it_is_done_or_after_is_done_once():
    presses, done = Presses[int](), []

    async def deed() -> int:
        done.append(1)
        await asyncio.sleep(0)
        return len(done)

    assert await asyncio.gather(*(presses.once("k", deed) for _ in range(5))) == [1] * 5
    assert await presses.once("k", deed) == 1
    assert (presses.done("k"), presses.done("other")) == (1, None)
    for number in range(MOST):
        await presses.once(f"k{number}", deed)
    assert presses.done("k") is None


async def test_what_was_refused_can_be_mended_and_sent_again():
    presses, answers = Presses[str](), iter([Refused(body_c=Said("needed")), "good"])

    async def deed() -> str:
        answer = next(answers)
        if isinstance(answer, Refused):
            raise answer
        return answer

    with pytest.raises(Refused):
        await presses.once("k", deed)
    assert await presses.once("k", deed) == "good"


def passage(name: str) -> PersonPassage:
    return PersonPassage(time_ns=1, passage=name, lane="people", outcome=Outcome.DENY, verdict=Verdict.FEVER)


def by_hand(name: str | None, outcome: Outcome | None = Outcome.ALLOW) -> SecondaryMeasurement:
    return SecondaryMeasurement(time_ns=2, body_c=36.5, lane="people", passage=name, outcome=outcome)


async def test_the_ledger_is_bounded_and_puts_the_guards_hand_to_its_passage():
    recorder = Recorder()
    ledger = Ledger(recorder)
    for number in range(ROWS + 5):
        await ledger.put(passage(f"p{number}"))
    assert len(recorder.events) == ROWS + 5
    assert (len(ledger.rows("people")), ledger.find("people", "p0")) == (ROWS, None)
    newest = f"p{ROWS + 4}"
    for _ in range(HANDS + 2):
        await ledger.put(by_hand(newest))
    first = ledger.rows("people")[0]
    assert (len(first.hands), first.outcome) == (HANDS, Outcome.ALLOW)
    await ledger.put(by_hand(None, None))
    assert ledger.rows("people")[0].passage is None


async def test_who_waits_for_news_is_told_at_once_or_when_patience_is_over():
    ledger = Ledger(Recorder())
    assert await ledger.news(0, 0.01) == 0
    waiting = asyncio.create_task(ledger.news(0, 20))
    await asyncio.sleep(0)
    await ledger.put(passage("p"))
    assert await waiting == 1
    ledger.close()
    assert await ledger.news(1, 20) == 1
