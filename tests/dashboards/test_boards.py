"""Boards keep Grafana's schema and our own rules, in both languages, and are written the same each time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import menshen
from dashboards import files
from dashboards.board import Board, Row
from dashboards.boards import BOARDS
from dashboards.boards.now import NOW
from dashboards.panels import Panel, Shape, Step
from dashboards.query import Ask, Fn, Value, Var
from dashboards.render import Setting, board_json, digest_of, stamp_of, stamped, text_of
from dashboards.rules import faults
from dashboards.trial import all_queries
from dashboards.words import CALM, GRAVE, NOTE, SERIES, UNKNOWN, WARN, Text
from hub.web.words import LANGS

ROOT = Path(__file__).parents[2]
SCHEMAS = Path(__file__).parent / "schemas"
DELIVERED = ROOT / "deploy" / "grafana"
VERSIONS = ("10.4", "13.2")
PANELS = {
    "stat": "stat", "timeseries": "timeseries", "bargauge": "bargauge", "table": "table",
    "state-timeline": "statetimeline", "status-history": "statushistory", "heatmap": "heatmap",
}  # fmt: skip
OF_THE_DATA_SOURCE = {"query", "textColumn", "tagsColumn", "timeEndColumn", "target"}
"""What Grafana's own schema of annotations leaves to the data source; `test_marks` holds it."""


def schema(version: str) -> dict[str, dict]:
    return json.loads((SCHEMAS / f"grafana-{version}.json").read_text())


def partial(found: object) -> object:
    """Grafana fills in what a panel leaves out: nothing is required, but nothing may be misspelt."""
    if isinstance(found, dict):
        return {key: partial(value) for key, value in found.items() if key != "required"}
    return [partial(value) for value in found] if isinstance(found, list) else found


def errors(rule: object, value: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(rule).iter_errors(value)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_board_and_its_panels_keep_grafanas_schema_to_the_letter(board, lang, version):
    rules, found = schema(version), board_json(board, lang, Setting())
    for mark in found["annotations"]["list"]:
        for key in OF_THE_DATA_SOURCE:
            del mark[key]
    assert errors(rules["dashboard"], found) == []
    for panel in found["panels"]:
        name = PANELS[panel["type"]]
        assert errors(partial(rules[f"{name}.Options"]), panel["options"]) == []
        custom = panel["fieldConfig"]["defaults"]["custom"]
        if f"{name}.FieldConfig" in rules:
            assert errors(partial(rules[f"{name}.FieldConfig"]), custom) == []
        else:
            assert custom == {}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_schema_finds_a_misspelt_option(version):
    panel = board_json(NOW, "en", Setting())["panels"][0]
    rule = partial(schema(version)["stat.Options"])
    assert errors(rule, panel["options"]) == []
    assert errors(rule, {**panel["options"], "colourMode": "value"})
    assert errors(rule, {**panel["options"], "colorMode": "rainbow"})


def test_the_boards_keep_our_own_rules():
    assert faults(BOARDS) == []


def only(panel: Panel, **about: object) -> Board:
    chosen = {"rows": (Row(5, (panel,)),), "variables": (Var.SITE,), "marks": ()}
    return replace(NOW, **{**chosen, **about})


GOOD = Panel(
    title=Text("Fevers", "发热"),
    about=Text("People with a fever.", "发热人次。"),
    shape=Shape.STAT,
    asks=(Ask(source="people_day", values=(Value("fevers", Fn.SUM, "fevers"),), variables=(Var.SITE,)),),
    width=24,
)


def asking(**about: object) -> Panel:
    return replace(GOOD, asks=(replace(GOOD.asks[0], **about),))


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (only(replace(GOOD, width=12)), "is 12 wide, expected 24"),
        (only(replace(GOOD, title=Text("Fevers", ""))), "has no words in one of the languages"),
        (only(replace(GOOD, about=Text("发热", "发热"))), "are not English and Chinese"),
        (only(replace(GOOD, unit="")), "has no unit"),
        (only(replace(GOOD, steps=(Step(0, CALM),))), "expected None, then growing numbers"),
        (only(replace(GOOD, shape=Shape.TABLE)), "tables have columns"),
        (only(asking(source="nobody_day")), "which nothing writes"),
        (only(asking(values=(Value("x", Fn.SUM, "colds"),))), "['colds'], which it has not"),
        (only(asking(by=("badge",))), "['badge'], which it has not"),
        (only(asking(variables=(Var.TEAM,))), "which the board has not"),
        (only(GOOD, name="n" * 40), "more than Grafana's 40 characters"),
    ],
)
def test_each_rule_finds_what_breaks_it(board, said):
    assert faults([only(GOOD)]) == []
    assert any(said in fault for fault in faults([board])), faults([board])


