"""Parts of an endless `multipart/mixed` answer (RFC 2046, section 5.1), as bytes come in. No I/O.

Devices take liberties: the boundary is quoted or not, may hold angle brackets, is missing from the header; a length is
there or not, or wrong; pictures lie between texts. Whatever comes, memory is bounded and the next part is found again.
"""

from __future__ import annotations

import re

from msgspec import Struct

MAX_HEAD_BYTES = 8 * 1024
MAX_PART_BYTES = 8 * 1024 * 1024
"""More than any picture of such a camera (4 megapixels as JPEG take about 1 MB)."""

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]*)"|([^;]+))""", re.IGNORECASE)
_SNIFFED = re.compile(rb"^--(\S{1,70})\r?\n", re.MULTILINE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_TEXT_END = {"json": b"}", "xml": b">"}


class Part(Struct, frozen=True):
    """One part: its headers, names in lower case, and its body."""

    headers: dict[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """`json`, `xml`, `picture` or `other`."""
        return _kind(self.headers)


def boundary_of(content_type: str) -> str | None:
    """The boundary that an answer's `Content-Type` names: verbatim but for quotes around it. None without one."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2] or "").strip() or None if found else None


class Parts:
    """Takes bytes in any portions, gives parts.

    A part with a length is given as soon as it is whole; a text without one as soon as it ends like a text of its kind
    (the next boundary may come only with the next event), and anything else at the next boundary.
    """

    def __init__(self, boundary: str | None) -> None:
        self._delimiter = None if boundary is None else b"--" + boundary.encode("latin-1", "replace")
        self._buffer = bytearray()
        self._headers: dict[str, str] | None = None
        self.lost_bytes = 0
        """What belonged to no part, or to one that was too large."""

    def feed(self, data: bytes) -> list[Part]:
        """More bytes; the parts that they complete. Never raises."""
        self._buffer += data
        parts: list[Part] = []
        while self._advance(parts):
            pass
        if len(self._buffer) > MAX_PART_BYTES:
            self._drop(len(self._buffer))
            self._headers = None
        return parts

    def _advance(self, parts: list[Part]) -> bool:
        """One step; whether another may follow."""
        if self._delimiter is None:
            return self._sniff()
        if self._headers is None:
            return self._find_head(self._delimiter)
        part = self._take_body(self._headers, self._delimiter)
        if part is None:
            return False
        self._headers = None
        parts.append(part)
        return True

    def _sniff(self) -> bool:
        """The header named no boundary: the first line that looks like one is it."""
        found = _SNIFFED.search(self._buffer)
        if found is None:
            return False
        self._delimiter = b"--" + found[1]
        return True

    def _find_head(self, delimiter: bytes) -> bool:
        start = self._buffer.find(delimiter)
        if start < 0:
            self._drop(max(0, len(self._buffer) - len(delimiter)))
            return False
        end = _HEAD_END.search(self._buffer, start)
        if end is None and len(self._buffer) - start <= MAX_HEAD_BYTES:
            return False
        if end is None or end.end() - start > MAX_HEAD_BYTES:
            self._drop(start + len(delimiter))
            return True
        head = bytes(self._buffer[start + len(delimiter) : end.start()])
        if (again := head.find(delimiter)) >= 0:  # the part before was cut off within its head
            self._drop(start + len(delimiter) + again)
            return True
        del self._buffer[: end.end()]
        self._headers = _headers(head)
        return True

    def _take_body(self, headers: dict[str, str], delimiter: bytes) -> Part | None:
        length = _length(headers)
        if length is not None:
            if len(self._buffer) < length:
                return None
            early = -1 if _kind(headers) == "picture" else self._buffer.find(delimiter, 0, length)
            return self._cut(headers, length if early < 0 else early)  # a length that is wrong costs no other part
        end = self._buffer.find(delimiter)
        if end >= 0:
            return self._cut(headers, end)
        mark = _TEXT_END.get(_kind(headers))
        text = self._buffer.rstrip()
        if mark is not None and text.endswith(mark) and _is_balanced(_kind(headers), text):
            return self._cut(headers, len(self._buffer))
        return None

    def _cut(self, headers: dict[str, str], end: int) -> Part:
        body = bytes(self._buffer[:end])
        del self._buffer[:end]
        exact = _length(headers) == len(body)
        return Part(headers, body if exact else body.strip(b"\r\n"))

    def _drop(self, count: int) -> None:
        self.lost_bytes += count
        del self._buffer[:count]


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _length(headers: dict[str, str]) -> int | None:
    said = headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and int(said[:12]) <= MAX_PART_BYTES else None


def _kind(headers: dict[str, str]) -> str:
    said = headers.get("content-type", "").lower()
    if said.startswith("image/"):
        return "picture"
    return next((kind for kind in ("json", "xml") if kind in said), "other")


def _is_balanced(kind: str, text: bytearray) -> bool:
    """Whether a text may be whole: as many braces closed as opened, or the first element's end tag at the end."""
    if kind == "json":
        return text.count(b"{") == text.count(b"}")
    first = re.search(rb"<([A-Za-z][\w:.-]*)", text)
    return first is not None and text.endswith(b"</" + first[1] + b">")
