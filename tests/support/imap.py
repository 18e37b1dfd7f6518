"""A mailbox on a port of this machine that speaks IMAP4rev1 (RFC 3501) as far as a reader of new mail needs it."""

from __future__ import annotations

import re
import socketserver
import threading


class Mailbox:
    """Mails with their flags, for one user. `fails` answers NO to that command."""

    def __init__(self, user: str = "hub", password: str = "secret") -> None:
        self.mails: list[bytes] = []
        self.seen: set[int] = set()
        self.fails = ""
        self.commands: list[str] = []
        self._login = f'LOGIN {user} "{password}"'
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"* OK IMAP4rev1 ready\r\n")
                for line in self.rfile:
                    tag, _, command = line.decode().rstrip("\r\n").partition(" ")
                    self.wfile.write(box.answer(tag, command))
                    if command.upper() == "LOGOUT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, tag: str, command: str) -> bytes:
        self.commands.append(command)
        if self.fails and command.upper().startswith(self.fails):
            return f"{tag} NO [UNAVAILABLE] not now\r\n".encode()
        told = self._told(command)
        return b"".join(told) + f"{tag} {'OK' if told is not _BAD else 'NO'} done\r\n".encode()

    def _told(self, command: str) -> list[bytes]:
        words = command.upper()
        greeted = {"CAPABILITY": [b"* CAPABILITY IMAP4rev1\r\n"], "LOGOUT": [], "CLOSE": [], self._login.upper(): []}
        if words in greeted and not (words.startswith("LOGIN") and command != self._login):
            return greeted[words]
        if words.startswith("SELECT"):
            return [f"* {len(self.mails)} EXISTS\r\n".encode(), b"* OK [UIDVALIDITY 1] ok\r\n"]
        if words == "UID SEARCH UNSEEN":
            unseen = " ".join(str(n + 1) for n in range(len(self.mails)) if n + 1 not in self.seen)
            return [f"* SEARCH {unseen}".rstrip().encode() + b"\r\n"]
        if fetch := re.fullmatch(r"UID FETCH (\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", words):
            uid, most = int(fetch[1]), int(fetch[2])
            mail = self.mails[uid - 1][:most]
            return [f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(mail)}}}\r\n".encode(), mail, b")\r\n"]
        if store := re.fullmatch(r"UID STORE (\d+) \+FLAGS \(\\SEEN\)", words):
            self.seen.add(int(store[1]))
            return [f"* {store[1]} FETCH (FLAGS (\\Seen))\r\n".encode()]
        return _BAD


_BAD: list[bytes] = []