def test_the_files_beside_a_grafana_are_what_the_code_writes(tmp_path):
    files.write(tmp_path, Setting(console="http://127.0.0.1:8080"))
    written = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    delivered = {
        str(path.relative_to(DELIVERED)): path.read_text()
        for path in DELIVERED.rglob("*")
        if path.suffix in {".json", ".yaml"}
    }
    assert delivered == written, "run: menshen boards write --out deploy/grafana"


def test_writing_again_changes_nothing_and_another_zone_changes_the_boards(tmp_path, capsys):
    assert menshen.main(["boards", "write", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert menshen.main(["boards", "write", "--out", str(tmp_path)]) == 0
    assert "0 files written" in capsys.readouterr().out
    assert menshen.main(["boards", "write", "--out", str(tmp_path), "--zone", "Europe/Berlin"]) == 0
    assert f"{2 * len(BOARDS)} files written" in capsys.readouterr().out


def test_a_zone_that_there_is_not_is_explained(tmp_path, capsys):
    assert menshen.main(["boards", "write", "--out", str(tmp_path), "--zone", "Asia/Shanghia"]) == 1
    assert "Asia/Shanghai" in capsys.readouterr().err


def test_a_board_carries_the_digest_of_what_was_written():
    for board in BOARDS:
        found = board_json(board, "zh", Setting())
        assert stamp_of(stamped(found)) == digest_of(found)
        assert stamp_of(json.loads(text_of(stamped(found)))) == digest_of(found)
    other = board_json(NOW, "zh", Setting(zone="Europe/Berlin"))
    assert digest_of(other) != digest_of(board_json(NOW, "zh", Setting()))


def test_every_data_source_is_ours_and_every_board_leads_to_the_others_and_the_other_language():
    for board in BOARDS:
        for lang, other in (("zh", "en"), ("en", "zh")):
            text = text_of(board_json(board, lang, Setting(console="https://hub.example")))
            assert set(json.loads(text)["tags"]) == {"menshen", f"menshen-{lang}"}
            assert f"/d/{board.uid(other)}" in text
            assert "https://hub.example/alerts" in text
            assert text.count('"type": "influxdb"') == text.count('"uid": "menshen-influx"')


def test_marks_are_told_to_old_and_new_grafanas_alike():
    for lang in LANGS:
        for mark in board_json(NOW, lang, Setting())["annotations"]["list"]:
            assert mark["query"] == mark["target"]["query"]
            assert f'"{lang}"' in mark["query"]
            assert mark["textColumn"] == mark["target"]["textColumn"] == lang
            assert mark["target"]["fromAnnotations"] is True


def test_no_query_asks_for_what_influxdb_3_does_not_answer():
    for where, query in all_queries():
        text = query.influxql("Asia/Shanghai")
        assert text.count("SELECT") == 1, f"{where}: one statement, and none within another"
        assert ";" not in text, where
        assert '"."' not in text, where
        if query.source.endswith("_hour") and isinstance(query, Ask) and query.every is None:
            assert all(value.fn is Fn.LAST for value in query.values), (
                f"{where}: sums of a long range are asked by days"
            )


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = ((c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_white_words_are_read_on_every_colour_of_a_state_and_none_is_green():
    for colour in (CALM, NOTE, WARN, GRAVE, UNKNOWN):
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour
    for colour in (CALM, NOTE, WARN, GRAVE, UNKNOWN, *SERIES):
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert not (green > red + 20 and green > blue + 20), colour


def test_the_check_says_that_all_is_well(capsys):
    assert menshen.main(["boards", "check"]) == 0
    assert "no faults" in capsys.readouterr().out
