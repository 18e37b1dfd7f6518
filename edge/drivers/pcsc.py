"""Badge readers on PC/SC (USB desk readers, NFC): the card's serial number, asked for by FF CA 00 00 00.

The command is that of PC/SC part 3 (3.2.2.1.3, Get Data). PC/SC only knows blocking calls: a thread of its own waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from msgspec import Struct

from edge.clock import Instant, Timekeeper
from edge.drivers.base import BadgeRead
from edge.drivers.feed import Feed, Reader
from edge.drivers.needs import Needs
from wire.errors import DriverError

log = structlog.get_logger(__name__)

GET_UID = (0xFF, 0xCA, 0x00, 0x00, 0x00)
SUCCESS = (0x90, 0x00)
LONGEST_UID = 10
WAIT_MS = 500
"""After so long a wait the thread looks whether it is to end."""


class PcscReader(Reader[BadgeRead]):
    """Watches one reader; each card that is laid on it is told once."""

    needs = Needs("pcsc", ("smartcard.scard",))

    class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        reader: str | None = None
        """Part of the reader's name (`pcsc_scan` lists them); left out, the only reader there is."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"PC/SC reader {settings.reader or '(the only one)'}", timekeeper)
        self._settings = settings
        self._watch: _Watch | None = None

    async def _open(self, feed: Feed[BadgeRead]) -> None:
        loop = asyncio.get_running_loop()

        def read(number: str, at: Instant) -> None:
            loop.call_soon_threadsafe(feed.put, BadgeRead(number, at))

        def lost(why: str) -> None:
            loop.call_soon_threadsafe(feed.fail, f"lost: {why}")

        self._watch = _Watch(self._settings.reader, self._timekeeper, read, lost)
        try:
            await asyncio.to_thread(self._watch.open)
        except _Failed as error:
            raise DriverError(f"{self._name}: cannot be opened: {error}") from error

    async def _close(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await asyncio.to_thread(watch.close)


class _Failed(Exception):
    """What PC/SC answered."""


class _Watch:
    """A reader, and the thread that waits for its cards. The thread never keeps the process alive."""

    def __init__(
        self,
        wanted: str | None,
        timekeeper: Timekeeper,
        read: Callable[[str, Instant], None],
        lost: Callable[[str], None],
    ) -> None:
        self._wanted = wanted
        self._timekeeper = timekeeper
        self._read = read
        self._lost = lost
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pcsc", daemon=True)
        self._context: Any = None
        self._reader = ""

    def open(self) -> None:
        """Find the reader and begin. Raises `_Failed`."""
        from smartcard import scard

        self._context = _done(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        self._reader = self._chosen(_done(scard.SCardListReaders(self._context, [])))
        self._thread.start()

    def close(self) -> None:
        from smartcard import scard

        self._over.set()
        if self._context is not None:
            scard.SCardCancel(self._context)
        if self._thread.is_alive():
            self._thread.join()
        if self._context is not None:
            scard.SCardReleaseContext(self._context)
            self._context = None

    def _chosen(self, readers: Sequence[str]) -> str:
        found = [name for name in readers if self._wanted is None or self._wanted in name]
        if len(found) == 1:
            return found[0]
        there = "; ".join(readers) or "none"
        raise _Failed(f"{len(found)} readers have such a name, expected one; there are: {there}")

    def _run(self) -> None:
        try:
            self._wait_for_cards()
        except _Failed as error:
            if not self._over.is_set():
                self._lost(str(error))

    def _wait_for_cards(self) -> None:
        """A card that lies there at the start counts: nobody is told apart from somebody who came just now."""
        from smartcard import scard

        state = scard.SCARD_STATE_UNAWARE
        present = False
        while not self._over.is_set():
            answer = scard.SCardGetStatusChange(self._context, WAIT_MS, [(self._reader, state)])
            if answer[0] == scard.SCARD_E_TIMEOUT:
                continue
            (_, state, _), *_ = _done(answer)
            if state & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
                raise _Failed("it was unplugged")
            there = bool(state & scard.SCARD_STATE_PRESENT) and not state & scard.SCARD_STATE_MUTE
            if there and not present:
                self._tell_card(self._timekeeper.now())
            present = there

    def _tell_card(self, at: Instant) -> None:
        try:
            number = uid_of(self._asked())
        except _Failed as error:
            log.info("card not read", reader=self._reader, error=str(error))
            return
        if number is None:
            log.info("card tells no number", reader=self._reader)
        else:
            self._read(number, at)

    def _asked(self) -> tuple[Sequence[int], int, int]:
        """What the card answers to the question for its number: data and status bytes. Raises `_Failed`."""
        from smartcard import scard

        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        card, protocol = _done(scard.SCardConnect(self._context, self._reader, scard.SCARD_SHARE_SHARED, protocols), 2)
        try:
            how = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0
            answer = _done(scard.SCardTransmit(card, how, list(GET_UID)))
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        *data, first, second = answer if len(answer) >= len(SUCCESS) else (0, 0)
        return data, first, second


def uid_of(answer: tuple[Sequence[int], int, int]) -> str | None:
    """The number in an answer, as hex digits; None where the card refused, or gave what is no number."""
    data, *status = answer
    if tuple(status) != SUCCESS or not 4 <= len(data) <= LONGEST_UID or not any(data):
        return None
    return bytes(data).hex().upper()


def _done(answer: Sequence[Any], results: int = 1) -> Any:  # noqa: ANN401 - whatever the call gives
    """What a call of PC/SC gave beside its return code. Raises `_Failed` with the code's words."""
    from smartcard import scard

    if answer[0] != scard.SCARD_S_SUCCESS:
        raise _Failed(scard.SCardGetErrorMessage(answer[0]).rstrip("."))
    return answer[1] if results == 1 else answer[1 : 1 + results]
