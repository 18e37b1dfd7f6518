"""What the site wants of its gates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

import menshen
from hub import database
from hub.configurations import desk
from hub.configurations.desk import Wanted
from wire.errors import SettingsError

TEXT = 'site = "s"\ngate = "north"\n'
NOW_NS = 1_581_200_000_000_000_000


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = database.engine(database.checked(database_url))
    database.upgrade(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def wish(session: Session, text: str, now_ns: int = NOW_NS, gate: str = "north") -> Wanted:
    return desk.wish(session, "s", gate, text, by="chief", now_ns=now_ns)


def test_versions_only_grow_also_when_the_clock_goes_back(session):
    versions = [wish(session, TEXT, now_ns).version for now_ns in (NOW_NS, NOW_NS, NOW_NS - 10**18, NOW_NS + 10**12)]
    assert versions == sorted(set(versions))
    assert desk.wanted(session) == {"north": Wanted(versions[-1], TEXT, NOW_NS + 10**12, "chief")}


@pytest.mark.parametrize(
    ("text", "gate", "why"),
    [
        ("= x", "north", "not TOML"),
        (TEXT, "south", "gate = 'north', expected 'south'"),
        (TEXT.replace('"s"', '"t"'), "north", "site = 't', expected 's'"),
        (TEXT + "#" * 70_000, "north", "expected at most"),
        (TEXT, "North", "name 'North'"),
    ],
)
def test_what_is_not_for_that_gate_says_why(session, text, gate, why):
    with pytest.raises(SettingsError, match=why):
        wish(session, text, gate=gate)


def test_the_command_wishes_shows_and_takes_back(tmp_path, capsys):
    (tmp_path / "hub.toml").write_text('site = "s"\n')
    (tmp_path / "gate.toml").write_text(TEXT)

    def say(*words: str) -> str:
        code = menshen.main(["hub", "configure", str(tmp_path / "hub.toml"), "north", *words])
        out = capsys.readouterr()
        return out.out if code == 0 else out.err

    assert "runs its own file" in say("--show")
    assert "is wanted" in say(str(tmp_path / "gate.toml"))
    assert TEXT in say("--show")
    assert "is wanted" in say("--own")
    assert "runs its own file" in say("--show")
    assert "cannot be read" in say(str(tmp_path / "none.toml"))
