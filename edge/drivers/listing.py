"""What drivers there are, with their settings, as text: found out from the drivers themselves."""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from importlib import metadata
from typing import Any, NamedTuple

import msgspec

KINDS = ("thermal", "badge", "vehicle", "contact", "actuator")


class Setting(NamedTuple):
    """One key of a driver's table. `default` is empty where the key must be given."""

    name: str
    type: str
    default: str
    meaning: str


class Listed(NamedTuple):
    """One driver: `about` in a sentence, `needs` what to install where something is missing."""

    kind: str
    name: str
    about: str
    needs: str
    settings: tuple[Setting, ...]


def drivers(wanted: str | None = None) -> list[Listed]:
    """All drivers, or those of one kind or name. One that cannot be loaded is listed with the reason."""
    return [
        _listed(kind, entry)
        for kind in KINDS
        for entry in sorted(metadata.entry_points(group=f"menshen.{kind}"), key=lambda entry: entry.name)
        if wanted in (None, kind, entry.name)
    ]


def _listed(kind: str, entry: metadata.EntryPoint) -> Listed:
    try:
        driver: type[Any] = entry.load()
    except ImportError as error:
        return Listed(kind, entry.name, "", f"cannot be loaded: {error}", ())
    needs = getattr(driver, "needs", None)
    about = _sentence(inspect.getdoc(inspect.getmodule(driver)) or inspect.getdoc(driver) or "")
    return Listed(kind, entry.name, about, (needs and needs.missing()) or "", tuple(settings_of(driver.Settings)))


def settings_of(kind: type[msgspec.Struct], prefix: str = "") -> list[Setting]:
    """The keys of a settings struct, those of the structs in it behind a dot."""
    told = meanings(kind)
    found = []
    for field in msgspec.structs.fields(kind):
        name = prefix + field.encode_name
        found.append(Setting(name, type_words(field.type), _default(field), told.get(field.name, "")))
        for inner, mark in _structs(field.type):
            tag = inner.__struct_config__.tag
            if tag is not None:
                found.append(
                    Setting(f"{name}{mark}.{inner.__struct_config__.tag_field}", f'"{tag}"', "", _about(inner))
                )
            found += settings_of(inner, f"{name}{mark}.")
    return found


def meanings(kind: type[Any]) -> dict[str, str]:
    """What each key means: the string below it, the sentence of its class's docstring that names it, or the first."""
    told: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is msgspec.Struct or not issubclass(base, msgspec.Struct):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        sentences = _sentences(ast.get_docstring(body) or "")
        for name in _fields(body):
            told[name] = next((one for one in sentences if f"`{name}`" in one), _of_all(sentences))
        told |= _below(body)
    return told


def _sentences(docstring: str) -> list[str]:
    """The sentences of a docstring, and what stands between its semicolons."""
    return [part.rstrip(";.") + "." for part in re.split(r"(?<=[.;])\s+", " ".join(docstring.split())) if part]


def _of_all(sentences: list[str]) -> str:
    """The first sentence, unless it is about one key only."""
    return sentences[0] if sentences and "`" not in sentences[0] else ""


def _fields(body: ast.ClassDef) -> list[str]:
    found = [one.target for one in body.body if isinstance(one, ast.AnnAssign)]
    return [target.id for target in found if isinstance(target, ast.Name)]


def _below(body: ast.ClassDef) -> dict[str, str]:
    """The strings that stand below the fields of a class."""
    told = {}
    for field, text in itertools.pairwise(body.body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                told[name] = " ".join(meaning.split())
    return told


def type_words(annotation: object) -> str:
    """A type in words that an installer understands."""
    return _words(msgspec.inspect.type_info(annotation))


def _words(kind: Any) -> str:  # noqa: ANN401 - msgspec's many type descriptions
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return _words(inner)
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return ("whole number" if isinstance(kind, msgspec.inspect.IntType) else "number") + _bounds(kind)
        case msgspec.inspect.UnionType(types=types):
            told = [_words(one) for one in types if not isinstance(one, msgspec.inspect.NoneType)]
            return " | ".join(dict.fromkeys(told))
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            return f"list of {_words(item)}"
        case _:
            return _simple_words(kind)


def _simple_words(kind: Any) -> str:  # noqa: ANN401
    match kind:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.LiteralType(values=values):
            return " | ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
        case msgspec.inspect.EnumType(cls=cls):
            return " | ".join(f'"{member.value}"' for member in cls if member.value != "other")
        case msgspec.inspect.TupleType(item_types=items):
            return f"list of {len(items)}"
        case _:
            return "table"


def _bounds(kind: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    bounds = (("from", kind.ge), ("above", kind.gt), ("to", kind.le), ("below", kind.lt))
    return "".join(f" {word} {bound:,}" for word, bound in bounds if bound is not None)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "–"
    plain = msgspec.to_builtins(value)
    return "…" if isinstance(plain, dict) else msgspec.json.encode(plain).decode()


def _structs(annotation: object) -> list[tuple[type[msgspec.Struct], str]]:
    """The structs in a type, with `[]` where it is a list of them."""
    return list(_found(msgspec.inspect.type_info(annotation), ""))


def _found(kind: Any, mark: str) -> Any:  # noqa: ANN401
    match kind:
        case msgspec.inspect.StructType(cls=cls):
            yield cls, mark
        case msgspec.inspect.Metadata(type=inner):
            yield from _found(inner, mark)
        case msgspec.inspect.UnionType(types=types):
            for one in types:
                yield from _found(one, mark)
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            yield from _found(item, "[]")


def _about(kind: type[Any]) -> str:
    return _sentence(inspect.getdoc(kind) or "")


def _sentence(text: str) -> str:
    """The first sentence."""
    return re.split(r"(?<=\.)\s", " ".join(text.split()), maxsplit=1)[0]


def table(listed: Listed) -> str:
    """One driver as text: what it is, what it lacks, its settings."""
    lines = [f"{listed.kind}: {listed.name}", f"    {listed.about}"]
    if listed.needs:
        lines.append(f"    {listed.needs}")
    for setting in listed.settings:
        default = f", default {setting.default}" if setting.default else ", required"
        lines.append(f"    {setting.name}  ({setting.type}{default})")
        lines += textwrap.wrap(setting.meaning, 104, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "\n".join(lines)
