"""Badge readers that speak OSDP (IEC 60839-11-5) over RS-485, under Secure Channel, by libosdp.

libosdp wants to be asked every 20 ms or so; a thread of its own does that. A reader that falls silent is noticed by it
after some 10 s and then left alone for 300 s, so a new start is a new panel.
"""

from __future__ import annotations

import asyncio
import os
import re
import select
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from edge.clock import Instant, Timekeeper
from edge.drivers.base import BadgeRead
from edge.drivers.feed import Feed, Reader
from edge.drivers.needs import Needs
from edge.drivers.port import PortSettings, open_port, read_port
from edge.drivers.wiegand_bits import MAX_BITS, WiegandFormat
from wire.errors import DriverError

if TYPE_CHECKING:
    from osdp import ControlPanel
    from serial import Serial

ASK_EVERY_S = 0.02
MOST_AT_ONCE = 512
KEY_BYTES = 16
EVENT_CARD, EVENT_NOTE, NOTE_SECURE_CHANNEL, FORMAT_ASCII = 1, 5, 1, 2
"""libosdp's numbers (osdp.h: osdp_event_type, osdp_event_notification_type, osdp_event_cardread_format_e)."""
NO_ANSWER = "does not answer: wired and powered, at this address and speed?"
MAKE_KEY = "make one with: python3 -c 'import secrets; print(secrets.token_hex(16))'"


