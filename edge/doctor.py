"""`menshen doctor gate.toml`: what is wrong with this gate, and what to do about it. Nothing is changed."""

from __future__ import annotations

import http.client
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from edge import fitness, machine, settings
from edge.clock import kernel_clock_synced
from edge.releases.slots import read_slots
from edge.settings import Gate, GateSettings
from wire import checkup
from wire.errors import EnrolmentError, SettingsError
from wire.findings import Finding, Level, Words

log = structlog.get_logger(__name__)

UNIT = "menshen-gate.service"
ENROL = Words(
    "on the hub: menshen hub enrol hub.toml GATE; here: menshen edge enrol gate.toml CODE",
    "在中心执行 menshen hub enrol hub.toml 门岗名；在此执行 menshen edge enrol gate.toml 注册码",
)
ROOM_MB = 200.0
"""What a gate needs beside its spool: copies of registry and notices, the log."""
_PLAYED = {"replay", "simulated"}
_WAIT_S = 5.0


def examine(path: Path) -> list[Finding]:
    """Everything that can be found out without being the agent, in the order in which it is mended."""
    try:
        gate = settings.load(path)
    except SettingsError as error:
        return [
            Finding(Level.FAULT, "settings", Words(problem, problem), Words(f"mend {path}", f"修改 {path}"))
            for problem in error.problems
        ]
    found = gate.settings
    state = Path(found.spool.path).parent
    return [
        Finding(Level.GOOD, "settings", Words(f"{path}: good", f"{path}：正确")),
        *devices(gate),
        *checkup.token_key(Path(found.token_key_file), ENROL),
        *guard(found),
        *checkup.room(state, ROOM_MB + left_of_spool_mb(found)),
        checkup.check_clock(is_synced=kernel_clock_synced(), now=datetime.now(UTC)),
        *fitness.findings(machine.look(state)),
        *identity(found),
        checkup.broker_answers(found.broker),
        *hub(found),
        *updates(found),
        *checkup.unit(UNIT),
        *hardware_watchdog(),
    ]


def at_start(gate: Gate) -> list[Finding]:
    """The self-test at boot: what needs no network and no time."""
    found, state = gate.settings, Path(gate.settings.spool.path).parent
    return [
        *devices(gate),
        *(checkup.room(state, ROOM_MB) if state.exists() else []),
        checkup.check_clock(is_synced=kernel_clock_synced(), now=datetime.now(UTC)),
        *fitness.findings(machine.look(state)),
        *identity(found),
        *hardware_watchdog(),
    ]


def log_self_test(gate: Gate) -> None:
    """What is not as it should be, each in a line of the log; a gate goes on all the same."""
    findings = at_start(gate)
    for finding in findings:
        if finding.level is not Level.GOOD:
            log.warning("self-test", check=finding.check, found=finding.found.en, do=finding.do and finding.do.en)
    bad = sum(finding.level is not Level.GOOD for finding in findings)
    log.info("self-test done", checks=len(findings), not_good=bad)


def devices(gate: Gate) -> list[Finding]:
    """Which devices each lane has; loading the settings has found their drivers and packages."""
    found = []
    for lane in gate.lanes:
        name, used = lane.settings.name, ", ".join(f"{key}: {plug.name}" for key, plug in lane.plugs.items())
        played = sorted({plug.name for plug in lane.plugs.values()} & _PLAYED)
        if played:
            text = Words(
                f"lane {name} measures nobody: {', '.join(played)} plays what was recorded or made up",
                f"通道 {name} 并未真实测量：{', '.join(played)} 播放录制或模拟数据",
            )
            do = Words("name the lane's real devices: menshen edge drivers", "填写真实设备：menshen edge drivers")
            found.append(Finding(Level.WARNING, "devices", text, do))
        else:
            found.append(Finding(Level.GOOD, "devices", Words(f"lane {name}: {used}", f"通道 {name}：{used}")))
    return found


def hardware_watchdog() -> list[Finding]:
    """Whether the machine starts anew by itself when its kernel hangs; nothing where there is no systemd to say."""
    if not Path("/run/systemd/system").is_dir():
        return []
    asked = ["systemctl", "show", "--property=RuntimeWatchdogUSec", "--property=WatchdogLastPingTimestampMonotonic"]
    try:
        said = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=_WAIT_S).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [check_watchdog(said)]


def check_watchdog(said: str) -> Finding:
    """Pure: of what systemd says of itself. It was fed at least once, or is not there."""
    found = dict(line.partition("=")[::2] for line in said.splitlines())
    fed = found.get("WatchdogLastPingTimestampMonotonic", "")
    every = found.get("RuntimeWatchdogUSec", "0")
    if every not in {"", "0"} and fed not in {"", "0"}:
        return Finding(Level.GOOD, "hardware watchdog", Words(f"fed, lasts {every}", f"已启用，时限 {every}"))
    text = Words(
        "none is fed: a machine whose kernel hangs stays so until somebody comes",
        "未启用：内核死机后需人工重启",
    )
    do = Words(
        "run install.sh gate again; on a Raspberry Pi: dtparam=watchdog=on in config.txt, then restart",
        "重新运行 install.sh gate；树莓派在 config.txt 中写入 dtparam=watchdog=on 后重启",
    )
    return Finding(Level.WARNING, "hardware watchdog", text, do)


