"""`menshen doctor hub.toml`: what is wrong with this hub, and what to do about it. Nothing is changed, whoever runs."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import httpx
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub import settings as hub_settings
from hub.alerts.channels import CALLS_BACK
from hub.database import MIGRATIONS, shown
from hub.fleet.opening import journal_url, reader_of
from hub.influx import server_version
from hub.journal import JournalReader
from hub.settings import HubSettings
from hub.token_keys import desk
from hub.token_keys.desk import Standing
from hub.trust import broker, gates
from hub.trust.gates import GateRow
from hub.trust.service import BROKER_FOLDER, FOLDER
from wire import checkup
from wire.errors import JournalError, SettingsError, StoreError
from wire.findings import Finding, Level, Words
from wire.tokens import fingerprint, read_key

T = TypeVar("T")

UNITS = ("menshen-hub.service", "menshen-broker-reload.path", "menshen-backup.timer")
BACKUPS = Path("/var/backups/menshen")
ROOM_MB = 1000.0
BACKUP_AGE = timedelta(hours=26)
"""One each night, and two hours for it."""
_RUN = Words("menshen hub run, or systemctl start menshen-hub", "menshen hub run，或 systemctl start menshen-hub")
_BROKER = Words("menshen hub broker hub.toml", "menshen hub broker hub.toml")
_SEALED = Words(
    "restore it from a backup: what gates sealed cannot be read without", "从备份恢复：没有它无法解读门岗加密的登记"
)


def examine(path: Path, backups: Path = BACKUPS) -> list[Finding]:
    """Everything that can be found out beside a hub that runs, in the order in which it is mended."""
    try:
        settings = hub_settings.load(path)
    except SettingsError as error:
        return [
            Finding(Level.FAULT, "settings", Words(problem, problem), Words(f"mend {path}", f"修改 {path}"))
            for problem in error.problems
        ]
    return [
        Finding(Level.GOOD, "settings", Words(f"{path}: good", f"{path}：正确")),
        *checkup.room(Path(settings.data), ROOM_MB),
        *secrets(settings),
        clock(),
        *database(settings),
        *certificates(settings),
        *way_to_broker(settings),
        *time_series(settings),
        *journal(settings),
        *check_channels([channel.name for channel in settings.channels], has_heartbeat=settings.heartbeat is not None),
        *check_answers(settings),
        check_backup(backups, newest_backup(backups, settings.site), datetime.now(UTC)),
        *running(settings),
        *[finding for name in UNITS for finding in checkup.unit(name)],
    ]


def secrets(settings: HubSettings) -> list[Finding]:
    """Keys and passwords: there, and for nobody else to read."""
    data, found = Path(settings.data), []
    if settings.token_key_file is None:
        text = Words("there is none: nobody can be registered by number", "未配置：无法按编号登记人员和车辆")
        found.append(
            Finding(
                Level.WARNING, "token key", text, Words("token_key_file in hub.toml", "在 hub.toml 配置 token_key_file")
            )
        )
    else:
        maker = Words(
            "restore it from a backup; a new site: head -c 32 /dev/urandom | base64 > FILE",
            "从备份恢复；新厂区：head -c 32 /dev/urandom | base64 > 文件",
        )
        found += checkup.token_key(Path(settings.token_key_file), maker)
        found += token_key_change(settings)
    named = [("password at the broker", settings.broker.password_file, _BROKER)]
    if settings.influx is not None:
        do = Words("write it into that file", "将其写入该文件")
        named += [
            ("password at InfluxDB", settings.influx.password_file, do),
            ("token of InfluxDB", settings.influx.token_file, do),
        ]
    for name, file, maker in named:
        if file is not None:
            found.append(checkup.check_secret(name, Path(file), checkup.rights_of(Path(file)), maker))
    for path in (data / "sealing.key", *sorted((data / FOLDER).glob("*.key"))):
        if path.exists():
            found.append(checkup.check_secret(path.name, path, checkup.rights_of(path), _SEALED))
    return found


def token_key_change(settings: HubSettings) -> list[Finding]:
    """Whether the file holds the key that the register goes by, and which gates have not taken it yet."""
    try:
        standing = _read(settings, desk.standing)
        key = read_key(Path(settings.token_key_file or ""))
    except SettingsError:
        return []  # told of already
    return [] if standing is None else check_token_key(standing, fingerprint(key))


def check_token_key(standing: Standing, have: str) -> list[Finding]:
    """Pure. `have` is the fingerprint of the key in the file; nothing to say where it was never changed."""
    current, missing = standing.current, standing.missing
    if current is not None and current.fingerprint != have:
        text = Words(
            f"the register goes by the key {current.fingerprint}, the file has {have}: no gate is given that one",
            f"登记使用的密钥为 {current.fingerprint}，文件中为 {have}：不会下发给门岗",
        )
        do = Words(
            "put the right one there: from a backup, or token.key of any gate with that fingerprint",
            "恢复正确的密钥：来自备份，或任一指纹相同的门岗的 token.key",
        )
        return [Finding(Level.FAULT, "token key", text, do)]
    if current is not None and current.is_open and missing:
        text = Words(f"was changed; not taken yet by {', '.join(missing)}", f"已更换；尚未接收：{'、'.join(missing)}")
        do = Words(
            "see that these are on and reach the hub, or revoke them; both keys hold until then",
            "确认这些门岗已开机并能连到中心，或将其吊销；在此之前新旧密钥均有效",
        )
        return [Finding(Level.WARNING, "token key", text, do)]
    others = [gate for gate in standing.enrolled if standing.held.get(gate, have) != have]
    if others:
        text = Words(
            f"{', '.join(others)}: work by another key than this hub's, so that nobody is known there",
            f"{'、'.join(others)}：使用的密钥与中心不同，该处无人能被识别",
        )
        do = Words(
            "is this hub a copy of before a change? menshen hub registry rekey gives all a new one",
            "中心是否由更换密钥前的备份恢复？执行 menshen hub registry rekey 统一更换",
        )
        return [Finding(Level.FAULT, "token key", text, do)]
    if current is None:
        return []
    return [Finding(Level.GOOD, "token key", Words("is at all enrolled gates", "所有已注册门岗均已使用"))]


def clock() -> Finding:
    """The word of the service that sets it."""
    try:
        asked = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
        said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=10).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    return checkup.check_clock(is_synced=said.strip() == "yes", now=datetime.now(UTC))


def database(settings: HubSettings) -> list[Finding]:
    """Whether the relational store answers, and its schema is this program's."""
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return [Finding(Level.WARNING, "database", Words("no hub has run here yet", "中心尚未在此运行过"), _RUN)]
    driver = "postgresql+psycopg" if url.get_backend_name() == "postgresql" else url.drivername
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    try:
        made = create_engine(url.set(drivername=driver))
        with made.connect() as connection:
            is_at = MigrationContext.configure(connection).get_current_revision()
        made.dispose()
    except (SQLAlchemyError, ImportError) as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        text = Words(f"{shown(settings.database_url)}: {why}", f"{shown(settings.database_url)}：{why}")
        return [
            Finding(
                Level.FAULT,
                "database",
                text,
                Words("is it running, is the URL right?", "检查数据库是否运行、地址是否正确"),
            )
        ]
    known = [revision.revision for revision in script.walk_revisions()]
    return [check_schema(is_at, script.get_current_head(), known)]