class OsdpReader(Reader[BadgeRead]):
    """The panel's side of one reader. A reader that does not prove that it has the key is not listened to."""

    needs = Needs("osdp", ("osdp", "serial"))

    class Settings(PortSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
        key_file: str
        """File with the reader's Secure Channel base key: 32 hex digits, readable by the agent alone."""
        address: Annotated[int, Meta(ge=0, le=126)] = 0
        """The reader's OSDP address."""
        card: WiegandFormat | None = None
        """Format of the cards' bits; left out, all bits as hex digits."""
        install: bool = False
        """The reader still has its default key: give it ours. Once, on a line that nobody else can hear."""
        timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
        """How long a reader may take until Secure Channel stands."""

    def __init__(self, settings: Settings, timekeeper: Timekeeper) -> None:
        super().__init__(f"OSDP reader {settings.address} at {settings.port}", timekeeper)
        self._settings = settings
        self._line: _Line | None = None
        self._panel: _Panel | None = None

    async def _open(self, feed: Feed[BadgeRead]) -> None:
        key = await asyncio.to_thread(read_key, Path(self._settings.key_file))
        try:
            await self._connect(feed, key)
        except _OtherKey:
            # libosdp says the same of a reader that was slow to answer once, and would not try again for ten minutes.
            await self._close()
            await self._connect(feed, key)

    async def _connect(self, feed: Feed[BadgeRead], key: bytes) -> None:
        loop = asyncio.get_running_loop()
        hearing = _Hearing(self._settings, feed)
        self._line = line = _Line(open_port(self._settings), lambda why: loop.call_soon_threadsafe(feed.fail, why))

        def on_event(_: int, event: dict[str, Any]) -> int:
            loop.call_soon_threadsafe(hearing.take, event, self._timekeeper.now())
            return 0

        self._panel = _Panel(_control_panel(self._settings, key, line, on_event))
        await self._secured(hearing, line)

    async def _secured(self, hearing: _Hearing, line: _Line) -> None:
        """Wait until the reader has proved that it has the key. Raises `DriverError`."""
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                has_key = await hearing.proved
        except TimeoutError as error:
            heard = "answers, but Secure Channel does not come up: is it switched on?" if line.heard else NO_ANSWER
            raise DriverError(f"{self._name}: {heard}") from error
        if not has_key:
            raise _OtherKey(f"{self._name}: has another key than {self._settings.key_file}; see `install`")

    async def _close(self) -> None:
        panel, self._panel = self._panel, None
        line, self._line = self._line, None
        if panel is not None:
            await asyncio.to_thread(panel.close)
        if line is not None:
            line.port.close()


class _OtherKey(DriverError):
    """The reader did not prove that it has the key."""


class _Hearing:
    """What the panel's events mean; on the event loop. `proved` comes to be whether the reader has the key."""

    def __init__(self, settings: OsdpReader.Settings, feed: Feed[BadgeRead]) -> None:
        self.proved: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._settings = settings
        self._feed = feed

    def take(self, event: dict[str, Any], at: Instant) -> None:
        if event["event"] == EVENT_CARD and self._is_secure():
            number = card_number(event, self._settings.card)
            if number is not None:
                self._feed.put(BadgeRead(number, at))
        elif event["event"] == EVENT_NOTE and event["type"] == NOTE_SECURE_CHANNEL:
            self._secure_channel(up=bool(event["arg0"]), default_key=bool(event["arg1"]))

    def _is_secure(self) -> bool:
        return self.proved.done() and not self.proved.cancelled() and self.proved.result()

    def _secure_channel(self, *, up: bool, default_key: bool) -> None:
        if self._is_secure():
            if not up:
                self._feed.fail("lost: it does not answer any more")
        elif not self.proved.done() and not default_key and (up or not self._settings.install):
            self.proved.set_result(up)


class _Line:
    """The port as libosdp uses it, from its thread; `heard` counts bytes from the reader."""

    def __init__(self, port: Serial, on_fault: Callable[[str], object]) -> None:
        self.port = port
        self.heard = 0
        self._on_fault = on_fault

    def read(self, most: int) -> bytes:
        try:
            if not select.select([self.port], [], [], 0)[0]:
                return b""
            data = read_port(self.port, most)
        except OSError as error:
            self._on_fault(f"the port was lost: {error.strerror or error}")
            return b""
        self.heard += len(data)
        return data

    def write(self, data: bytes) -> int:
        try:
            return os.write(self.port.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._on_fault(f"the port was lost: {error.strerror or error}")
            return len(data)

    def flush(self) -> None:
        """What was heard before is of no use to libosdp."""
        self.read(MOST_AT_ONCE)


class _Panel:
    """Asks the reader again and again in a thread, until it is closed. The thread never keeps the process alive."""

    def __init__(self, panel: ControlPanel) -> None:
        self._panel = panel
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="osdp", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Blocks for at most a question's time."""
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(ASK_EVERY_S):
            self._panel.ctx.refresh()


def _control_panel(
    settings: OsdpReader.Settings, key: bytes, line: _Line, on_event: Callable[[int, dict[str, Any]], int]
) -> ControlPanel:
    from osdp import ControlPanel, LibFlag, LogLevel, PDInfo

    mode = LibFlag.InstallMode if settings.install else LibFlag.EnforceSecure
    reader = PDInfo(settings.address, line, scbk=key, flags=[mode, LibFlag.EnableNotification])
    return ControlPanel([reader], log_level=LogLevel.Emergency, event_handler=on_event)


def read_key(path: Path) -> bytes:
    """The key in a file that nobody else may read. Raises `DriverError`, never showing it."""
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise DriverError(f"OSDP key {path}: is open to others; run: chmod 600 {path}")
        text = path.read_text("ascii").strip()
    except OSError as error:
        raise DriverError(f"OSDP key {path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DriverError(f"OSDP key {path}: not text; {MAKE_KEY}") from error
    if not re.fullmatch(f"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}", text):
        raise DriverError(f"OSDP key {path}: {len(text)} characters, expected {2 * KEY_BYTES} hex digits; {MAKE_KEY}")
    return bytes.fromhex(text)


def card_number(event: Mapping[str, Any], form: WiegandFormat | None) -> str | None:
    """The number in a card event of libosdp; None where its data cannot be one."""
    data, length = bytes(event["data"]), int(event["length"])
    if event["format"] == FORMAT_ASCII:
        text = data[:length].decode("ascii", "replace").strip()
        return text if text.isalnum() and text.isascii() else None
    if not 4 <= length <= min(MAX_BITS, 8 * len(data)):
        return None
    bits = "".join(f"{byte:08b}" for byte in data)[:length]
    return form.number(bits) if form is not None else f"{int(bits, 2):0{-(-length // 4)}X}"
