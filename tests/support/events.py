"""A few events for tests that do not care which."""

from __future__ import annotations

from wire.events import Disinfection, Outcome, PersonPassage, Reason, Temperature, Verdict

TIME_NS = 1_581_200_000_000_000_000


def routine(number: int = 1, time_ns: int = TIME_NS) -> Disinfection:
    """A routine event that knows its number."""
    return Disinfection(time_ns=time_ns, place="canteen", agent=str(number))


def fever(number: int = 1, time_ns: int = TIME_NS) -> PersonPassage:
    """An urgent event that knows its number."""
    return PersonPassage(
        time_ns=time_ns,
        passage=f"p-{number}",
        lane="people",
        outcome=Outcome.DENY,
        verdict=Verdict.FEVER,
        temperature=Temperature(skin_c=38.1, u_c=0.3, looks=3, limit_c=36.4),
        reasons=(Reason.FEVER,),
    )
