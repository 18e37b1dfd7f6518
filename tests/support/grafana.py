"""A double of the part of Grafana's HTTP API that `menshen boards push` uses, as strict as the original.

Folders, data sources by uid, and `/api/dashboards/db` with its versions: a save that does not name the version that is
there is 412 (`version-mismatch`), one with the title of another board of the folder 412 (`name-exists`), a board that
files provide cannot be saved (400), and what a role may not do is 403.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.servers import free_port

Json = dict[str, Any]


class Refused(Exception):
    def __init__(self, code: int, **body: Any) -> None:
        super().__init__(code)
        self.status = code
        self.body = body


class FakeGrafana:
    """`tokens` says which role each token has. `migrate` is what the server makes of a board that it keeps."""

    def __init__(self) -> None:
        self.tokens = {"admin": "Admin", "editor": "Editor", "viewer": "Viewer"}
        self.folders: dict[str, Json] = {}
        self.sources: dict[str, Json] = {}
        self.boards: dict[str, Json] = {}
        self.provisioned: set[str] = set()
        self.writes: list[str] = []
        self.migrate: Callable[[Json], Json] = dict
        self.before_save: Callable[[], None] = lambda: None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = json.loads(self.rfile.read(length)) if length else None
                try:
                    status, body = 200, fake.answer(self.command, self.path, self.headers, sent)
                except Refused as refused:
                    status, body = refused.status, refused.body
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *arguments: object) -> None:
                """Tests read what was written."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, headers: Any, sent: Any) -> Any:
        if path == "/api/health":
            return {"commit": "abc", "database": "ok", "version": "11.2.0"}
        role = self.tokens.get((headers.get("Authorization") or "").removeprefix("Bearer "))
        if role is None:
            raise Refused(401, message="Invalid API key")
        if method != "GET" and (role == "Viewer" or ("/datasources" in path and role != "Admin")):
            raise Refused(403, message="You'll need additional permissions to perform this action")
        if "/datasources" in path and role == "Viewer":
            raise Refused(403, message="You'll need additional permissions to perform this action")
        for pattern, work in _ROUTES:
            found = re.fullmatch(pattern, f"{method} {path}")
            if found:
                if method != "GET":
                    self.writes.append(f"{method} {path}")
                return work(self, *found.groups(), *([sent] if sent is not None else []))
        raise Refused(404, message="Not found")

    def folder(self, uid: str) -> Json:
        if uid not in self.folders:
            raise Refused(404, message="folder not found")
        return self.folders[uid]

    def make_folder(self, sent: Json) -> Json:
        if sent["uid"] in self.folders:
            raise Refused(412, message="the folder has been changed by someone else", status="version-mismatch")
        self.folders[sent["uid"]] = {"id": len(self.folders) + 1, "uid": sent["uid"], "title": sent["title"]}
        return self.folders[sent["uid"]]

    def source(self, uid: str) -> Json:
        if uid not in self.sources:
            raise Refused(404, message="Data source not found")
        return self.sources[uid]

    def make_source(self, sent: Json) -> Json:
        if sent["uid"] in self.sources or any(one["name"] == sent["name"] for one in self.sources.values()):
            raise Refused(409, message="data source with the same name already exists")
        return self._keep_source(len(self.sources) + 1, sent)

    def save_source(self, number: str, sent: Json) -> Json:
        there = next((one for one in self.sources.values() if one["id"] == int(number)), None)
        if there is None:
            raise Refused(404, message="Data source not found")
        if there["readOnly"]:
            raise Refused(403, message="Cannot update read-only data source")
        return self._keep_source(there["id"], sent)

    def _keep_source(self, number: int, sent: Json) -> Json:
        secret = sent.pop("secureJsonData", None) or {}
        kept = {**sent, "id": number, "readOnly": False, "orgId": 1, "secureJsonFields": dict.fromkeys(secret, True)}
        self.sources[sent["uid"]] = kept
        return {"datasource": kept, "id": number, "message": "Datasource added", "name": sent["name"]}

    def board(self, uid: str) -> Json:
        if uid not in self.boards:
            raise Refused(404, message="Dashboard not found")
        board = self.boards[uid]
        meta = {"provisioned": uid in self.provisioned, "version": board["version"], "folderUid": "menshen"}
        return {"dashboard": self.migrate(board), "meta": meta}

    def save_board(self, sent: Json) -> Json:
        self.before_save()
        board = sent["dashboard"]
        uid, there = board.get("uid"), self.boards.get(board.get("uid", ""))
        if not board.get("title"):
            raise Refused(400, message="Dashboard title cannot be empty")
        if sent.get("folderUid") and sent["folderUid"] not in self.folders:
            raise Refused(400, message="folder not found")
        if uid in self.provisioned:
            raise Refused(400, message="Cannot save provisioned dashboard")
        if there is not None and not sent.get("overwrite") and board.get("version") != there["version"]:
            raise Refused(412, message="The dashboard has been changed by someone else", status="version-mismatch")
        version = 1 if there is None else there["version"] + 1
        self.boards[uid] = {**board, "id": len(self.boards) + 1, "version": version}
        return {"id": 1, "uid": uid, "status": "success", "version": version, "slug": "x", "url": f"/d/{uid}/x"}


_ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (r"GET /api/folders/([\w-]+)", FakeGrafana.folder),
    (r"POST /api/folders", FakeGrafana.make_folder),
    (r"GET /api/datasources/uid/([\w-]+)", FakeGrafana.source),
    (r"POST /api/datasources", FakeGrafana.make_source),
    (r"PUT /api/datasources/(\d+)", FakeGrafana.save_source),
    (r"GET /api/dashboards/uid/([\w-]+)", FakeGrafana.board),
    (r"POST /api/dashboards/db", FakeGrafana.save_board),
]
