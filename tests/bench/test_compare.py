"""The comparison is fair, as far as can be told without running it: the same events for all, and honest figures."""

from __future__ import annotations

import argparse
import json
import tomllib

from hub.ingest import parse_batch
from tests.bench.compare.contenders import Telegraf, _flow
from tests.bench.compare.events import BATCH, letters, shares
from tests.bench.compare.run import Run, _figures
from wire.messages import decode_event


def test_a_backlog_is_the_same_events_as_live_ones_and_the_hub_understands_both():
    live = letters("gate-0001", 1200, 10**18, 10**9)
    backlog = letters("gate-0001", 1200, 10**18, 10**9, batch=BATCH)
    assert [one.events for one in live] == [1] * 1200
    assert len(backlog) < 6
    told = []
    for mail in (live, backlog):
        batches = [parse_batch(one.topic, one.payload) for one in mail]
        told.append({(one.stream, each.seq): decode_event(each.event) for one in batches for each in one.events})
    assert told[0] == told[1]
    assert len(told[0]) == 1200


def test_all_events_are_somebodys():
    assert sum(events for _, events in shares(1003, 100)) == 1003


def test_a_contenders_figures_are_the_median_of_its_rounds_and_the_most_that_it_ever_lost():
    runs = [Run(rate, 50.0, 100.0, lost, 1.0, 2.0, 3.0, 4.0) for rate, lost in ((100.0, 0), (300.0, 7), (200.0, 0))]
    found = {"menshen_live": runs, "menshen_catch_up": [], "node_red": [runs[0]], "telegraf": []}
    figures = _figures(found, argparse.Namespace(events=10, gates=1, rounds=3), [0.0, 0.0])
    assert figures["menshen_live"] == {"events_per_s": 200, "cpu_us_per_event": 50.0, "peak_mb": 100.0, "lost": 7}
    assert figures["telegraf"] is None
    assert figures["ratios"] == {"menshen_live/node_red": 2.0}


def test_the_others_are_told_the_same_broker_database_and_topics(tmp_path):
    told = tomllib.loads((Telegraf(tmp_path, 1883, "http://127.0.0.1:8086", "db").folder / "telegraf.conf").read_text())
    [consumer] = told["inputs"]["mqtt_consumer"]
    nodes = {node["type"]: node for node in json.loads(json.dumps(_flow(1883, "http://127.0.0.1:8086", "db")))}
    assert consumer["topics"] == [nodes["mqtt in"]["topic"]]
    assert told["outputs"]["influxdb"][0]["database"] == nodes["influxdb"]["database"] == "db"
    assert {"seq", "skin_c", "u_c"} <= {field["rename"] for field in consumer["json_v2"][0]["field"]}