def check_schema(is_at: str | None, newest: str | None, known: list[str]) -> Finding:
    """Older is brought up at the next start; one that this program does not know is of a newer program."""
    if is_at == newest:
        return Finding(Level.GOOD, "database", Words(f"its schema is the newest, {is_at}", f"结构为最新，{is_at}"))
    if is_at is not None and is_at not in known:
        text = Words(f"its schema {is_at} is of a newer Menshen", f"结构 {is_at} 属于更新的版本")
        do = Words("install that version again, or restore a backup of this one", "重新安装该版本，或恢复本版本的备份")
        return Finding(Level.FAULT, "database", text, do)
    text = Words(f"its schema is {is_at}, this program's {newest}", f"结构为 {is_at}，程序为 {newest}")
    do = Words("menshen hub backup, then restart the hub: it brings the schema up", "先备份，再重启中心即自动升级")
    return Finding(Level.WARNING, "database", text, do)


def certificates(settings: HubSettings) -> list[Finding]:
    """The authority's, the broker's, and those of the gates."""
    if settings.authority is None:
        if settings.embedded_broker.enabled:
            text = Words("the broker in the hub speaks no TLS and takes anybody", "内置消息服务器不加密，且不验证身份")
            do = Words(
                "for more than a try-out: [authority] and mosquitto, see README",
                "正式使用请配置 [authority] 与 mosquitto",
            )
            return [Finding(Level.WARNING, "certificates", text, do)]
        return []
    data = Path(settings.data)
    folder = Path(settings.authority.broker_path) if settings.authority.broker_path else data / BROKER_FOLDER
    found = [checkup.certificate("certificate of the broker", folder / broker.SERVER_FILE, _BROKER)]
    if not (folder / broker.ACL_FILE).exists():
        text = Words(
            f"{folder / broker.ACL_FILE}: there is none, no gate may speak",
            f"{folder / broker.ACL_FILE}：不存在，门岗无法通信",
        )
        found.append(Finding(Level.FAULT, "rights at the broker", text, _BROKER))
    return found + check_gates(enrolled(settings), time.time_ns())


