"""The files that a Grafana beside the hub reads by itself: boards, and where they and the data source are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dashboards.board import DATA_SOURCE_UID, FOLDER_UID
from dashboards.boards import BOARDS
from dashboards.render import Setting, board_json, stamped, text_of
from hub.web.words import LANGS
from wire.errors import MenshenError

FOLDER = "Menshen 门神"
WHERE_GRAFANA_FINDS_THEM = "/var/lib/grafana/dashboards/menshen"
"""By default; `menshen boards write --at` says otherwise."""

_PROVIDER = """\
# Written by `menshen boards write`. Belongs into Grafana's folder provisioning/dashboards.
apiVersion: 1
providers:
  - name: menshen
    folder: {folder}
    folderUid: {uid}
    type: file
    disableDeletion: false
    allowUiUpdates: false
    options:
      path: {path}
"""
_SOURCE = """\
# Written by `menshen boards write`. Belongs into Grafana's folder provisioning/datasources.
# {about}
# Grafana's environment says where the time series are: MENSHEN_INFLUX_URL, such as http://127.0.0.1:8086, and
# MENSHEN_INFLUX_DB, which hub.toml calls `bucket`.
apiVersion: 1
datasources:
  - name: Menshen
    uid: {uid}
    type: influxdb
    access: proxy
    url: $MENSHEN_INFLUX_URL
    database: $MENSHEN_INFLUX_DB
{user}    isDefault: false
    editable: false
    jsonData:
      dbName: $MENSHEN_INFLUX_DB
      httpMode: POST
      version: InfluxQL
{header}    secureJsonData:
{secret}"""
_WITH_PASSWORD = {
    "about": "For InfluxDB 1.x; where it asks for a password, MENSHEN_INFLUX_USER and MENSHEN_INFLUX_PASSWORD say it.",
    "user": "    user: $MENSHEN_INFLUX_USER\n",
    "header": "",
    "secret": "      password: $MENSHEN_INFLUX_PASSWORD\n",
}
_WITH_TOKEN = {
    "about": "For InfluxDB 2.x and 3.x, with MENSHEN_INFLUX_TOKEN. 2.x answers InfluxQL for a bucket by its\n"
    "# name, or by a DBRP mapping (`influx v1 dbrp create`).",
    "user": "",
    "header": "      httpHeaderName1: Authorization\n",
    "secret": "      httpHeaderValue1: Token $MENSHEN_INFLUX_TOKEN\n",
}


def contents(setting: Setting, at: str = WHERE_GRAFANA_FINDS_THEM) -> Iterator[tuple[str, str]]:
    """Each file's path and text."""
    for lang in LANGS:
        for board in BOARDS:
            yield f"dashboards/{lang}/{board.name}.json", text_of(stamped(board_json(board, lang, setting)))
    yield "provisioning/dashboards/menshen.yaml", _PROVIDER.format(folder=FOLDER, uid=FOLDER_UID, path=at)
    yield "provisioning/datasources/menshen.yaml", _SOURCE.format(uid=DATA_SOURCE_UID, **_WITH_PASSWORD)
    yield "provisioning/datasources-token/menshen.yaml", _SOURCE.format(uid=DATA_SOURCE_UID, **_WITH_TOKEN)


def write(out: Path, setting: Setting, at: str = WHERE_GRAFANA_FINDS_THEM) -> list[str]:
    """Write all of them; the paths of those that were not so already. Raises `MenshenError`."""
    changed = []
    try:
        for name, text in contents(setting, at):
            path = out / name
            if path.is_file() and path.read_text("utf-8") == text:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(name)
    except OSError as error:
        raise MenshenError(f"{out}: {error.strerror or error}; expected a folder to write into") from error
    return changed