def guard(found: GateSettings) -> list[Finding]:
    """The passwords of the guard's page, where there is one."""
    if found.guard is None:
        return []
    path = Path(found.guard.password_file)
    maker = Words(f"menshen edge password {path} --name NAME", f"menshen edge password {path} --name 姓名")
    return [checkup.check_secret("guards' passwords", path, checkup.rights_of(path), maker)]


def identity(found: GateSettings) -> list[Finding]:
    """The gate's certificate and key."""
    tls = found.broker.tls
    if tls is None:
        text = Words("the way to the broker is not encrypted", "与消息服务器的连接未加密")
        return [Finding(Level.WARNING, "certificate", text, ENROL)]
    if tls.certificate is None:
        return []
    path = Path(tls.key or tls.certificate)
    secret = checkup.check_secret("key of the gate", path, checkup.rights_of(path), ENROL)
    if not Path(tls.certificate).exists():
        return [secret]
    lasts = checkup.certificate("certificate", Path(tls.certificate), ENROL)
    return [secret, lasts, *(whose(found, Path(tls.certificate)) if tls.key is None else ())]


def whose(found: GateSettings, path: Path) -> list[Finding]:
    """Whether key and certificate are one another's, and this gate's: by another's name the broker would let it in, and
    drop all that it says."""
    try:
        from edge import identity as own  # noqa: PLC0415 - only where certificates are used
        from wire.enrolment import common_name  # noqa: PLC0415
    except ModuleNotFoundError:
        return []  # `checkup.certificate` tells of it
    try:
        names = own.names(own.read(path))
    except EnrolmentError as error:
        return [Finding(Level.FAULT, "certificate", Words(str(error), str(error)), ENROL)]
    expected = common_name(found.site, found.gate)
    if names == [expected]:
        return []
    text = Words(
        f"{path}: is {', '.join(names)}'s, this gate is {expected}: the broker drops all that it says",
        f"{path}：属于 {'、'.join(names)}，本门岗为 {expected}：消息服务器会丢弃其全部消息",
    )
    return [Finding(Level.FAULT, "certificate", text, ENROL)]


def hub(found: GateSettings) -> list[Finding]:
    """Whether the hub's console answers: certificates are renewed there."""
    if found.hub is None:
        if found.broker.tls is None or found.broker.tls.certificate is None:
            return []
        text = Words("its address is not known, so the certificate cannot be renewed", "未填写中心地址，证书无法续期")
        do = Words('hub = "http://HUB" in gate.toml', '在 gate.toml 中填写 hub = "http://中心地址"')
        return [Finding(Level.WARNING, "hub", text, do)]
    parts = urlsplit(found.hub)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_WAIT_S)
    try:
        connection.request("GET", "/enrol")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        text = Words(f"{found.hub} does not answer: {why}", f"{found.hub} 无应答：{why}")
        do = Words(
            "the gate works on; is the hub running, and its port open?",
            "门岗可照常工作；检查中心是否运行、端口是否开放",
        )
        return [Finding(Level.WARNING, "hub", text, do)]
    finally:
        connection.close()
    if status not in (200, 405):
        text = Words(f"{found.hub}/enrol answers {status}", f"{found.hub}/enrol 返回 {status}")
        do = Words("is that a hub with [authority]?", "确认该地址是带有 [authority] 的中心")
        return [Finding(Level.WARNING, "hub", text, do)]
    return [Finding(Level.GOOD, "hub", Words(f"{found.hub} answers", f"{found.hub} 有应答"))]


def updates(found: GateSettings) -> list[Finding]:
    """Whether releases can come from the hub, which one runs, and how the last one ended."""
    if found.updates is None:
        return []
    keys, folder = Path(found.updates.keys_file), Path(found.updates.path)
    if not keys.exists() or not (folder / "inbox").is_dir():
        text = Words(
            f"nothing can come from the hub: {keys} or {folder}/inbox is missing",
            f"无法从中心更新：缺少 {keys} 或 {folder}/inbox",
        )
        do = Words("install.sh gate --release-keys FILE", "执行 install.sh gate --release-keys 公钥文件")
        return [Finding(Level.WARNING, "updates", text, do)]
    slots = read_slots(folder)
    runs, own = slots.running or "what was installed here", slots.running or "本机安装的程序"
    if slots.failed:
        why = f"{slots.failed} did not work: {slots.why}", f"{slots.failed} 未成功：{slots.why}"
        do = Words("mend it, and offer a newer release", "修复后下发更新的版本")
        return [Finding(Level.WARNING, "updates", Words(f"{runs} runs; {why[0]}", f"现用 {own}；{why[1]}"), do)]
    trial = (", on trial", "，试运行中") if slots.trying is not None else ("", "")
    return [Finding(Level.GOOD, "updates", Words(f"{runs} runs{trial[0]}", f"现用 {own}{trial[1]}"))]


def left_of_spool_mb(found: GateSettings) -> float:
    """What the spool may still grow."""
    try:
        used = Path(found.spool.path).stat().st_size
    except OSError:
        used = 0
    return max(0, found.spool.max_bytes - used) / 1e6