def enrolled(settings: HubSettings) -> list[GateRow]:
    """The gates, where the store can be read as it is."""
    return _read(settings, lambda session: gates.rows(session, time.time_ns())) or []


def _read(settings: HubSettings, work: Callable[[Session], T]) -> T | None:
    """What the relational store says; None where it cannot be read as it is, of which `database` tells."""
    url = make_url(settings.database_url)
    driver = "postgresql+psycopg" if url.get_backend_name() == "postgresql" else url.drivername
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        return None
    try:
        made = create_engine(url.set(drivername=driver))
        with Session(made) as session:
            return work(session)
    except (SQLAlchemyError, ImportError):
        return None


def check_gates(rows: list[GateRow], now_ns: int) -> list[Finding]:
    """Gates renew by themselves: one whose certificate is soon over has not been here for long."""
    soon_ns = now_ns + int(checkup.RENEWED_BY_THEN.total_seconds()) * 10**9
    late = [row.gate for row in rows if row.until_ns is not None and row.until_ns < soon_ns]
    if late:
        text = Words(f"soon over, or over: {', '.join(late)}", f"即将或已经过期：{', '.join(late)}")
        do = Words(
            "is the gate on, and does it reach the hub? menshen doctor gate.toml there",
            "检查门岗是否在线；在门岗执行 menshen doctor gate.toml",
        )
        return [Finding(Level.WARNING, "certificates of gates", text, do)]
    count = sum(row.until_ns is not None for row in rows)
    return [Finding(Level.GOOD, "certificates of gates", Words(f"{count} enrolled", f"已注册 {count} 个"))]


def way_to_broker(settings: HubSettings) -> list[Finding]:
    return [checkup.broker_answers(settings.broker)]


def time_series(settings: HubSettings) -> list[Finding]:
    """Whether the time-series server answers."""
    if settings.influx is None:
        text = Words("none: Grafana has nothing to show", "未配置：Grafana 无数据")
        return [Finding(Level.WARNING, "time series", text, Words("[influx] in hub.toml", "在 hub.toml 配置 [influx]"))]
    try:
        version = server_version(settings.influx)
    except StoreError as error:
        do = Words(
            "systemctl status influxdb; nothing is lost, the hub writes it later",
            "systemctl status influxdb；数据不会丢失，稍后补写",
        )
        return [Finding(Level.FAULT, "time series", Words(str(error), str(error)), do)]
    shown_as = "" if version is None else f", {version[0]}.{version[1]}"
    text = Words(f"{settings.influx.url} answers{shown_as}", f"{settings.influx.url} 有应答{shown_as}")
    return [Finding(Level.GOOD, "time series", text)]


def journal(settings: HubSettings) -> list[Finding]:
    """How large the journal is, whether it can be read, and what could not be used."""
    if settings.fleet is not None:
        return _fleet_journal(settings)
    path = Path(settings.data) / "journal.db"
    if not path.exists():
        return [Finding(Level.WARNING, "journal", Words("no hub has run here yet", "中心尚未在此运行过"), _RUN)]
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            newest = db.execute('SELECT max("offset") FROM entries').fetchone()[0] or 0
        letters = len(JournalReader(path).dead_letters())
    except (sqlite3.Error, JournalError) as error:
        do = Words("stop the hub, keep the file, restore the newest backup", "停止中心，保留该文件，恢复最新备份")
        return [Finding(Level.FAULT, "journal", Words(f"{path}: {error}", f"{path}：{error}"), do)]
    size = f"{path.stat().st_size / 1e6:,.0f} MB"
    found = [Finding(Level.GOOD, "journal", Words(f"{newest:,} events, {size}", f"{newest:,} 条事件，{size}"))]
    return found + _dead_letters(letters)


def _fleet_journal(settings: HubSettings) -> list[Finding]:
    reader = reader_of(settings)
    try:
        newest, letters = reader.last_offset(), reader.dead_count()
    except JournalError as error:
        do = Words("see that PostgreSQL runs and the URL is right", "确认 PostgreSQL 正在运行且 URL 正确")
        return [Finding(Level.FAULT, "journal", Words(str(error), str(error)), do)]
    finally:
        reader.close()
    text = Words(f"{newest:,} events, in PostgreSQL", f"{newest:,} 条事件，存于 PostgreSQL")
    return [Finding(Level.GOOD, "journal", text), *_dead_letters(letters)]


