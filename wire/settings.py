"""Settings files: TOML read into typed structs, with errors that name file, line, key, value and expectation.

A settings struct forbids unknown keys; a key that is not known is answered with the nearest one that is.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from wire.errors import SettingsError

T = TypeVar("T", bound=Struct)
S = TypeVar("S")

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PATH = re.compile(r" - at `(?:key in )?\$?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")

Path_ = tuple[str | int, ...]
"""Where a value stands in the document: keys and list positions from the top."""


def load(path: Path, kind: type[T]) -> T:
    """The settings in the TOML file at `path`, as `kind`.

    Raises `SettingsError` with one sentence for each fault found; a file that is missing or no TOML is one too.
    """
    document = Document.read(path)
    return document.convert(document.data, kind, ())


_PATH_FIELDS = frozenset({"path", "data", "registry", "broker_path", "ca", "certificate", "key"})


def anchored(value: S, folder: Path) -> S:
    """The settings with their relative paths (fields named `path`, `…_file` and the like) counted from the folder."""
    if isinstance(value, list):
        return [anchored(item, folder) for item in value]  # type: ignore[return-value]
    if not isinstance(value, Struct):
        return value
    changes = {}
    for name in value.__struct_fields__:
        old = getattr(value, name)
        is_path = isinstance(old, str) and (name in _PATH_FIELDS or name.endswith("_file"))
        changes[name] = str(folder / old) if is_path else anchored(old, folder)
    return msgspec.structs.replace(value, **changes)


class Document:
    """A TOML file with the line of every key, so that faults can be told where they are."""

    def __init__(self, path: Path, text: str, folder: Path | None = None) -> None:
        """Relative paths in it count from its own folder, or from `folder`."""
        self.path = path
        self.folder = folder or path.parent
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([f"{path}: not TOML: {error}"]) from error
        self._lines = _line_numbers(text)

    @classmethod
    def read(cls, path: Path, folder: Path | None = None) -> Document:
        """The document at `path`. Raises `SettingsError`."""
        try:
            return cls(path, path.read_text("utf-8"), folder)
        except OSError as error:
            raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise SettingsError([f"{path}: not UTF-8 at byte {error.start}"]) from error

    def convert(self, value: object, kind: type[T], where: Path_) -> T:
        """`value`, which stands at `where` in this document, as `kind`. Raises `SettingsError`."""
        problems = [
            self.problem(where + path, f"unknown key{_suggest(path[-1], known)}")
            for path, known in _unknown_keys(value, kind)
        ]
        try:
            settings = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            if not problems or "unknown field" not in str(error):
                problems.append(self._explain(str(error), value, where))
            raise SettingsError(problems) from error
        if problems:
            raise SettingsError(problems)
        return settings

    def problem(self, where: Path_, text: str) -> str:
        """One sentence: file, line, key, value, fault."""
        return f"{self.path}:{self.line(where)}: {dotted(where) or 'file'}{self._shown(where)}: {text}"

    def line(self, where: Path_) -> int:
        """The line of the key at `where`, or of the nearest table above it that has one."""
        while where:
            if where in self._lines:
                return self._lines[where]
            where = where[:-1]
        return 1

    def _explain(self, message: str, value: object, where: Path_) -> str:
        path = _parse_path(found.group(1)) if (found := _PATH.search(message)) else ()
        text = _PATH.sub("", message)
        if missing := _MISSING.search(text):
            return self.problem(where + path, f"missing key {missing.group(1)!r}")
        return self.problem(where + path, text[0].lower() + text[1:])

    def _shown(self, where: Path_) -> str:
        value: Any = self.data
        for step in where:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return ""
        return "" if isinstance(value, dict | list) else f" = {value!r}"


def dotted(where: Path_) -> str:
    """`("lanes", 0, "camera")` as `lanes[0].camera`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest known word, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {close[0]!r}?" if close else ""


def _suggest(key: str | int, known: list[str]) -> str:
    return nearest(str(key), known) or f", expected one of: {', '.join(sorted(known))}"


def _unknown_keys(value: object, kind: Any) -> list[tuple[Path_, list[str]]]:  # noqa: ANN401 - any type expression
    """Keys that no struct takes, with those that it would."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        structs = [arm for arm in typing.get_args(kind) if arm is not type(None)]
        return _unknown_keys(value, structs[0]) if len(structs) == 1 else []
    if typing.get_origin(kind) is typing.Annotated:
        return _unknown_keys(value, typing.get_args(kind)[0])
    if isinstance(value, list) and typing.get_origin(kind) in (list, tuple):
        inner = typing.get_args(kind)[0]
        return [((i, *path), known) for i, item in enumerate(value) for path, known in _unknown_keys(item, inner)]
    if isinstance(value, dict) and typing.get_origin(kind) is dict:
        inner = typing.get_args(kind)[1]
        return [((key, *path), known) for key, item in value.items() for path, known in _unknown_keys(item, inner)]
    if not (isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, Struct)):
        return []
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    found: list[tuple[Path_, list[str]]] = [((key,), list(fields)) for key in value if key not in fields]
    for key, item in value.items():
        if key in fields:
            found += [((key, *path), known) for path, known in _unknown_keys(item, fields[key])]
    return found


def _line_numbers(text: str) -> dict[Path_, int]:
    """The line of each table and key. Keys inside inline tables have that of the key which holds them."""
    lines: dict[Path_, int] = {}
    table: Path_ = ()
    counts: dict[Path_, int] = {}
    quote: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if quote:
            quote = None if line.count(quote) % 2 else quote
            continue
        if header := _TABLE.match(line):
            table = _resolve(_split(header.group(2)), counts, array=header.group(1) == "[[")
            lines.setdefault(table, number)
            lines.setdefault(table[:-1] if isinstance(table[-1], int) else table, number)
        elif key := _KEY.match(line):
            steps = _split(key.group(1))
            for end in range(1, len(steps) + 1):
                lines.setdefault(table + steps[:end], number)
            quote = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), None)
    return lines


def _resolve(steps: Path_, counts: dict[Path_, int], *, array: bool) -> Path_:
    path: Path_ = ()
    for step in steps[:-1]:
        path += (step,)
        if path in counts:
            path += (counts[path],)
    path += (steps[-1],)
    if array:
        counts[path] = counts.get(path, -1) + 1
        path += (counts[path],)
    return path


def _split(dotted_key: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", dotted_key))


def _parse_path(path: str) -> Path_:
    steps = re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path)
    return tuple(int(index) if index else key for key, index in steps)
