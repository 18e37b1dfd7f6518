"""Which gates are next: never more than a wave allows, never on while one does not work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from hub import database
from hub.releases import desk, waves
from hub.releases.desk import Terms
from hub.releases.models import Rollout
from hub.releases.waves import Course, Outcome, Seen, State, Told
from tests.support.releases import envelope_of, manifest_of, wheel_file
from wire.errors import ReleaseError
from wire.releases import Phase, ReleaseHeld, Wish

SECOND = 10**9
NOW_NS = 1_581_200_000 * SECOND
GATES = [f"gate-{number}" for number in range(10)]


NEW = ReleaseHeld()


def gate(held: ReleaseHeld | None = NEW, *, online: bool = True, seen_ns: int = NOW_NS) -> Seen:
    return Seen(online, seen_ns, held is not None, held)


def course(**changes: object) -> Course:
    made = Course(7, Wish.INSTALL, ("1", "30%", "100%"), frozenset(), 60, State.RUNNING)
    return made._replace(**changes)


class Plant:
    """Gates as they say they are, and what the hub does about them, second by second."""

    def __init__(self, names: list[str], made: Course) -> None:
        self.gates = dict.fromkeys(names, gate())
        self.course, self.told, self.now_ns = made, {}, NOW_NS
        self.why = ""

    def look(self, after_s: float = 0.0) -> tuple[str, ...]:
        """One step; whom it told."""
        self.now_ns += int(after_s * SECOND)
        step = waves.step(self.course, self.gates, self.told, self.now_ns)
        self.course = self.course._replace(state=step.state, wave=step.wave, good_ns=step.good_ns)
        self.why = step.why
        for name in step.tell:
            self.told[name] = Told(len(self.told) + 1, self.now_ns)
        return step.tell

    def says(self, name: str, *, works: bool = True, why: str = "") -> None:
        held = ReleaseHeld(settled=self.told[name].number, works=works, why=why, serial=7)
        self.gates[name] = gate(held, seen_ns=self.now_ns)


def test_one_gate_then_some_then_all_and_each_wave_is_watched_before_the_next():
    plant = Plant(GATES, course())
    (first,) = plant.look()
    assert plant.look(3600) == ()  # it loads still, however long that takes
    plant.says(first)
    assert [plant.look(s) for s in (30, 20, 20, 20)] == [()] * 4
    assert len(plant.look(1)) == 2
    for name in plant.told:
        plant.says(name)
    assert [len(plant.look(30)) for _ in range(5)] == [0, 0, 0, 7, 0]
    assert plant.course.state is State.RUNNING
    for name in plant.told:
        plant.says(name)
    plant.look(1)
    assert plant.course.state is State.DONE


def test_one_that_goes_back_halts_all_and_says_why():
    plant = Plant(GATES, course())
    (first,) = plant.look()
    plant.says(first, works=False, why="no frames from cam")
    assert plant.look() == ()
    assert (plant.course.state, plant.why) == (State.HALTED, f"{first}: no frames from cam")
    assert plant.look(9999) == ()


def test_one_that_worked_and_is_silent_now_holds_up_the_next_wave():
    plant = Plant(GATES, course())
    (first,) = plant.look()
    plant.says(first)
    plant.look(1)
    plant.gates[first] = plant.gates[first]._replace(online=False)
    assert [plant.look(100), plant.look(100)] == [(), ()]
    assert first in plant.why
    plant.says(first)
    plant.look()
    assert plant.look(59) == ()  # watched anew from when it works again
    assert plant.look(2) == ()
    assert len(plant.look(1)) == 2


def test_gates_that_are_off_or_cannot_be_updated_are_waited_for_by_nobody():
    plant = Plant(["a", "b", "c"], course(waves=("100%",)))
    plant.gates["b"] = gate(online=False, seen_ns=NOW_NS - 10**12)
    plant.gates["c"] = Seen(online=True, seen_ns=NOW_NS, has_pulse=True, held=None)
    assert set(plant.look()) == {"a", "b"}
    plant.says("a")
    plant.look(1)
    assert plant.course.state is State.DONE
    plant.says("b", works=False, why="late, and broken")  # it came back
    plant.look(1)
    assert plant.course.state is State.HALTED


def test_only_the_gates_that_were_named_and_only_those_that_run_it_go_back():
    plant = Plant(GATES, course(only=frozenset({"gate-3"}), waves=("100%",)))
    assert plant.look() == ("gate-3",)
    back = Plant(GATES, course(wish=Wish.BACK, waves=("100%",)))
    back.gates["gate-2"] = gate(ReleaseHeld(serial=7))
    assert back.look() == ("gate-2",)


def test_how_far_a_gate_is_is_its_own_last_word():
    told = Told(5, NOW_NS)
    loading = ReleaseHeld(offer=5, phase=Phase.LOADING, loaded=0.4, settled=4, works=False)
    assert waves.outcome(told, gate(loading)) == Outcome("loading", "40%")
    assert waves.outcome(told, gate(ReleaseHeld(settled=4, works=False))) == Outcome("")
    assert waves.outcome(told, gate(ReleaseHeld(settled=5, works=False, why="x"))) == Outcome("failed", "x")


@pytest.mark.parametrize("text", ["", "0", "101%", "x%", "-1", "1,,2", "10 %%", "١"])
def test_waves_that_are_none_are_refused(text):
    with pytest.raises(ReleaseError, match="as in 1,10%"):
        waves.parse_waves(text)


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(1, 10),
    words=st.lists(st.tuples(st.integers(0, 11), st.sampled_from(["works", "fails", "off", "on"])), max_size=40),
)
def test_never_more_gates_than_the_wave_allows_and_nobody_after_one_failed(count, words):
    plant = Plant(GATES[:count], course(waves=("1", "50%", "100%")))
    failed = False
    for number, word in words:
        name = GATES[number % count]
        if word in ("off", "on"):
            plant.gates[name] = plant.gates[name]._replace(online=word == "on", seen_ns=plant.now_ns)
        elif name in plant.told:
            plant.says(name, works=word == "works", why="x")
            failed |= word == "fails"
        before = dict(plant.told)
        told = plant.look(40)
        assert not (failed and told)
        assert len(plant.told) <= len(waves.members(plant.course, plant.gates))
        assert before.items() <= plant.told.items()
        if failed:
            assert plant.course.state is State.HALTED
            return


# -- the desk, on both databases ---------------------------------------------------------------------------------------


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = database.engine(database.checked(database_url))
    database.upgrade(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def add(session: Session, serial: int) -> None:
    manifest = manifest_of([wheel_file("menshen-1-py3-none-any.whl", b"x")], f"0.{serial}.0", serial)
    desk.add(session, envelope_of(manifest), by="chief", now_ns=NOW_NS)


def test_an_offer_takes_the_place_of_the_one_before_and_a_halt_of_what_has_not_ended(session):
    add(session, 1)
    add(session, 2)
    assert [line.serial for line in desk.lines(session)] == [2, 1]
    assert desk.offer(session, "0.1.0", Terms(("100%",)), by="chief", now_ns=NOW_NS) == "0.1.0-1"
    first = desk.now(session)
    tell = waves.Step(("north", "south"), 0, State.RUNNING)
    desk.carry_out(session, first.rollout, tell, {}, NOW_NS)
    numbers = {name: offer.number for name, offer in desk.now(session).offers.items()}
    works = {"north": Outcome("works"), "south": Outcome("loading", "3%")}
    desk.carry_out(session, first.rollout, waves.Step((), 0, State.RUNNING), works, NOW_NS)
    with pytest.raises(ReleaseError, match="offered to gates"):
        desk.remove(session, "1", by="chief", now_ns=NOW_NS)
    assert desk.offer(session, "2", Terms(), by="chief", now_ns=NOW_NS + SECOND) == "0.2.0-2"
    now = desk.now(session)
    assert (now.told, now.course.serial, now.course.waves) == ({}, 2, waves.DEFAULT_WAVES)
    assert (now.offers["north"].wish, now.offers["south"].wish) == (Wish.INSTALL, Wish.NOTHING)
    assert now.offers["south"].number > numbers["south"]
    desk.carry_out(session, first.rollout, tell, {}, NOW_NS)  # what was found for the one before changes nothing
    assert desk.now(session).told == {}
    assert desk.halt(session, "by hand", by="chief", now_ns=NOW_NS)
    assert not desk.halt(session, "by hand", by="chief", now_ns=NOW_NS)
    assert desk.why(session) == "by hand"
    desk.carry_out(session, desk.now(session).rollout, tell, {}, NOW_NS)  # nor does anything once it is halted
    assert desk.now(session).told == {}
    with pytest.raises(ReleaseError, match="there is no release '9'"):
        desk.offer(session, "9", Terms(), by="chief", now_ns=NOW_NS)


def told(session: Session, *names: str, **ended: Outcome) -> None:
    """The newest rollout tells these gates, and this is how it ended with some."""
    rollout = desk.now(session).rollout
    desk.carry_out(session, rollout, waves.Step(names, 0, State.RUNNING), {}, NOW_NS)
    desk.carry_out(session, rollout, waves.Step((), 0, State.DONE), ended, NOW_NS)


def wishes(session: Session) -> dict[str, tuple[Wish, int]]:
    return {name: (offer.wish, offer.serial) for name, offer in desk.now(session).offers.items()}


def test_a_gate_that_was_away_when_a_rollout_ended_does_not_begin_what_is_wanted_no_more(session):
    add(session, 1)
    add(session, 2)
    desk.offer(session, "1", Terms(("100%",)), by="chief", now_ns=NOW_NS)
    told(session, "north", "away", north=Outcome("works"))
    assert desk.now(session).course.state is State.DONE
    desk.offer(session, "2", Terms(), by="chief", now_ns=NOW_NS)
    assert wishes(session) == {"north": (Wish.INSTALL, 1), "away": (Wish.NOTHING, 0)}
    told(session, "north", "away", north=Outcome("works"))
    assert desk.halt(session, "by hand", by="chief", now_ns=NOW_NS)
    assert wishes(session) == {"north": (Wish.INSTALL, 2), "away": (Wish.NOTHING, 0)}


def test_a_halt_takes_back_what_gates_of_earlier_rollouts_did_not_end(session):
    add(session, 1)
    desk.offer(session, "1", Terms(("100%",)), by="chief", now_ns=NOW_NS)
    told(session, "away")
    session.add(
        Rollout(
            serial=1,
            wish=Wish.INSTALL,
            waves="100%",
            gates="",
            soak_s=0,
            state=State.HALTED,
            why="",
            wave=0,
            begun_ns=NOW_NS,
            begun_by="chief",
        )
    )  # fmt: skip - as older versions left it
    assert desk.halt(session, "by hand", by="chief", now_ns=NOW_NS)
    assert wishes(session) == {"away": (Wish.NOTHING, 0)}
    assert not desk.halt(session, "by hand", by="chief", now_ns=NOW_NS)


def test_a_release_may_go_when_no_gate_is_about_to_install_it_and_not_before(session):
    add(session, 1)
    desk.offer(session, "1", Terms(), by="chief", now_ns=NOW_NS)
    with pytest.raises(ReleaseError, match="offered to gates; offer another, or halt"):
        desk.remove(session, "1", by="chief", now_ns=NOW_NS)  # no gate was told yet: the first wave will be
    told(session, "north", "south", north=Outcome("works"), south=Outcome("failed", "no frames from cam"))
    desk.halt(session, "south: no frames from cam", by="hub", now_ns=NOW_NS)
    assert desk.now(session).outcomes["south"] == Outcome("failed", "no frames from cam")
    assert wishes(session)["south"] == (Wish.NOTHING, 0)
    assert set(desk.now(session).told) == {"north", "south"}
    desk.remove(session, "1", by="chief", now_ns=NOW_NS)
    assert desk.lines(session) == []
