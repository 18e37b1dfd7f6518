"""Who is compared: each a process of its own that reads the broker and writes its own database of one InfluxDB.

All are given the best that we know: Node-RED maps and batches in one function, without an editor; telegraf and Menshen
write as many lines at a time. Node-RED is installed once by npm from the lock file beside this page, outside the
repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx

from tests.bench.compare.events import SITE
from tests.support.servers import Program

LINES = 5000
_HERE = Path(__file__).parent
_TOPICS = f"menshen/1/{SITE}/+/events/+"


class Contender(Program):
    """One that is measured; `mode` is how it is sent the events (`tests.bench.compare.sender`)."""

    mode = "flood"
    start_within_s = 120.0  # beside whatever else the machine does


class Menshen(Contender):
    """A whole hub: its journal, its alerts and figures, its console and all else that it does for each event."""

    def __init__(self, folder: Path, mode: str, broker_port: int, influx_url: str, database: str) -> None:
        super().__init__(folder)
        self.mode = mode
        (folder / "hub.toml").write_text(
            f'site = "{SITE}"\ndata = "data"\n[broker]\nport = {broker_port}\n[web]\nport = {self.port}\n'
            f'[influx]\nurl = "{influx_url}"\nbucket = "{database}"\nbatch_lines = {LINES}\n'
        )

    def command(self) -> list[str]:
        return [sys.executable, "-m", "menshen", "hub", "run", str(self.folder / "hub.toml"), "--log-level", "warning"]

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


class NodeRed(Contender):
    """Node-RED with node-red-contrib-influxdb: mqtt in → function → batched write."""

    def __init__(self, folder: Path, broker_port: int, influx_url: str, database: str) -> None:
        super().__init__(folder)
        self._red = install_node_red() / "node_modules" / "node-red" / "red.js"
        self._flow = folder / "flow.json"
        self._flow.write_text(json.dumps(_flow(broker_port, influx_url, database)))
        # Nodes are looked for beside the settings and in the user's folder.
        (folder / "node_modules").symlink_to(self._red.parent.parent)

    def command(self) -> list[str]:
        node = shutil.which("node") or "node"
        settings = _HERE / "node_red" / "settings.js"
        return [node, str(self._red), "--userDir", str(self.folder), "--settings", str(settings), str(self._flow)]

    def is_ready(self) -> bool:
        return "Connected to broker" in (self.folder / "server.log").read_text()


def _flow(broker_port: int, influx_url: str, database: str) -> list[dict[str, object]]:
    host, port = influx_url.removeprefix("http://").split(":")
    code = {name: (_HERE / "node_red" / f"{name}.js").read_text() for name in ("start", "points")}
    return [
        {"id": "flow", "type": "tab", "label": "compare"},
        {
            "id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(broker_port),
            "clientid": "node-red", "autoConnect": True, "protocolVersion": "4", "keepalive": "60",
            "cleansession": True,
        },
        {
            "id": "influx", "type": "influxdb", "hostname": host, "port": port, "protocol": "http",
            "database": database, "influxdbVersion": "1.x",
        },
        {
            "id": "in", "type": "mqtt in", "z": "flow", "topic": _TOPICS, "qos": "1", "datatype": "json",
            "broker": "broker", "wires": [["points"]],
        },
        {
            "id": "points", "type": "function", "z": "flow", "func": code["points"], "initialize": code["start"],
            "finalize": 'clearInterval(context.get("timer"));', "outputs": 1, "wires": [["out"]],
        },
        {"id": "out", "type": "influxdb batch", "z": "flow", "influxdb": "influx", "precision": "ms"},
    ]  # fmt: skip


def has_node_red() -> bool:
    """Whether there is what Node-RED needs."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def install_node_red() -> Path:
    """The folder with Node-RED as the lock file has it: made once, kept outside the repository."""
    lock = _HERE / "node_red" / "package-lock.json"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "menshen-bench"
    folder = cache / f"node-red-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        print("installing Node-RED by npm (once) …", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_HERE / "node_red" / name, folder / name)
        words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(words, cwd=folder, check=True, timeout=600, stdout=sys.stderr)
        (folder / "installed").touch()
    return folder


class Telegraf(Contender):
    """telegraf: mqtt_consumer → json_v2 → influxdb."""

    def __init__(self, folder: Path, broker_port: int, influx_url: str, database: str) -> None:
        super().__init__(folder)
        (folder / "telegraf.conf").write_text(
            f"""[agent]
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = {LINES}
  metric_buffer_limit = 1000000
  omit_hostname = true
  quiet = true
[[outputs.influxdb]]
  urls = ["{influx_url}"]
  database = "{database}"
  timeout = "30s"
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:{broker_port}"]
  topics = ["{_TOPICS}"]
  qos = 1
  client_id = "telegraf"
  max_undelivered_messages = 50000
  data_format = "json_v2"
  [[inputs.mqtt_consumer.json_v2]]
    measurement_name_path = "events.0.event.type"
    timestamp_path = "events.0.event.time_ns"
    timestamp_format = "unix_ns"
{_telegraf_paths()}"""
        )

    def command(self) -> list[str]:
        return [shutil.which("telegraf") or "telegraf", "--config", str(self.folder / "telegraf.conf")]

    def is_ready(self) -> bool:
        return self._process is not None and self._process.poll() is None


def has_telegraf() -> bool:
    return shutil.which("telegraf") is not None


def _telegraf_paths() -> str:
    """Where each tag and field is; the same as Menshen writes, as far as the paths of json_v2 reach."""
    event, stream = "events.0.event", "stream"
    tags = [f"{stream}.{name}" for name in ("site", "gate", "urgency")]
    tags += [f"{event}.{name}" for name in ("lane", "direction", "outcome", "verdict")]
    fields = [("events.0.seq", "int"), (f"{stream}.epoch", "string"), (f"{event}.reasons.0", "string")]
    fields += [(f"{event}.registered", "bool"), (f"{event}.confidence", "float")]
    fields += [(f"{event}.temperature.{name}", "float") for name in ("skin_c", "u_c", "limit_c", "reference_c")]
    fields.append((f"{event}.temperature.looks", "int"))
    table = "[[inputs.mqtt_consumer.json_v2.{}]]\n      path = {}\n      rename = {}\n      optional = true\n"
    lines = ["    " + table.format("tag", json.dumps(path), json.dumps(_last(path))) for path in tags]
    for path, kind in fields:
        name = "reasons" if path.endswith(".0") else _last(path)
        lines.append("    " + table.format("field", json.dumps(path), json.dumps(name)) + f'      type = "{kind}"\n')
    return "".join(lines)


def _last(path: str) -> str:
    return path.rpartition(".")[2]
