"""Real servers for tests: on free ports of 127.0.0.1, in folders of their own, ended with the test run."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

START_WITHIN_S = 20.0
REQUIRE_ALL = os.environ.get("MENSHEN_REQUIRE_ALL") == "1"
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary(name: str, package: str) -> str:
    """The program's path; without it the test is skipped, or fails where everything is required."""
    path = os.environ.get("PATH", "") + os.pathsep + os.pathsep.join(["/usr/sbin", "/usr/local/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        message = f"{name} is not installed (Debian's package {package})"
        if REQUIRE_ALL:
            pytest.fail(message)
        pytest.skip(message)
    return found


def wait_until(condition: Callable[[], bool], what: str, within_s: float = START_WITHIN_S) -> None:
    """Poll until the condition holds; fail, naming what was waited for, after the deadline."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.02)


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def die_with_parent() -> None:
    """In a child: be killed when the test run is (Linux, prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Program:
    """A server in a process of its own, that keeps its port and folder over restarts."""

    start_within_s = START_WITHIN_S

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._process is not None, "it runs"
        return self._process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        return listening(self.port)

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, preexec_fn=die_with_parent
            )
        wait_until(self._is_up, f"{self.command()[0]} on port {self.port}", self.start_within_s)

    def stop(self) -> None:
        """End it politely, else by force."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """A crash: SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def reload(self) -> None:
        """Tell it to read its files anew."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.command()[0]} ended: {(self.folder / 'server.log').read_text()[-2000:]}")
        return self.is_ready()

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


class Mosquitto(Program):
    """Debian's mosquitto, without persistence."""

    def __init__(self, folder: Path, *extra: str) -> None:
        super().__init__(folder)
        self._binary = binary("mosquitto", "mosquitto")
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", *extra]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def command(self) -> list[str]:
        return [self._binary, "-c", str(self.folder / "mosquitto.conf")]


class Nats(Program):
    """A node of a NATS cluster (Debian's nats-server): an MQTT broker, or one that keeps what MQTT has to remember."""

    def __init__(self, folder: Path, name: str, *, keeps: bool) -> None:
        super().__init__(folder)
        self._binary = binary("nats-server", "nats-server")
        self._name = name
        self._keeps = keeps
        self.route = f"127.0.0.1:{free_port()}"

    def join(self, nodes: Sequence[Nats]) -> None:
        """Write its settings, once all nodes of the cluster are known."""
        routes = ", ".join(f'"nats://{node.route}"' for node in nodes if node is not self)
        keeper = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/store" }}\n'
        broker = f'listen: "127.0.0.1:{free_port()}"\nmqtt {{ listen: "127.0.0.1:{self.port}", stream_replicas: 3 }}\n'
        (self.folder / "nats.conf").write_text(
            f"server_name: {self._name}\n{keeper if self._keeps else broker}"
            f'cluster {{ name: menshen, listen: "{self.route}", routes: [{routes}] }}\n'
        )

    def command(self) -> list[str]:
        return [self._binary, "-c", str(self.folder / "nats.conf")]


def nats_cluster(folder: Path) -> list[Nats]:
    """Three brokers, started, and three that keep what these have to remember; all but the brokers first."""
    keepers = [Nats(folder / f"keeper-{number}", f"keeper-{number}", keeps=True) for number in range(3)]
    brokers = [Nats(folder / f"broker-{number}", f"broker-{number}", keeps=False) for number in range(3)]
    for node in (*keepers, *brokers):
        node.join([*keepers, *brokers])
    for node in (*keepers, *brokers):
        node.start()
    return [*keepers, *brokers]


class RabbitMQ(Program):
    """A node of a RabbitMQ cluster with its MQTT plugin (Debian's rabbitmq-server); it starts slowly: for benches."""

    start_within_s = 240.0

    def __init__(self, folder: Path, name: str, names: Sequence[str]) -> None:
        super().__init__(folder)
        self._binary = binary("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
        self._name = name
        settings = {
            "listeners.tcp.default": f"127.0.0.1:{free_port()}",
            "mqtt.listeners.tcp.default": f"127.0.0.1:{self.port}",
            "mqtt.allow_anonymous": "true",
            "cluster_partition_handling": "pause_minority",
            "cluster_formation.peer_discovery_backend": "classic_config",
            "vm_memory_high_watermark.absolute": "400MB",
        }
        settings |= {
            f"cluster_formation.classic_config.nodes.{n}": f"{each}@localhost" for n, each in enumerate(names, 1)
        }
        (folder / "rabbitmq.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        (folder / "enabled_plugins").write_text("[rabbitmq_mqtt].\n")
        cookie = folder / ".erlang.cookie"
        cookie.write_text("menshen")
        cookie.chmod(0o400)

    def command(self) -> list[str]:
        said = {
            "HOME": self.folder,
            "RABBITMQ_NODENAME": f"{self._name}@localhost",
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.folder / "enabled_plugins",
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder / "log",
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }
        return ["env", *(f"{key}={value}" for key, value in said.items()), "setsid", "-w", self._binary]

    def kill(self) -> None:
        """With all that the script started, which is a process group of its own."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
        super().kill()


class PostgreSQL(Program):
    """Debian's PostgreSQL, a cluster of its own; as root it runs as the system's user `postgres`, as it demands."""

    def __init__(self, *, fsync: bool = False) -> None:
        """`fsync`: a commit is on the disk; only benches want to wait for that."""
        super().__init__(Path(tempfile.mkdtemp(prefix="menshen-postgres-")))
        self._fsync = "on" if fsync else "off"
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
        if self._bin is None:
            binary("postgres", "postgresql")
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "--auth=trust", "--username=menshen", "--no-sync", "-D", str(self.folder / "data"))

    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": self._fsync,
        }
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return self._as_postgres("postgres", "-D", str(self.folder / "data"), *words)

    def is_ready(self) -> bool:
        return (
            listening(self.port) and self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port), check=False) == 0
        )

    def stop(self) -> None:
        self._end(signal.SIGINT)  # "fast": it does not wait for clients
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self, name: str) -> str:
        """A new database; its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "menshen", name)
        return f"postgresql://menshen@127.0.0.1:{self.port}/{name}"

    def _as_postgres(self, program: str, *words: str) -> list[str]:
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
        return [*user, str(self._bin / program), *words]

    def _run(self, program: str, *words: str, check: bool = True) -> int:
        command = self._as_postgres(program, *words)
        return subprocess.run(command, check=check, capture_output=True, cwd=self.folder, timeout=60).returncode


class EmbeddedBroker:
    """The broker that comes with the hub (rumqttd inside the iotcore wheel)."""

    def __init__(self) -> None:
        self.port = free_port()
        self._broker: Any = None

    def start(self) -> None:
        from iotcore import Broker

        self._broker = Broker(port=self.port, listen="127.0.0.1", max_payload_size=300_000)
        self._broker.start()

    def stop(self) -> None:
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def kill(self) -> None:
        self.stop()

    def restart(self) -> None:
        self.stop()
        self.start()


class InfluxDB1(Program):
    """Debian's InfluxDB 1.6.7, HTTP on loopback only."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._binary = binary("influxd", "influxdb")
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "influxdb.conf").write_text(
            f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{self.port}"
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
"""
        )

    def command(self) -> list[str]:
        return [self._binary, "-config", str(self.folder / "influxdb.conf")]

    def is_ready(self) -> bool:
        return _answers(f"{self.url}/ping")

    def query(self, influxql: str, database: str) -> list[dict[str, Any]]:
        """The rows of one InfluxQL statement."""
        answer = httpx.post(
            f"{self.url}/query", params={"db": database, "epoch": "ns"}, data={"q": influxql}, timeout=30
        ).json()
        result = answer["results"][0]
        if "error" in result:
            raise RuntimeError(result["error"])
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], row, strict=True))}
            for series in result.get("series", [])
            for row in series["values"]
        ]