def _dead_letters(letters: int) -> list[Finding]:
    found = []
    if letters:
        do = Words(
            "menshen hub dead-letters hub.toml; after an update: menshen hub replay",
            "menshen hub dead-letters hub.toml；升级后 menshen hub replay",
        )
        text = Words(f"{letters} messages could not be used", f"{letters} 条消息无法处理")
        found.append(Finding(Level.WARNING, "dead letters", text, do))
    return found


def check_channels(names: list[str], *, has_heartbeat: bool) -> list[Finding]:
    """Whether anybody would be told."""
    found = []
    if names:
        found.append(Finding(Level.GOOD, "channels", Words(", ".join(names), ", ".join(names))))
    else:
        text = Words("none: nobody is told of an alert", "未配置：报警不会通知任何人")
        do = Words(
            "[[channels]] in hub.toml; try it with menshen hub notify test",
            "在 hub.toml 配置 [[channels]]，用 menshen hub notify test 试发",
        )
        found.append(Finding(Level.FAULT, "channels", text, do))
    if not has_heartbeat:
        text = Words("none: nobody is told when this hub itself fails", "未配置：中心自身故障时无人知晓")
        found.append(
            Finding(Level.WARNING, "heartbeat", text, Words("[heartbeat] in hub.toml", "在 hub.toml 配置 [heartbeat]"))
        )
    return found


def check_answers(settings: HubSettings) -> list[Finding]:
    """Whether the services that call the hub with what people answer have an address to call."""
    called = [channel.name for channel in settings.channels if isinstance(channel, CALLS_BACK)]
    if not called or settings.console.public_url is not None:
        return []
    names = ", ".join(called)
    text = Words(
        f"{names}: its service has no address to call: nobody can acknowledge by an answer",
        f"{names}：服务方无地址可回调，无法通过回复受理",
    )
    do = Words(
        f"[console] public_url in hub.toml, and that address with /in/{called[0]} in the app's settings",
        f"在 hub.toml 配置 [console] public_url，并把该地址加 /in/{called[0]} 填入应用的接收设置",
    )
    return [Finding(Level.WARNING, "answers", text, do)]


def newest_backup(folder: Path, site: str) -> datetime | None:
    try:
        times = [path.stat().st_mtime for path in folder.glob(f"menshen-{site}-*.tar.gz")]
    except OSError:
        times = []
    return datetime.fromtimestamp(max(times), UTC) if times else None


def check_backup(folder: Path, newest: datetime | None, now: datetime) -> Finding:
    do = Words(f"menshen hub backup hub.toml --to {folder}", f"menshen hub backup hub.toml --to {folder}")
    if newest is None:
        return Finding(Level.WARNING, "backup", Words(f"{folder}: there is none", f"{folder}：没有备份"), do)
    text = Words(f"the newest is of {newest:%Y-%m-%d %H:%M} UTC", f"最新备份：{newest:%Y-%m-%d %H:%M} UTC")
    return Finding(Level.GOOD if now - newest <= BACKUP_AGE else Level.WARNING, "backup", text, do)


def running(settings: HubSettings) -> list[Finding]:
    """What the hub that runs here says of itself; of a fleet only the process that leads has a console to say it."""
    url = journal_url(settings)
    if settings.fleet is None or url is None:
        return [_console(settings)]
    from hub.fleet import checkup as crews  # noqa: PLC0415 - only a fleet needs the driver

    try:
        crew = crews.look(url)
    except JournalError:
        return []  # `journal` tells of it
    found = crews.judge(crew, settings.fleet.name)
    return [*found, _console(settings)] if crew.leader == settings.fleet.name else found


def _console(settings: HubSettings) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.web.host, settings.web.host)  # noqa: S104 - compared, not bound
    url = f"http://{host}:{settings.web.port}/readyz"
    try:
        answer = httpx.get(url, timeout=5.0)
        problems = {str(key): str(value) for key, value in answer.json().items()}
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        why = str(error) or type(error).__name__
        return Finding(Level.FAULT, "hub", Words(f"{url}: {why}", f"{url}：{why}"), _RUN)
    if problems:
        told = "; ".join(f"{part}: {why}" for part, why in problems.items())
        do = Words("journalctl -u menshen-hub -n 50", "journalctl -u menshen-hub -n 50")
        return Finding(Level.FAULT, "hub", Words(told, told), do)
    return Finding(Level.GOOD, "hub", Words("runs, and all its parts work", "运行中，各部分正常"))
