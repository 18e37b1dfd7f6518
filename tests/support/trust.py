"""A hub that gives certificates, over real files and a real database; and gates that ask it."""

from __future__ import annotations

import os
from pathlib import Path

from hub.settings import HubSettings
from hub.trust.settings import AuthoritySettings
from tests.support.servers import Mosquitto, free_port
from wire.link import BrokerSettings

TOKEN_KEY = b"a token key of the site, long enough"
SITE = "baotou-1"


def hub_settings(folder: Path, *, port: int | None = None, **authority: float) -> HubSettings:
    """Settings of a hub whose broker's files are in `folder / "broker"`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token.key").write_bytes(TOKEN_KEY)
    (folder / "mqtt.password").write_text("a long and random word\n")
    (folder / "mqtt.password").chmod(0o600)
    return HubSettings(
        site=SITE,
        data=str(folder),
        token_key_file=str(folder / "token.key"),
        broker=BrokerSettings(port=free_port(), username="hub", password_file=str(folder / "mqtt.password")),
        authority=AuthoritySettings(names=["localhost", "127.0.0.1"], port=port or free_port(), **authority),
    )


class TrustedMosquitto(Mosquitto):
    """Debian's mosquitto with the files that the hub wrote."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "process")
        self.port = port
        text = (folder / "mosquitto.conf").read_text()
        self._config = folder / "process" / "mosquitto.conf"
        # Started by root it goes on as a user of its own, who may not read what this test wrote.
        self._config.write_text(f"{text}user root\n" if os.geteuid() == 0 else text)

    def command(self) -> list[str]:
        return [self._binary, "-c", str(self._config)]
