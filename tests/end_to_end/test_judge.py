"""A plant's day through real gates, broker, hub and time series, and the judge's word about it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.clock import SystemTime
from edge.spool import Spool, SpoolSettings
from edge.uplink import Uplink
from hub.database import Database
from hub.duties import files
from hub.registry import sheets
from hub.registry.fields import PEOPLE, Kind
from hub.registry.models import Place, PlaceKind
from hub.registry.office import PeopleOffice
from hub.registry.site_files import SHIFTS, TEAMS
from hub.registry.store import Registrar, RegistryStore
from sim import chronicle, play
from sim.cli import main
from sim.judge.findings import Fault
from sim.plant import BUILT_IN, ZONE, Faults, Health
from tests.chaos.plant import DATABASE, HubProcess
from tests.support.servers import InfluxDB1, Mosquitto, wait_until
from wire.errors import MenshenError
from wire.link import BrokerSettings

PLANT = replace(BUILT_IN["small"], site="chaos", people=120)
CROWDED = replace(PLANT, canteen_seats=8, begins=dt.datetime.now(ZONE).date() - dt.timedelta(days=4))
"""Of these days: a hub forgets who was where after 60."""


def judged(
    run: Path, hub: HubProcess, influx: InfluxDB1, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, dict]:
    file = hub.folder / "judge.token"
    file.write_text(hub.token)
    capsys.readouterr()
    arguments = [
        "judge",
        str(run),
        "--hub",
        hub.url,
        "--token-file",
        str(file),
        "--influx",
        influx.url,
        "--database",
        DATABASE,
        *more,
        "--json",
    ]
    code = main(arguments)
    return code, json.loads(capsys.readouterr().out)


def played(run: Path, broker: Mosquitto, speed: float = 0.0) -> play.Player:
    player = play.Player(run, BrokerSettings(port=broker.port, backoff_min_s=0.05, backoff_max_s=0.5), speed)
    asyncio.run(asyncio.wait_for(player.play(), 120))
    return player


def caught_up(hub: HubProcess, events: int) -> bool:
    """Whether all readers have read so many events; a board may be a moment old."""
    state = hub.get("/api/state").json()
    readers = state["projections"]
    return state["journal_events"] >= events and bool(readers) and all(one.get("behind", 0) == 0 for one in readers)


@pytest.mark.slow
def test_a_day_is_kept_without_an_error_and_what_is_taken_away_is_found(
    tmp_path: Path, mosquitto: Mosquitto, own_influxdb1: InfluxDB1, capsys: pytest.CaptureFixture[str]
):
    run = tmp_path / "run"
    chronicle.write(run, CROWDED, seed=3, days=2)
    hub = HubProcess(tmp_path / "hub", mosquitto.port, own_influxdb1.url, (run / "canteens.toml").read_text())
    hub.start()
    try:
        player = played(run, mosquitto)
        assert player.sent == player.total > 300
        assert played(run, mosquitto).handed == player.total  # goes on where it was: nothing is sent twice
        wait_until(lambda: caught_up(hub, player.total), "everything is read")
        wait_until(lambda: "crowding" in hub.get("/api/alerts").text, "crowds are told of, at the hub's next look")
        code, report = judged(run, hub, own_influxdb1, capsys, "--crowds")
        assert (code, report["findings"]) == (0, [])
        assert report["compared"] == {
            "events": player.total,
            "alerts": report["compared"]["alerts"],
            "checks": report["compared"]["checks"],
            "isolations": None,
            "duties": None,
            "meals": None,
            "points": player.total,
            "crowds": report["compared"]["crowds"],
        }
        assert report["compared"]["crowds"] >= 1
        assert report["compared"]["alerts"] > 3
        assert report["compared"]["checks"] > 100
        assert report["late_s"]["p99"] < 60
        for page in report["page"]:
            assert "<svg" in Path(page).read_text("utf-8")
    finally:
        hub.stop()
    _take_away(hub.folder / "data")
    hub.start()
    try:
        own_influxdb1.query("DROP SERIES FROM disinfection", DATABASE)
        code, report = judged(run, hub, own_influxdb1, capsys, "--crowds")
    finally:
        hub.stop()
    found = {kind for kind, count in report["errors"].items() if count}
    assert (code, found) == (
        1,
        {Fault.MISSED, Fault.HOLE, Fault.ALERT_MISSED, Fault.CHECK_WRONG, Fault.SERIES_MISSED},
    )
    assert report["errors"]["missed"] == report["errors"]["alert-missed"] == report["errors"]["check-wrong"] == 1


def _take_away(data: Path) -> None:
    """One event, one alert, one check."""
    with sqlite3.connect(data / "journal.db") as db:
        db.execute(
            'DELETE FROM entries WHERE "offset" = (SELECT "offset" FROM entries ORDER BY "offset" LIMIT 1 OFFSET 50)'
        )
    with sqlite3.connect(data / "alerts.db") as db:
        db.execute("DELETE FROM alerts WHERE id = 2")
    with sqlite3.connect(data / "checks.db") as db:
        db.execute('DELETE FROM measurements WHERE "offset" = (SELECT max("offset") FROM measurements)')


async def register(run: Path, hub: HubProcess, begins: dt.date) -> None:
    """Import the plant's files as HR would on its first day."""
    data = hub.folder / "data"
    database, registrar = Database(f"sqlite:///{data / 'menshen.db'}"), Registrar(RegistryStore(data / "registry.db"))
    await database.start()
    await registrar.start()
    now_ns = int(dt.datetime.combine(begins, dt.time(), ZONE).timestamp()) * 10**9
    office = PeopleOffice(database, registrar, (run / chronicle.KEY).read_bytes(), ZONE, lambda: now_ns)

    async def bring(kind: Kind) -> None:
        found = files.read((run / f"chaos.{kind.name}.csv").read_bytes(), kind, begins)
        done = await database.write(lambda session: files.carry_out(session, kind, found, files.Hand("hr", now_ns)))
        assert done
        assert not [one for one in done if one.done is None]

    for kind in (SHIFTS, TEAMS):
        await bring(kind)
    canteens = [Place(name=name, title=name, kind=PlaceKind.CANTEEN) for name in PLANT.places() if "canteen" in name]
    await database.write(lambda session: session.add_all(canteens))
    sheet = sheets.read((run / "chaos.people.csv").read_bytes(), PEOPLE)
    made = await office.preview(PEOPLE, sheet)
    assert await office.carry_out(PEOPLE, sheet, made.digest(), by="hr") is None
    await bring(files.DAYS)
    await registrar.stop()
    await database.stop()


