"""What is registered of a person or a vehicle, field by field: its names in files, how it is read and written. Pure.

A cell is what a form, a CSV or an Excel file holds; a value is what it means. One table serves all three, so that a
form refuses what an import refuses, and an export reads again as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from hub.registry.models import PersonKind
from wire.errors import MenshenError
from wire.tokens import normal

Cell = str | int | float | bool | date | time | timedelta | None
Value = str | bool | date | tuple[str, ...] | None
Record = Mapping[str, Value]

_EXCEL_DAY_0 = date(1899, 12, 30)
_EXCEL_DAYS = range(36526, 73051)
"""Days of Excel's calendar from 2000 to 2100."""
_EXACT = 10**15
"""Excel keeps 15 digits of a number; the rest of a longer card number is lost."""
_DATE = re.compile(
    r"(\d{4})(?:\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?|(\d{2})(\d{2}))(?:[ T]00:00(?::00)?)?"
)
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?")
_GATE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_SEVERAL = re.compile(r"[,;，；、\n]+")
_YES = {"yes", "y", "true", "1", "on", "是", "在职", "有效", "√"}
_NO = {"no", "n", "false", "0", "否", "离职", "停用", "无效", "×"}
_KINDS = {
    PersonKind.EMPLOYEE: ("employee", "员工", "职工", "正式工"),
    PersonKind.CONTRACTOR: ("contractor", "外包", "承包商", "外协", "劳务派遣"),
}
MAX_BADGES = 8


class Fault(NamedTuple):
    """What is wrong with a field: the key of the words that say it (`fault.…`), and what fills their blanks."""

    field: str
    key: str
    values: Mapping[str, str] = {}


class Number(NamedTuple):
    """A badge's, a plate's or a tag's number, and the field that it stands in."""

    field: str
    number: str

    @property
    def normal(self) -> Number:
        """The same for all that a reader takes for the same."""
        return Number(self.field, normal(self.number))


class Unfit(MenshenError):
    """Something cannot be registered as it was given."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.key}" for fault in faults))
        self.faults = list(faults)


class Wrong(ValueError):
    """A cell that cannot be what its field wants."""

    def __init__(self, key: str, **values: str) -> None:
        super().__init__(key)
        self.key = key
        self.values_ = values


class Field(NamedTuple):
    """One column: its name here, its headers, and how a cell becomes a value. An empty cell means `empty`."""

    name: str
    en: str
    zh: str
    also: tuple[str, ...]
    read: Callable[[str], Value]
    empty: Value = ""
    required: bool = False

    def value(self, cell: Cell) -> Value:
        """What a cell means. Raises `Wrong`."""
        text = text_of(cell)
        if not text and self.required:
            raise Wrong("required")
        return self.read(text) if text else self.empty


class Kind(NamedTuple):
    """People or vehicles: their fields, which of them names a record, and which is read at the gates."""

    name: str
    fields: tuple[Field, ...]
    key: str
    unique: tuple[str, ...]

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    def columns(self, headers: Sequence[str]) -> dict[str, int]:
        """Where each field stands in a file with these headers; of two columns for one the better known name counts."""
        plain = [_plain_header(header) for header in headers]
        found = {}
        for field in self.fields:
            named = (_plain_header(name) for name in _headers(field))
            column = next((plain.index(name) for name in named if name in plain), None)
            if column is not None:
                found[field.name] = column
        return found

    def empty(self) -> dict[str, Value]:
        return {field.name: field.empty for field in self.fields}

    def read_all(self, cells: Mapping[str, Cell]) -> tuple[dict[str, Value], list[Fault]]:
        """The values of the fields that are given, and what is wrong with the others."""
        values: dict[str, Value] = {}
        faults = []
        for field in self.fields:
            if field.name in cells:
                try:
                    values[field.name] = field.value(cells[field.name])
                except Wrong as wrong:
                    faults.append(Fault(field.name, wrong.key, wrong.values_))
        return values, faults

    def numbers(self, record: Record) -> list[Number]:
        """What the readers at the gates know a record by."""
        found: list[Number] = []
        for name in self.unique:
            value = record.get(name)
            numbers = value if isinstance(value, tuple) else (value,) if isinstance(value, str) and value else ()
            found += [Number(name, number) for number in numbers]
        return found


def text_of(cell: Cell) -> str:
    """A cell as text. Raises `Wrong` for what no field can be."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d" if cell.time() == time() else "%Y-%m-%d %H:%M")
    if isinstance(cell, int | float):
        return _number_text(cell)
    text = unicodedata.normalize("NFC", str(cell)).strip()
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in text if char not in "\r\n\t"):
        raise Wrong("control", found=_shown(text))
    return text


def written(value: Value, lang: str = "zh") -> str:
    """A value as it stands in files and forms; reads again as it was."""
    match value:
        case bool():
            return ("是" if value else "否") if lang == "zh" else ("yes" if value else "no")
        case None:
            return ""
        case tuple():
            return ";".join(value)
        case date():
            return value.isoformat()
        case _:
            return value


def _number_text(number: int | float) -> str:
    if isinstance(number, float) and not number.is_integer():
        return repr(number)
    if abs(number) >= _EXACT:
        raise Wrong("digits", found=f"{number:.6g}")
    return str(int(number))


def short_text(most: int) -> Callable[[str], str]:
    """Reads one line of text that is not too long."""

    def read(text: str) -> str:
        plain = " ".join(text.split())
        if len(plain) > most:
            raise Wrong("long", found=str(len(plain)), most=str(most))
        return plain

    return read


