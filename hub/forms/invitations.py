"""Visitors who register themselves: a host's invitation, the visitor's form, the site's word. Work on a session.

    invited ── the visitor fills in (and may again) ──► filled ─┬─ approved ──► a visit with its pass, and the vehicle's
       └────────────── over, or refused ──────────────┘         └─ refused      permission for its time

Who may not come is not let in by a form: a visitor from a listed area is shown as one to whoever decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from hub.accounts.audit import note
from hub.forms.models import Decision, Invitation
from hub.registry import visitors
from hub.registry.entries import is_listed
from hub.registry.fields import VEHICLES, Fault, Field, Kind, Unfit, date_of, short_text, time_of
from hub.registry.models import ListedArea, Vehicle
from hub.registry.office import Touched
from hub.registry.records import Hand
from hub.registry.visitors import Guest, Moment
from wire.tokens import TokenKind, token

LINK = "visit"
LISTED = 200
INVITING = Kind(
    "invitations",
    (
        Field("host", "host", "被访人", (), short_text(80), required=True),
        Field("day", "day", "日期", (), date_of, None, required=True),
        Field("from", "from", "开始", (), time_of, required=True),
        Field("until", "until", "结束", (), time_of, required=True),
    ),
    "host",
    (),
)
FORM = Kind(
    "visitors",
    (
        Field("name", "name", "姓名", (), short_text(80), required=True),
        Field("telephone", "telephone", "电话", (), short_text(40), required=True),
        Field("company", "company", "单位", (), short_text(80)),
        Field("reason", "reason", "事由", (), short_text(200), required=True),
        Field("plate", "plate", "车牌", (), VEHICLES.field("plate").read),
    ),
    "name",
    (),
)


class Waiting(NamedTuple):
    """An invitation that was filled in; `listed`: the visitor was in an area of the site's list."""

    invitation: Invitation
    listed: bool


_ORIGIN_MOST = 80
"""Characters of where somebody has been that the register keeps."""


def invite(session: Session, texts: Mapping[str, str], hand: Hand, moment_ns: Moment) -> Invitation:
    """Ask for a visit. Raises `Unfit`."""
    values = _read(INVITING, texts)
    host = visitors.host_of(session, str(values["host"]))
    from_ns, until_ns = visitors.times_of(values, hand, moment_ns)
    made = Invitation(host_id=host.id, from_ns=from_ns, until_ns=until_ns, made_ns=hand.now_ns, made_by=hand.by)
    session.add(made)
    session.flush()
    note(session, hand.now_ns, hand.by, "visitor-invited", f"invitation {made.id}")
    return made


def one(session: Session, number: int) -> Invitation | None:
    """An invitation with its host and its visit."""
    load = (joinedload(Invitation.host), joinedload(Invitation.visit))
    return session.scalars(select(Invitation).where(Invitation.id == number).options(*load)).one_or_none()


def is_open(invitation: Invitation, now_ns: int) -> bool:
    """Whether the visitor may fill in the form, or change it."""
    return invitation.decision is None and invitation.until_ns > now_ns


def fill(session: Session, number: int, texts: Mapping[str, str], now_ns: int) -> Invitation | None:
    """What a visitor says; None for an invitation that is decided or over. Raises `Unfit`."""
    invitation = one(session, number)
    if invitation is None or not is_open(invitation, now_ns):
        return None
    values = _read(FORM, texts)
    answers, faults = _answers(texts)
    if faults:
        raise Unfit(faults)
    for name, value in {**values, **answers}.items():
        setattr(invitation, name, value)
    invitation.filled_ns = now_ns
    note(session, now_ns, LINK, "invitation-filled", f"invitation {number}")
    return invitation