@pytest.mark.slow
def test_a_hub_that_is_filled_from_a_run_isolates_counts_and_feeds_as_the_truth_does_and_each_error_is_found(
    tmp_path: Path, mosquitto: Mosquitto, capsys: pytest.CaptureFixture[str]
):
    run = tmp_path / "run"
    begins = dt.datetime.now(ZONE).date() - dt.timedelta(days=4)
    health = Health(other_fever_share=0.02)
    chronicle.write(run, replace(PLANT, people=200, begins=begins, health=health, returnee_share=0.1), seed=4, days=3)
    extra = f'token_key_file = "{run / chronicle.KEY}"\nzone = "Asia/Shanghai"\n'
    more = "[rules]\nconfirmed_from_c = 37.5\n" + (run / "canteens.toml").read_text()
    hub = HubProcess(tmp_path / "hub", mosquitto.port, None, more)
    settings = hub.folder / "hub.toml"
    settings.write_text(extra + settings.read_text())
    asyncio.run(register(run, hub, begins))
    hub.start()
    try:
        total = played(run, mosquitto).total
        wait_until(lambda: caught_up(hub, total), "everything is read")
        token = hub.folder / "judge.token"
        token.write_text(hub.token)

        asked = ("--isolations", "--duties", "--meals")

        def judge() -> dict:
            capsys.readouterr()
            main(["judge", str(run), "--hub", hub.url, "--token-file", str(token), *asked, "--json"])
            return json.loads(capsys.readouterr().out)

        report = judge()
        assert report["findings"] == []
        compared = report["compared"]
        assert (compared["isolations"] > 6, compared["duties"] > 200, compared["meals"] > 50) == (True, True, True)
        with sqlite3.connect(hub.folder / "data" / "menshen.db", timeout=20) as db:
            case, person = db.execute("SELECT id, person_id FROM cases WHERE cause = 'fever' LIMIT 1").fetchone()
            db.execute("UPDATE signs SET case_id = NULL WHERE case_id = ?", (case,))
            db.execute("DELETE FROM cases WHERE id = ?", (case,))
            other = db.execute(
                "SELECT id FROM people WHERE id <> ? AND id NOT IN (SELECT person_id FROM cases) LIMIT 1", (person,)
            ).fetchone()[0]
            db.execute("UPDATE cases SET person_id = ? WHERE cause = 'returnee' AND id = (SELECT max(id) FROM cases"
                       " WHERE cause = 'returnee')", (other,))  # fmt: skip
            db.execute("UPDATE teams SET meal_slot = '03:00-03:01'")
        errors = {kind: count for kind, count in judge()["errors"].items() if count}
        assert errors.pop(Fault.MEAL_WRONG) > 50
        assert errors == {Fault.ISOLATION_MISSED: 2, Fault.ISOLATION_INVENTED: 1}
    finally:
        hub.stop()


