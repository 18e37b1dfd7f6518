"""Boards reach a Grafana once, whole, and touch nothing of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import menshen
from dashboards.boards import BOARDS
from dashboards.push import Influx, Push, all_boards, connect
from dashboards.render import Setting, stamp_of
from tests.support.grafana import FakeGrafana
from wire.errors import MenshenError

INFLUX = Influx("http://127.0.0.1:8086", token="s3cret")
ALL = 2 * len(BOARDS)


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    fake = FakeGrafana()
    fake.start()
    yield fake
    fake.stop()


def push(grafana: FakeGrafana, *, token: str = "admin", dry: bool = False, influx: Influx | None = INFLUX) -> list[str]:
    said = Push(connect(grafana.url, token), dry=dry).run(all_boards(BOARDS, Setting()), influx)
    return [f"{one.what.split()[0]} {one.done}" for one in said]


def test_an_empty_grafana_gets_folder_data_source_and_all_boards(grafana):
    assert push(grafana) == ["folder made", "data made", *["board made"] * ALL]
    assert len(grafana.boards) == ALL
    assert {board["uid"] for board in grafana.boards.values()} == set(grafana.boards)
    source = grafana.sources["menshen-influx"]
    assert source["jsonData"] == {
        "dbName": "menshen", "httpMode": "POST", "version": "InfluxQL", "httpHeaderName1": "Authorization",
    }  # fmt: skip
    assert source["secureJsonFields"] == {"httpHeaderValue1": True}


def test_what_is_there_already_is_left_alone_also_where_the_server_keeps_it_otherwise(grafana):
    push(grafana)
    grafana.writes.clear()
    grafana.migrate = lambda board: {**board, "schemaVersion": 42, "preload": False}
    assert set(push(grafana)) == {"folder left", "data left", "board left"}
    assert grafana.writes == []


def test_only_the_board_that_is_older_is_brought_up(grafana):
    push(grafana)
    old = grafana.boards["menshen-fever-zh"]
    old["links"] = [{**link, "tooltip": "Menshen 000000000000"} for link in old["links"]]
    grafana.writes.clear()
    assert push(grafana).count("board changed") == 1
    assert grafana.writes == ["POST /api/dashboards/db"]
    assert stamp_of(grafana.boards["menshen-fever-zh"]) != "000000000000"
    assert grafana.boards["menshen-fever-zh"]["version"] == 2


def test_a_data_source_that_moved_is_changed_and_one_from_files_is_not(grafana):
    push(grafana)
    moved = Influx("http://influx.example:8086", token="s3cret")
    assert "data changed" in push(grafana, influx=moved)
    assert grafana.sources["menshen-influx"]["url"] == "http://influx.example:8086"
    grafana.sources["menshen-influx"]["readOnly"] = True
    assert "data left" in push(grafana)


def test_a_dry_run_tells_the_same_and_writes_nothing(grafana):
    assert push(grafana, dry=True) == ["folder made", "data made", *["board made"] * ALL]
    assert grafana.writes == []


def test_a_board_of_somebody_else_with_our_uid_is_not_touched(grafana):
    theirs = {"uid": "menshen-now-zh", "title": "Theirs", "tags": [], "version": 7, "panels": []}
    grafana.boards["menshen-now-zh"] = dict(theirs)
    assert push(grafana).count("board left") == 1
    assert grafana.boards["menshen-now-zh"] == theirs


def test_boards_that_files_provide_are_left_to_their_files(grafana):
    push(grafana)
    grafana.provisioned = set(grafana.boards)
    for board in grafana.boards.values():
        board["links"] = []
    said = Push(connect(grafana.url, "admin")).run(all_boards(BOARDS, Setting()), INFLUX)
    assert {(one.done, one.why) for one in said if one.what.startswith("board")} == {
        ("left", "it is kept by provisioning files")
    }


def test_whoever_saved_meanwhile_is_not_overrun(grafana):
    push(grafana)
    for board in grafana.boards.values():
        board["links"] = []

    def somebody_saves() -> None:
        for board in grafana.boards.values():
            board["version"] += 1

    grafana.before_save = somebody_saves
    with pytest.raises(MenshenError, match=r"412: somebody saved it meanwhile"):
        push(grafana)


@pytest.mark.parametrize(
    ("token", "influx", "said"),
    [
        ("wrong", INFLUX, "401: the token is not valid"),
        ("viewer", None, "403: the token may not do this"),
        ("editor", INFLUX, "403: the token may not do this"),
    ],
)
def test_a_token_that_may_not_is_told_so(grafana, token, influx, said):
    with pytest.raises(MenshenError, match=said):
        push(grafana, token=token, influx=influx)


def test_without_a_data_source_and_its_address_the_push_says_what_to_give(grafana):
    with pytest.raises(MenshenError, match="--influx-url"):
        push(grafana, influx=None)


def test_an_editor_pushes_boards_where_the_data_source_is_there(grafana):
    push(grafana)
    grafana.boards.clear()
    assert push(grafana, token="editor", influx=None).count("board made") == ALL


def test_an_address_where_no_grafana_is_is_explained(http_sink):
    http_sink.body = b"<html>hello</html>"
    with pytest.raises(MenshenError, match="expected a Grafana server's address"):
        connect(http_sink.url.removesuffix("/hook"), "x")
    with pytest.raises(MenshenError, match="expected a Grafana server's address"):
        connect("http://127.0.0.1:9", "x")


def test_the_command_tells_of_each_thing(grafana, capsys, monkeypatch):
    monkeypatch.setenv("GRAFANA_TOKEN", "admin")
    assert menshen.main(["boards", "push", "--url", grafana.url, "--influx-url", "http://127.0.0.1:8086"]) == 0
    assert "board menshen-now-zh: made" in capsys.readouterr().out
    assert menshen.main(["boards", "push", "--url", grafana.url, "--dry-run"]) == 0
    assert "Nothing was written" in capsys.readouterr().out