def approve(session: Session, number: int, hand: Hand) -> tuple[str | None, Touched]:
    """Let the visitor come: the number of the pass, None for an invitation that cannot be approved."""
    invitation = one(session, number)
    if not _may_be_decided(invitation, hand.now_ns) or invitation is None or invitation.host is None:
        return None, Touched()
    origin = invitation.travelled[:_ORIGIN_MOST]
    guest = Guest(invitation.name, invitation.telephone, invitation.company, invitation.reason, origin)
    span = (invitation.from_ns, invitation.until_ns)
    invitation.visit = visitors.register(session, guest, invitation.host, span, hand)
    _decide(session, invitation, Decision.APPROVED, hand.by, hand.now_ns)
    vehicles = [] if not invitation.plate else _let_drive(session, invitation, hand)
    return invitation.visit.person.number, Touched(people=[invitation.visit.person_id], vehicles=vehicles)


def refuse(session: Session, number: int, *, by: str, now_ns: int) -> bool:
    """The visitor may not come, or the invitation is taken back. False for one that is decided or over."""
    invitation = one(session, number)
    if invitation is None or not is_open(invitation, now_ns):
        return False
    _decide(session, invitation, Decision.REFUSED, by, now_ns)
    return True


def open_ones(session: Session, now_ns: int) -> tuple[list[Waiting], Sequence[Invitation]]:
    """Those that wait for a word, and those that no visitor has filled in yet; the next first."""
    query = select(Invitation).where(Invitation.decision.is_(None), Invitation.until_ns > now_ns)
    load = joinedload(Invitation.host)
    found = session.scalars(query.options(load).order_by(Invitation.from_ns).limit(LISTED)).all()
    areas = tuple(session.scalars(select(ListedArea.name)))
    waiting = [Waiting(row, is_listed(row.travelled, areas)) for row in found if row.filled_ns is not None]
    return waiting, [row for row in found if row.filled_ns is None]


def _may_be_decided(invitation: Invitation | None, now_ns: int) -> bool:
    return invitation is not None and is_open(invitation, now_ns) and invitation.filled_ns is not None


def _decide(session: Session, invitation: Invitation, decision: Decision, by: str, now_ns: int) -> None:
    invitation.decision, invitation.decided_by, invitation.decided_ns = decision, by, now_ns
    note(session, now_ns, by, f"invitation-{decision.value}", f"invitation {invitation.id}")


def _let_drive(session: Session, invitation: Invitation, hand: Hand) -> list[int]:
    """Register the visitor's vehicle for the time of the visit; one that is registered for longer stays as it is."""
    vehicle = session.scalars(select(Vehicle).where(Vehicle.plate == invitation.plate)).one_or_none()
    if vehicle is None:
        made = token(hand.key, TokenKind.PLATE, invitation.plate)
        vehicle = Vehicle(plate=invitation.plate, plate_token=made, created_ns=hand.now_ns, until_ns=hand.now_ns)
        session.add(vehicle)
    if vehicle.until_ns is None or vehicle.until_ns >= invitation.until_ns:
        return []
    vehicle.from_ns, vehicle.until_ns, vehicle.changed_ns = invitation.from_ns, invitation.until_ns, hand.now_ns
    vehicle.owner, vehicle.telephone = invitation.company or invitation.name, invitation.telephone
    vehicle.purpose = invitation.reason[:120]
    session.flush()
    note(session, hand.now_ns, hand.by, "vehicle-invited", f"vehicle {vehicle.id}")
    return [vehicle.id]


def _read(kind: Kind, texts: Mapping[str, str]) -> dict[str, Any]:
    values, faults = kind.read_all({field.name: texts.get(field.name, "") for field in kind.fields})
    if faults:
        raise Unfit(faults)
    return dict(values)


def _answers(texts: Mapping[str, str]) -> tuple[dict[str, str], list[Fault]]:
    """Journeys and contacts: yes or no, and a word more for yes."""
    answers: dict[str, str] = {}
    faults: list[Fault] = []
    for name in ("travelled", "contact"):
        what = " ".join(texts.get(f"{name}-what", "").split())[:200]
        match texts.get(name):
            case "no":
                answers[name] = ""
            case "yes" if what:
                answers[name] = what
            case _:
                faults.append(Fault(name, "required"))
    return answers, faults
