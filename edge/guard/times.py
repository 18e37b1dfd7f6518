"""Times as a guard reads them: the site's own clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

_S = 10**9


class Times:
    """Wall-clock times of a zone that is `utc_offset_h` ahead of UTC."""

    def __init__(self, utc_offset_h: float) -> None:
        self._zone = timezone(timedelta(hours=utc_offset_h))

    def clock(self, time_ns: int, now_ns: int) -> str:
        """`08:12:03`, with the date before it where that is another day than `now_ns`."""
        moment, now = self._local(time_ns), self._local(now_ns)
        return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%m-%d %H:%M}"

    def _local(self, time_ns: int) -> datetime:
        return datetime.fromtimestamp(time_ns // _S, UTC).astimezone(self._zone)
