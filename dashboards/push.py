"""Boards to a Grafana server through its API: what is missing is made, what is old brought up, the rest left alone.

Only what is ours is touched: the folder and the data source by their uids, boards by their uids and our tag. A board
carries the digest of what we wrote (`render.stamped`), so a Grafana that keeps JSON otherwise than it was given (newer
ones migrate it) makes no difference. An update names the version that we saw: whoever saved meanwhile is not overrun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import requests
from grafana_client import GrafanaApi
from grafana_client.client import GrafanaException, TokenAuth

from dashboards.board import DATA_SOURCE_UID, FOLDER_UID, TAG, Board
from dashboards.files import FOLDER
from dashboards.render import Json, Setting, board_json, digest_of, stamp_of, stamped
from hub.web.words import LANGS, Lang
from wire.errors import MenshenError

T = TypeVar("T")
TIMEOUT_S = 20.0


class Influx(NamedTuple):
    """Where Grafana finds the time series; with a token for InfluxDB 2.x and 3.x, with a user for 1.x."""

    url: str
    database: str = "menshen"
    user: str = ""
    password: str = ""
    token: str = ""


class Said(NamedTuple):
    """What was done, or would be, about one thing: `made`, `changed`, `left`."""

    what: str
    done: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.done}{f' ({self.why})' if self.why else ''}"


class Api(Protocol):
    """The part of grafana-client that is used; its own types say nothing."""

    folder: Any
    datasource: Any
    dashboard: Any
    health: Any


def connect(url: str, token: str) -> Api:
    """An API of the server, proved to answer. Raises `MenshenError`."""
    api: Api = GrafanaApi.from_url(url, credential=TokenAuth(token), timeout=TIMEOUT_S)
    _ask(f"{url}: is this a Grafana?", api.health.check)
    return api


class Push:
    """One push. With `dry` nothing is written. Methods raise `MenshenError` for what a person has to mend."""

    def __init__(self, api: Api, *, dry: bool = False) -> None:
        self._api = api
        self._dry = dry

    def run(self, boards: Iterator[tuple[Board, Lang, Json]], influx: Influx | None) -> Iterator[Said]:
        """Tells of each thing as it is done."""
        yield self._folder()
        yield self._source(influx)
        for board, lang, json in boards:
            yield self._board(board.uid(lang), json)

    def _folder(self) -> Said:
        what = f"folder {FOLDER}"
        if self._found(what, self._api.folder.get_folder, FOLDER_UID) is not None:
            return Said(what, "left")
        self._write(what, lambda: self._api.folder.create_folder(FOLDER, FOLDER_UID))
        return Said(what, "made")

    def _source(self, influx: Influx | None) -> Said:
        what = "data source Menshen"
        there = self._found(what, self._api.datasource.get_datasource_by_uid, DATA_SOURCE_UID)
        if influx is None:
            if there is None:
                raise MenshenError(f"{what}: there is none; say where the time series are with --influx-url")
            return Said(what, "left")
        wanted = source_json(influx)
        if there is None:
            self._write(what, lambda: self._api.datasource.create_datasource(wanted))
            return Said(what, "made")
        if there.get("readOnly"):
            return Said(what, "left", "it is kept by provisioning files")
        if _covers(there, {key: value for key, value in wanted.items() if key != "secureJsonData"}):
            return Said(what, "left")
        self._write(what, lambda: self._api.datasource.update_datasource(there["id"], wanted))
        return Said(what, "changed")

    def _board(self, uid: str, json: Json) -> Said:
        what = f"board {uid}"
        there = self._found(what, self._api.dashboard.get_dashboard, uid)
        if there is None:
            self._write(what, lambda: self._api.dashboard.update_dashboard(_payload(stamped(json))))
            return Said(what, "made")
        meta, now = there.get("meta", {}), there["dashboard"]
        if TAG not in (now.get("tags") or []):
            return Said(what, "left", f"it is not ours: it has not the tag {TAG}")
        if meta.get("provisioned"):
            return Said(what, "left", "it is kept by provisioning files")
        if stamp_of(now) == digest_of(json):
            return Said(what, "left")
        newer = {**stamped(json), "version": now.get("version", meta.get("version", 0))}
        self._write(what, lambda: self._api.dashboard.update_dashboard(_payload(newer)))
        return Said(what, "changed")

    def _found(self, what: str, get: Callable[[str], T], uid: str) -> T | None:
        try:
            return _ask(what, lambda: get(uid))
        except Missing:
            return None

    def _write(self, what: str, work: Callable[[], object]) -> None:
        if not self._dry:
            _ask(what, work)


class Missing(MenshenError):
    """The server has no such thing."""


def source_json(influx: Influx) -> Json:
    """The data source as Grafana wants it. What is secret is never read back: a secret alone changes nothing."""
    details: Json = {"dbName": influx.database, "httpMode": "POST", "version": "InfluxQL"}
    secrets: dict[str, str] = {}
    if influx.token:
        details["httpHeaderName1"] = "Authorization"
        secrets["httpHeaderValue1"] = f"Token {influx.token}"
    if influx.password:
        secrets["password"] = influx.password
    return {
        "access": "proxy",
        "database": influx.database,
        "jsonData": details,
        "name": "Menshen",
        "secureJsonData": secrets,
        "type": "influxdb",
        "uid": DATA_SOURCE_UID,
        "url": influx.url,
        "user": influx.user,
    }


def _payload(json: Json) -> Json:
    return {
        "dashboard": {"id": None, **json},
        "folderUid": FOLDER_UID,
        "message": "menshen boards push",
        "overwrite": False,
    }


def _covers(there: Json, wanted: Json) -> bool:
    """Whether what is there has everything that is wanted, whatever else Grafana added."""
    return all(
        _covers(there.get(key) or {}, value) if isinstance(value, dict) else (there.get(key) or "") == (value or "")
        for key, value in wanted.items()
    )


def _ask(what: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except GrafanaException as error:
        raise _explained(what, error) from error
    except (requests.RequestException, ValueError) as error:
        raise MenshenError(f"{what}: {error}; expected a Grafana server's address") from error


_WHY = {
    401: "the token is not valid; make one for a service account with the role Editor (Admin for the data source)",
    403: "the token may not do this; a service account needs the role Editor (Admin for the data source)",
    412: "somebody saved it meanwhile, or another has its name; look at it and push again",
}


def _explained(what: str, error: GrafanaException) -> MenshenError:
    status = int(error.status_code or 0)
    if status == 404:
        return Missing(f"{what}: not found")
    why = _WHY.get(status) or str(error.message)
    return MenshenError(f"{what}: Grafana says {status}: {why}")


def all_boards(boards: Sequence[Board], setting: Setting) -> Iterator[tuple[Board, Lang, Json]]:
    """Each board in each language."""
    for board in boards:
        for lang in LANGS:
            yield board, lang, board_json(board, lang, setting)
