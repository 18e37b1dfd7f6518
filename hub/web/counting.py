"""A day of a large plant that nobody has asked for takes a second or two to count: the page says so at once, and comes
by itself when it is done. Small plants, and days that are counted, are never kept waiting like that."""

from __future__ import annotations

import asyncio
from datetime import date

from fastapi import Request, Response

from hub.accounts.desk import Who
from hub.duties.desk import DutyDesk
from hub.web.access import Access

LARGE = 5000
"""So many people are counted in the time of a page."""
WAIT_S = 0.05
AGAIN_S = 1


async def being_counted(
    request: Request, access: Access, who: Who, heading: str, desk: DutyDesk, day: date
) -> Response | None:
    """The page that says that the day is being counted; None where it is. Raises `DatabaseError`, `JournalError`."""
    if desk.has(day) or await desk.people() < LARGE:
        return None
    counting = desk.counting(day)
    await asyncio.wait([counting], timeout=WAIT_S)
    if counting.done():
        counting.result()  # or what went wrong
        return None
    answer = access.draw(request, who, "counting.html", heading, 202, day=day, again_s=AGAIN_S)
    answer.headers["Retry-After"] = str(AGAIN_S)
    return answer