@pytest.mark.slow
def test_links_that_are_cut_and_slow_lose_nothing(
    tmp_path: Path, mosquitto: Mosquitto, own_influxdb1: InfluxDB1, capsys: pytest.CaptureFixture[str]
):
    run = tmp_path / "run"
    faults = Faults(link_outages=40, link_min=240, power_cuts=0, slow_link_share=1.0)
    chronicle.write(run, replace(PLANT, people=60, faults=faults), seed=5)
    hub = HubProcess(tmp_path / "hub", mosquitto.port, own_influxdb1.url)
    hub.start()
    try:
        total = played(run, mosquitto, speed=7200.0).total
        wait_until(lambda: caught_up(hub, total), "everything is read")
        code, report = judged(run, hub, own_influxdb1, capsys)
    finally:
        hub.stop()
    assert (code, report["findings"]) == (0, [])


def test_two_players_of_one_run_and_a_link_that_fails_are_told_and_nobody_waits_for_ever(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
):
    run = tmp_path / "run"
    chronicle.write(run, replace(PLANT, people=5, vehicles=0), seed=1)
    spool = Spool("chaos", "gate-01", SpoolSettings(path=str(run / "spools" / "chaos" / "gate-01.db")), SystemTime())
    spool.open()
    with pytest.raises(MenshenError, match="another process"):
        main(["play", str(run), "--broker", f"127.0.0.1:{mosquitto.port}"])
    spool.close()

    async def fails(_self: Uplink) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Uplink, "run", fails)
    with pytest.raises(ZeroDivisionError):
        main(["play", str(run), "--broker", f"127.0.0.1:{mosquitto.port}"])


def test_a_hub_that_is_none_and_a_broker_that_is_none_are_told(tmp_path: Path, http_sink):
    run = tmp_path / "run"
    chronicle.write(run, replace(PLANT, people=5, vehicles=0), seed=1)
    with pytest.raises(MenshenError, match="Connection refused"):
        main(["judge", str(run), "--hub", "http://127.0.0.1:9"])
    with pytest.raises(MenshenError, match="expected the address of a Menshen hub"):
        main(["judge", str(run), "--hub", http_sink.url])
    with pytest.raises(MenshenError, match="expected HOST:PORT"):
        main(["play", str(run), "--broker", "nowhere"])
    with pytest.raises(MenshenError, match="expected the folder"):
        main(["play", str(tmp_path), "--broker", "127.0.0.1:9"])
