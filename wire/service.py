"""What a process says to the service manager that runs it: sd_notify(3), by a datagram to `$NOTIFY_SOCKET`.

Without a service manager everything here does nothing.
"""

from __future__ import annotations

import os
import socket

import structlog

log = structlog.get_logger(__name__)


def notify(**said: str | int) -> bool:
    """Say `READY=1`, `STATUS=…`, `WATCHDOG=1`, `STOPPING=1` and the like; whether somebody listens.

    Never raises: a service manager that is away must not stop a gate.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):  # Linux's abstract names
        address = "\0" + address[1:]
    text = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in said.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.setblocking(False)
            channel.sendto(text.encode(), address)
    except OSError as error:
        log.warning("the service manager does not listen", error=str(error))
        return False
    return True


def watchdog_s() -> float | None:
    """Within which time the service manager wants to hear `WATCHDOG=1` of this process (sd_watchdog_enabled(3))."""
    wanted, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not wanted.isdigit() or int(wanted) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(wanted) / 1e6
