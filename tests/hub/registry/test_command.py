"""`menshen hub registry …`, as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import menshen
from hub.registry.store import RegistryStore
from wire.registry import Holder, RegistryEntry
from wire.tokens import TokenKind, token

KEY = "k" * 32


@pytest.fixture
def hub(tmp_path: Path) -> str:
    (tmp_path / "token.key").write_text(KEY)
    (tmp_path / "hub.toml").write_text('site = "baotou"\ntoken_key_file = "token.key"\n')
    return str(tmp_path / "hub.toml")


def registry(*words: str) -> int:
    return menshen.main(["hub", "registry", *words])


def listed(hub: str, capsys) -> list[dict[str, object]]:
    capsys.readouterr()
    assert registry("list", hub, "--json") == 0
    return json.loads(capsys.readouterr().out)["entries"]


def test_a_badge_is_registered_by_its_number_found_by_its_token_and_taken_out(hub, capsys):
    assert registry("add", hub, "--badge", "4711", "--hours", "8", "--holder", "visitor", "--gate", "north") == 0
    [entry] = listed(hub, capsys)
    assert entry["token"] == token(KEY.encode(), TokenKind.BADGE, "4711")
    assert (entry["holder"], entry["gates"]) == ("visitor", ["north"])
    assert entry["until_ns"] - entry["from_ns"] == 8 * 3600 * 10**9
    assert "4711" not in json.dumps(entry)
    assert registry("remove", hub, "--badge", "4711") == 0
    assert listed(hub, capsys) == []
    assert registry("remove", hub, "--badge", "4711") == 1
    assert "is not registered" in capsys.readouterr().err


def test_what_list_writes_import_takes_and_only_differences_are_changed(hub, tmp_path, capsys):
    assert registry("add", hub, "--plate", "蒙B12345") == 0
    assert registry("add", hub, "--badge", "4711", "--flag", "isolation") == 0
    capsys.readouterr()
    assert registry("list", hub, "--json") == 0
    copy = tmp_path / "copy.json"
    copy.write_text(capsys.readouterr().out)
    assert registry("remove", hub, "--badge", "4711") == 0
    assert registry("add", hub, "--tag", "E200") == 0
    capsys.readouterr()
    assert registry("import", hub, str(copy)) == 0
    assert capsys.readouterr().out == "1 entries new or changed, 1 taken out, 2 in all\n"
    assert registry("list", hub) == 0
    assert "isolation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["add", "HUB", "--badge", " "], "expected at least one character"),
        (["import", "HUB", "missing.json"], "cannot be read"),
        (["import", "HUB", "HUB"], "no registry"),
    ],
)
def test_wrong_input_is_explained(hub, capsys, words, expected):
    assert registry(*[hub if word == "HUB" else word for word in words]) == 1
    assert expected in capsys.readouterr().err


def test_numbers_need_the_sites_key(tmp_path, capsys):
    (tmp_path / "hub.toml").write_text('site = "baotou"\n')
    assert registry("add", str(tmp_path / "hub.toml"), "--badge", "1") == 1
    assert "token_key_file is not set" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["0", "-1", "9999999", "soon"])
def test_hours_must_make_sense(hub, capsys, hours):
    with pytest.raises(SystemExit):
        registry("add", hub, "--badge", "1", "--hours", hours)
    assert "--hours" in capsys.readouterr().err


def test_what_the_office_registered_is_changed_at_the_office(hub, tmp_path, capsys):
    made = token(KEY.encode(), TokenKind.BADGE, "4711")
    store = RegistryStore(tmp_path / "var" / "registry.db")
    store.open()
    store.settle({"person 7": [RegistryEntry(made, Holder.EMPLOYEE)]})
    store.close()
    for word in ("add", "remove"):
        assert registry(word, hub, "--badge", "4711") == 1
        assert "belongs to person 7 of the office; change it on the console" in capsys.readouterr().err
    assert [entry["token"] for entry in listed(hub, capsys)] == [made]