def _several(most: int, count: int) -> Callable[[str], tuple[str, ...]]:
    one = short_text(most)

    def read(text: str) -> tuple[str, ...]:
        parts = {normal(part): one(part) for part in _SEVERAL.split(text) if part.strip()}
        if len(parts) > count:
            raise Wrong("many", found=str(len(parts)), most=str(count))
        return tuple(sorted(parts.values()))

    return read


def _gates(text: str) -> tuple[str, ...]:
    gates = tuple(sorted({part.strip().lower() for part in _SEVERAL.split(text) if part.strip()}))
    wrong = [gate for gate in gates if not _GATE.fullmatch(gate)]
    if wrong:
        raise Wrong("gate", found=_shown(wrong[0]))
    if len(",".join(gates)) > 400:
        raise Wrong("long", found=str(len(",".join(gates))), most="400")
    return gates


def date_of(text: str) -> date:
    """Reads a day as people and Excel write it."""
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) in _EXCEL_DAYS:
        return _EXCEL_DAY_0 + timedelta(days=int(text))
    found = _DATE.fullmatch(unicodedata.normalize("NFKC", text))
    if found is None:
        raise Wrong("date", found=_shown(text))
    year, month, day = (int(part) for part in found.groups() if part is not None)
    try:
        made = date(year, month, day)
    except ValueError:
        raise Wrong("date", found=_shown(text)) from None
    if not 2000 <= made.year <= 2100:
        raise Wrong("date", found=_shown(text))
    return made


def time_of(text: str) -> str:
    """Reads a time of the day: `8:00` as `08:00`."""
    found = _TIME.fullmatch(unicodedata.normalize("NFKC", text))
    if found is None:
        raise Wrong("time", found=_shown(text))
    return f"{int(found[1]):02d}:{found[2]}"


def end_of(text: str) -> str:
    """Reads the time at which something ends: the day's end, as orders and shifts name it (24:00, 24时), is `00:00`."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return "00:00" if plain in {"24:00", "24:00:00", "24时"} else time_of(text)


def _yes_no(text: str) -> bool:
    plain = normal(text).lower()
    if plain in _YES:
        return True
    if plain in _NO:
        return False
    raise Wrong("yes-no", found=_shown(text))


def _kind(text: str) -> str:
    plain = text.lower()
    for kind, names in _KINDS.items():
        if plain in names:
            return kind.value
    raise Wrong("kind", found=_shown(text))


def _plate(text: str) -> str:
    plain = re.sub(r"[·•・.\-]", "", normal(text))
    if not 5 <= len(plain) <= 10 or not plain.isalnum():
        raise Wrong("plate", found=_shown(text))
    return plain


def _shown(text: str) -> str:
    """What was found, short and without what a page could not show."""
    short = text if len(text) <= 40 else f"{text[:40]}…"
    return "".join(char if char.isprintable() else "\ufffd" for char in short)


def _headers(field: Field) -> tuple[str, ...]:
    return (field.name, field.en, field.zh, *field.also)


def _plain_header(header: str) -> str:
    """Without spaces, stars for what must be filled in, and remarks in brackets."""
    plain = unicodedata.normalize("NFKC", header)
    return re.sub(r"\([^)]*\)|[\s*:_-]", "", plain).lower()


PEOPLE = Kind(
    "people",
    (
        Field("number", "number", "工号", ("员工编号", "编号", "employee number", "id"), short_text(40), required=True),
        Field("name", "name", "姓名", ("员工姓名", "full name"), short_text(80), required=True),
        Field("kind", "kind", "类别", ("人员类别", "用工类型", "type"), _kind, PersonKind.EMPLOYEE.value),
        Field("team", "team", "班组", ("部门", "department"), short_text(60)),
        Field("shift", "shift", "班次", ("班别", "班次名称", "works shift"), short_text(60)),
        Field("badges", "badge", "卡号", ("工卡号", "门禁卡号", "badges", "card"), _several(80, MAX_BADGES), ()),
        Field("telephone", "telephone", "电话", ("手机", "手机号", "联系电话", "phone", "mobile"), short_text(40)),
        Field("company", "company", "单位", ("公司", "所属单位"), short_text(80)),
        Field("emergency_contact", "emergency contact", "紧急联系人", (), short_text(120)),
        Field("grid", "grid", "网格", ("所属网格",), short_text(60)),
        Field("origin", "origin", "来源地", ("返回地", "返岗来源地", "came from"), short_text(80)),
        Field("returned_on", "returned on", "返回日期", ("返厂日期", "返岗日期"), date_of, None),
        Field("exempt", "exempt because", "豁免原因", ("exempt", "提前进厂原因"), short_text(120)),
        Field("gates", "gates", "允许门岗", ("门岗",), _gates, ()),
        Field("active", "active", "在册", ("在职", "状态"), _yes_no, True),
    ),
    "number",
    ("badges",),
)
VEHICLES = Kind(
    "vehicles",
    (
        Field("plate", "plate", "车牌", ("车牌号", "车牌号码", "number plate"), _plate, required=True),
        Field("tag", "tag", "电子标签", ("标签号", "rfid", "uhf"), short_text(80)),
        Field("owner", "owner", "车主", ("所有人", "所属单位"), short_text(80)),
        Field("telephone", "telephone", "电话", ("手机", "联系电话", "phone"), short_text(40)),
        Field("purpose", "purpose", "用途", ("事由",), short_text(120)),
        Field("commuter", "commuter", "通勤车", ("班车",), _yes_no, False),
        Field("must_disinfect", "must be disinfected", "须消毒", ("消毒",), _yes_no, True),
        Field("active", "active", "在册", ("有效", "状态"), _yes_no, True),
    ),
    "plate",
    ("plate", "tag"),
)
