"""Settings files: every fault is told with file, line, key, value and expectation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from wire.errors import SettingsError
from wire.settings import Document, anchored, load


class Inner(Struct, frozen=True, forbid_unknown_fields=True):
    rate: Annotated[float, Meta(gt=0)] = 1.0
    label: str = ""


class Outer(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    inner: Inner = Inner()
    lanes: list[Inner] = []


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "x.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path, Outer)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_a_good_file_is_read(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text('name = "n"\n[inner]\nrate = 2\n[[lanes]]\nlabel = "a"\n')
    assert load(path, Outer) == Outer("n", Inner(2.0), [Inner(label="a")])


def test_an_unknown_key_is_named_with_its_line_its_value_and_the_nearest_known_key(tmp_path):
    assert problems(tmp_path, 'name = "n"\n\n[inner]\nrat = 3\n') == [
        "4: inner.rat = 3: unknown key, did you mean 'rate'?"
    ]


def test_all_unknown_keys_are_told_at_once(tmp_path):
    found = problems(tmp_path, 'name = "n"\nnmae = 1\n[inner]\nlabell = "x"\n')
    assert [problem.split(":")[0] for problem in found] == ["2", "4"]


def test_a_wrong_value_in_an_array_of_tables_is_told_where_it_is(tmp_path):
    text = 'name = "n"\n[[lanes]]\nrate = 1\n[[lanes]]\nlabel = """\nx = 1\n"""\nrate = -1\n'
    assert problems(tmp_path, text) == ["8: lanes[1].rate = -1: expected `float` > 0.0"]


def test_a_wrong_type_and_a_missing_key_are_told(tmp_path):
    assert problems(tmp_path, "name = 3\n") == ["1: name = 3: expected `str`, got `int`"]
    assert problems(tmp_path, "[inner]\n") == ["1: file: missing key 'name'"]


def test_what_is_no_toml_no_text_or_not_there_is_told(tmp_path):
    assert "not TOML" in problems(tmp_path, "name = \n")[0]
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml", Outer)
    (tmp_path / "b.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(tmp_path / "b.toml", Outer)


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text):
    try:
        document = Document(Path("x.toml"), text)
        document.convert(document.data, Outer, ())
    except SettingsError as error:
        assert error.problems


class Paths(Struct, frozen=True):
    path: str = "a.db"
    secret_file: str | None = None
    label: str = "a.db"
    more: list[Inner] = []


def test_relative_paths_count_from_the_files_folder_and_nothing_else_is_touched():
    found = anchored(Paths(secret_file="s", more=[Inner(label="path")]), Path("/etc/menshen"))
    assert found == Paths("/etc/menshen/a.db", "/etc/menshen/s", "a.db", [Inner(label="path")])
    assert anchored(Paths("/var/a.db"), Path("/etc")) == Paths("/var/a.db")
