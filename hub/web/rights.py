"""The rights of the console's callers, from its settings."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from hub.settings import HubSettings
from hub.web.alerts import Rights
from wire.errors import MenshenError

SHORTEST_KEY = 16


def make_rights(settings: HubSettings) -> Rights:
    """Raises `MenshenError` for a key that cannot be read or is too short to be one."""
    console = settings.console
    key = None if console.api_key_file is None else _key(Path(console.api_key_file))
    host = urlsplit(console.public_url).hostname if console.public_url else None
    return Rights(console.actions, key, host)


def _key(path: Path) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise MenshenError(f"API key {path}: {error.strerror}") from error
    if len(key) < SHORTEST_KEY:
        raise MenshenError(f"API key {path}: {len(key)} characters, expected at least {SHORTEST_KEY}")
    return key
