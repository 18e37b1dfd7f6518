"""Users, sessions and tokens; and the record of what each did, which shows every tampering."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub import database
from hub.accounts import audit, desk, tokens
from hub.accounts.desk import IDLE_NS, LIFE_NS, Refused
from hub.accounts.models import ApiToken, AuditEntry, Role, SignIn, User
from hub.accounts.roles import MAY, Permission, may

pytestmark = pytest.mark.usefixtures("cheap_passwords")
NOW_NS = 1_581_200_000_000_000_000
PASSWORD = "correct horse battery"


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = database.engine(database.checked(database_url))
    database.upgrade(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def signed_in(session: Session, login: str = "li.lei", password: str = PASSWORD) -> str | None:
    user_id = desk.user_of(session, login, password)
    return desk.sign_in(session, user_id, login, None, now_ns=NOW_NS)


def add(session: Session, login: str = "li.lei", role: Role = Role.OFFICER) -> User:
    return desk.add_user(session, login, "李雷", role, PASSWORD, by="setup", now_ns=NOW_NS)


def test_who_signed_in_is_known_by_the_cookie_and_nobody_else(session):
    add(session)
    cookie = signed_in(session, " Li.Lei ")
    who = desk.whose(session, cookie, now_ns=NOW_NS)
    assert (who.login, who.name, who.role) == ("li.lei", "李雷", Role.OFFICER)
    assert desk.whose(session, cookie + "x", now_ns=NOW_NS) is None
    stored = session.scalars(select(SignIn.digest)).all()
    assert cookie.encode() not in stored


@pytest.mark.parametrize(("login", "password"), [("li.lei", "wrong"), ("nobody", PASSWORD), ("", ""), ("li.lei", "")])
def test_a_wrong_login_or_password_is_refused_alike_and_noted(session, login, password):
    add(session)
    assert signed_in(session, login, password) is None
    assert session.scalars(select(AuditEntry.action)).all() == ["user-added", "sign-in-refused"]


def test_a_session_ends_when_nobody_uses_it_and_when_it_is_old(session):
    add(session)
    cookie = signed_in(session)
    assert desk.whose(session, cookie, now_ns=NOW_NS + IDLE_NS) is not None
    assert desk.whose(session, cookie, now_ns=NOW_NS + IDLE_NS + 1) is None
    for hours in range(0, 24 * 8, 8):
        desk.seen(session, cookie, now_ns=NOW_NS + hours * 3600 * 10**9)
    assert desk.whose(session, cookie, now_ns=NOW_NS + LIFE_NS) is not None
    assert desk.whose(session, cookie, now_ns=NOW_NS + LIFE_NS + 1) is None


def test_a_session_ends_by_signing_out_and_by_a_new_password(session):
    add(session)
    first, second = (signed_in(session) for _ in range(2))
    desk.sign_out(session, first, now_ns=NOW_NS)
    assert desk.whose(session, first, now_ns=NOW_NS) is None
    assert desk.whose(session, second, now_ns=NOW_NS) is not None
    desk.set_password(session, "li.lei", PASSWORD + "!", by="chief", now_ns=NOW_NS)
    session.expire_all()
    assert desk.whose(session, second, now_ns=NOW_NS) is None


def test_a_disabled_user_is_out_at_once_and_the_last_administrator_stays(session):
    add(session)
    add(session, "chief", Role.ADMIN)
    cookie = signed_in(session)
    desk.disable(session, "li.lei", by="chief", now_ns=NOW_NS)
    assert desk.whose(session, cookie, now_ns=NOW_NS) is None
    assert signed_in(session) is None
    with pytest.raises(Refused, match="last administrator"):
        desk.disable(session, "chief", by="chief", now_ns=NOW_NS)


@pytest.mark.parametrize(
    ("login", "password", "expected"),
    [
        ("li.lei", PASSWORD, "there is such a user already"),
        ("", PASSWORD, "expected 1 to 60"),
        ("a b", PASSWORD, "expected 1 to 60"),
        ("x" * 61, PASSWORD, "expected 1 to 60"),
        ("short", "123456789", "of 9 characters, expected at least 10"),
    ],
)
def test_a_user_that_cannot_be_is_refused_in_words(session, login, password, expected):
    add(session)
    with pytest.raises(Refused, match=expected):
        desk.add_user(session, login, "", Role.HR, password, by="chief", now_ns=NOW_NS)
    with pytest.raises(Refused, match="no such user"):
        desk.set_password(session, "nobody", PASSWORD, by="chief", now_ns=NOW_NS)


def test_a_programs_token_works_until_it_ends_and_is_not_stored(session):
    may = {Permission.BOARD, Permission.RECORDS}
    secret = tokens.add_token(session, "reports", may, by="chief", now_ns=NOW_NS, until_ns=NOW_NS + 10)
    found = tokens.of_token(session, secret, now_ns=NOW_NS + 9)
    assert (found.permissions, found.role, found.csrf) == (may, None, "")
    assert tokens.of_token(session, secret, now_ns=NOW_NS + 10) is None
    assert tokens.of_token(session, "menshen_guess", now_ns=NOW_NS) is None
    stored = session.scalars(select(ApiToken)).one()
    assert secret.encode() not in stored.digest
    for name, permissions in [("reports", may), ("", may), ("x" * 61, may), ("none", set())]:
        with pytest.raises(Refused):
            tokens.add_token(session, name, permissions, by="chief", now_ns=NOW_NS)


def test_a_token_is_good_for_no_more_than_its_owner_may_do_and_ends_with_them(session):
    user = add(session)
    secret = tokens.add_token(
        session, "mine", {Permission.BOARD, Permission.RECORDS}, by=user.login, owner=user.login, now_ns=NOW_NS
    )
    assert tokens.of_token(session, secret, now_ns=NOW_NS).may(Permission.RECORDS)
    user.role = Role.GUARD
    session.flush()
    assert tokens.of_token(session, secret, now_ns=NOW_NS).permissions == {Permission.BOARD}
    with pytest.raises(Refused, match="no permission that its owner does not have"):
        tokens.add_token(session, "more", {Permission.RECORDS}, by=user.login, owner=user.login, now_ns=NOW_NS)
    desk.disable(session, user.login, by="chief", now_ns=NOW_NS)
    assert tokens.of_token(session, secret, now_ns=NOW_NS) is None


def test_a_token_that_was_taken_back_is_none_and_only_its_owner_or_an_administrator_takes_it(session):
    user = add(session)
    secret = tokens.add_token(session, "mine", {Permission.BOARD}, by=user.login, owner=user.login, now_ns=NOW_NS)
    number = tokens.listed(session, user.login)[0].id
    assert tokens.listed(session, "other") == []
    assert not tokens.revoke(session, number, by="other", owner="other", now_ns=NOW_NS)
    tokens.used(session, secret, now_ns=NOW_NS)
    assert tokens.listed(session, None)[0].used_ns == NOW_NS
    assert tokens.revoke(session, number, by=user.login, owner=user.login, now_ns=NOW_NS)
    assert not tokens.revoke(session, number, by="chief", now_ns=NOW_NS)
    assert tokens.of_token(session, secret, now_ns=NOW_NS) is None


def test_every_role_is_in_the_table_and_no_health_data_is_for_those_who_keep_the_system_or_the_gate():
    assert set(MAY) == set(Role)
    assert not may(Role.ADMIN, Permission.HEALTH)
    assert not may(Role.GUARD, Permission.HEALTH)
    assert not any(may(Role.AUDITOR, permission) for permission in Permission if "edit" in permission)
    assert all(any(may(role, permission) for role in Role) for permission in Permission)


def test_the_record_is_whole_as_long_as_nobody_touches_it(session):
    for number in range(5):
        audit.note(session, NOW_NS + number, "li.lei", "person-seen", f"person {number}", page="file", n=number)
    assert audit.verify(session) == (5, None)
    assert audit.head(session) != bytes(32)


def test_the_newest_entries_are_verified_alone_and_what_was_done_to_one_of_them_is_found(session):
    assert audit.verify_newest(session, 3) == (0, None)
    ids = [audit.note(session, NOW_NS + number, "li.lei", "seen", f"person {number}").id for number in range(5)]
    assert audit.verify_newest(session, 3) == (3, None)
    assert audit.verify_newest(session, 5) == audit.verify_newest(session, 6) == (5, None)
    for victim, newest, whole in ((ids[3], (1, ids[3]), 3), (ids[0], (3, None), 0)):
        for who, found, all_found in (("forged", newest, (whole, victim)), ("li.lei", (3, None), (5, None))):
            session.execute(update(AuditEntry).where(AuditEntry.id == victim).values(who=who))
            session.expire_all()
            assert audit.verify_newest(session, 3) == found
            assert audit.verify(session) == all_found


TAMPER = st.sampled_from(["who", "action", "subject", "detail", "at_ns", "digest", "gone", "swapped"])


@settings(max_examples=25, deadline=None)
@given(TAMPER, st.integers(0, 3))
def test_whatever_is_done_to_an_entry_that_others_follow_is_found(how, index):
    engine = database.engine("sqlite://")
    database.upgrade(engine)
    with Session(engine) as session:
        entries = [audit.note(session, NOW_NS + n, f"user-{n}", "seen", f"person {n}", n=n) for n in range(5)]
        victim, follower = entries[index].id, entries[index + 1].id
        if how == "gone":
            session.delete(entries[index])
        elif how == "swapped":
            fields = ("at_ns", "who", "action", "subject", "detail", "digest")
            first, second = ({name: getattr(entry, name) for name in fields} for entry in entries[index : index + 2])
            session.execute(update(AuditEntry).where(AuditEntry.id == victim).values(**second))
            session.execute(update(AuditEntry).where(AuditEntry.id == follower).values(**first))
        else:
            forged: object = {"at_ns": 1, "digest": b"\1" * 32}.get(how, "forged")
            session.execute(update(AuditEntry).where(AuditEntry.id == victim).values({how: forged}))
        session.flush()
        session.expire_all()
        assert audit.verify(session) == (index, follower if how == "gone" else victim)
    engine.dispose()