class VictoriaMetrics(Program):
    """Debian's victoria-metrics: here for its v2 write API."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._binary = binary("victoria-metrics", "victoria-metrics")
        self.url = f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            self._binary,
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-storageDataPath={self.folder}/data",
            "-retentionPeriod=100y",
        ]

    def is_ready(self) -> bool:
        return _answers(f"{self.url}/health")

    def export(self, match: str) -> list[dict[str, Any]]:
        """All samples of the series that match, as `/api/v1/export` gives them; what was just written included."""
        httpx.get(f"{self.url}/internal/force_flush", timeout=10)
        lines = httpx.get(f"{self.url}/api/v1/export", params={"match[]": match}, timeout=30).text.splitlines()
        return [json.loads(line) for line in lines]


class Request(NamedTuple):
    """What an HTTP sink received; `at_ns` is the wall clock at arrival."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_ns: int


class HttpSink:
    """A real HTTP server that records what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.status = 200
        self.body = b"ok"
        self.delay_s = 0.0
        self.drop = False
        """Close the connection without an answer."""
        self._server: ThreadingHTTPServer | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {key.lower(): value for key, value in self.headers.items()}
                sink.requests.append(Request(self.command, self.path, headers, body, time.time_ns()))
                sink.answer(self)

            do_GET = do_PUT = do_POST

            def log_message(self, *arguments: object) -> None:
                """Tests read `requests`, not a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.drop:
            handler.close_connection = True
            handler.connection.close()
            return
        handler.send_response(self.status)
        handler.send_header("Content-Length", str(len(self.body)))
        handler.end_headers()
        handler.wfile.write(self.body)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class SmtpSink:
    """A real SMTP server (aiosmtpd) that records mails and answers DATA with `reply` when that is set."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.reply = "250 OK"
        self.port = free_port()
        self._controller: Any = None

    def start(self) -> None:
        from aiosmtpd.controller import Controller

        sink = self

        class Handler:
            async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
                if sink.reply.startswith("2"):
                    sink.mails.append(envelope.content)
                return sink.reply

        self._controller = Controller(Handler(), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


async def eventually(condition: Callable[[], bool], what: str, within_s: float = START_WITHIN_S) -> None:
    """Like `wait_until`, for asyncio."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:.0f} s")
        await asyncio.sleep(0.01)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code < 300
    except httpx.HTTPError:
        return False
