"""What both sides look at when they are asked what is wrong: files, disks, clocks, certificates, the way to the broker.

`check_…` are functions of values. What looks things up stands below them and says the same by a `Finding`.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from wire.errors import SettingsError
from wire.findings import Finding, Level, Words
from wire.link import BrokerSettings, TlsSettings
from wire.tokens import fingerprint, read_key

SECRET_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
RENEWED_BY_THEN = timedelta(days=10)
"""Certificates are renewed with a third of their life left: one that is this close to its end was not."""
_MB = 1e6
_WAIT_S = 5.0
_REFUSED_WITHIN_S = 2.0


class Rights(NamedTuple):
    """Of a file: its mode, and whether we may read it."""

    mode: int
    is_readable: bool


def check_secret(name: str, path: Path, rights: Rights | None, maker: Words) -> Finding:
    """A file that only its owner may read; `maker` says how it comes to be."""
    if rights is None:
        return Finding(Level.FAULT, name, Words(f"{path}: there is none", f"{path}：不存在"), maker)
    if not rights.is_readable:
        text = Words(f"{path}: may not be read by this user", f"{path}：当前用户无权读取")
        return Finding(
            Level.FAULT, name, text, Words("give it to the service's user (chown)", "改为服务用户所有（chown）")
        )
    if rights.mode & SECRET_FOR_OTHERS:
        text = Words(
            f"{path}: others may read it (mode {rights.mode & 0o777:04o})",
            f"{path}：他人可读（权限 {rights.mode & 0o777:04o}）",
        )
        return Finding(Level.FAULT, name, text, Words(f"chmod 600 {path}", f"chmod 600 {path}"))
    return Finding(Level.GOOD, name, Words(f"{path}: for its owner only", f"{path}：仅所有者可读"))


def check_disk(folder: Path, free_mb: float, least_mb: float) -> Finding:
    """Below `least_mb` is bad, below twice as much worth a look."""
    text = Words(
        f"{folder}: {free_mb:,.0f} MB free, at least {least_mb:,.0f} are needed",
        f"{folder}：剩余 {free_mb:,.0f} MB，至少需要 {least_mb:,.0f} MB",
    )
    do = Words("make room: df -h, journalctl --vacuum-size=100M", "清理空间：df -h，journalctl --vacuum-size=100M")
    level = Level.FAULT if free_mb < least_mb else Level.WARNING if free_mb < 2 * least_mb else Level.GOOD
    return Finding(level, "disk", text, do)


def check_clock(*, is_synced: bool, now: datetime) -> Finding:
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if is_synced:
        return Finding(Level.GOOD, "clock", Words(f"synchronised, {shown}", f"已同步，{shown}"))
    return Finding(
        Level.WARNING,
        "clock",
        Words(f"nothing sets it; it says {shown}", f"未同步，当前为 {shown}"),
        Words("timedatectl set-ntp true, and name your time server in timesyncd.conf",
              "timedatectl set-ntp true，并在 timesyncd.conf 中填写时间服务器"),
    )  # fmt: skip


def check_certificate(name: str, path: Path, until: datetime, now: datetime, renew: Words) -> Finding:
    left = until - now
    text = Words(f"{path}: valid until {until:%Y-%m-%d}", f"{path}：有效期至 {until:%Y-%m-%d}")
    if left <= timedelta():
        text = Words(f"{path}: ran out on {until:%Y-%m-%d}", f"{path}：已于 {until:%Y-%m-%d} 过期")
        return Finding(Level.FAULT, name, text, renew)
    return Finding(Level.WARNING if left < RENEWED_BY_THEN else Level.GOOD, name, text, renew)


def check_unit(unit: str, state: str) -> Finding:
    """`state` is what `systemctl is-active` says."""
    text = Words(f"{unit} is {state}", f"{unit} 状态：{state}")
    do = Words(
        f"journalctl -u {unit} -n 50; systemctl start {unit}", f"journalctl -u {unit} -n 50；systemctl start {unit}"
    )
    return Finding(Level.GOOD if state == "active" else Level.FAULT, "service", text, do)


def rights_of(path: Path) -> Rights | None:
    try:
        mode = path.stat().st_mode
        with path.open("rb"):
            return Rights(mode, is_readable=True)
    except PermissionError:
        return Rights(0, is_readable=False)
    except OSError:
        return None


def token_key(path: Path, maker: Words) -> list[Finding]:
    """The site's token key, and its fingerprint, which must be the same on hub and gates."""
    finding = check_secret("token key", path, rights_of(path), maker)
    if finding.level is Level.FAULT and "chmod" not in (finding.do.en if finding.do else ""):
        return [finding]
    try:
        key = read_key(path)
    except SettingsError as error:
        return [Finding(Level.FAULT, "token key", Words(error.problems[0], error.problems[0]), maker)]
    same = Words(
        f"fingerprint {fingerprint(key)}; expected the same on the hub and at every gate",
        f"指纹 {fingerprint(key)}；中心与各门岗必须相同",
    )
    return [finding, Finding(Level.GOOD, "token key", same)]


def room(folder: Path, least_mb: float) -> list[Finding]:
    """Whether the folder is there, may be written to, and has room."""
    probe = folder / ".menshen-doctor"
    try:
        probe.write_bytes(b"?")
        probe.unlink()
        free_mb = shutil.disk_usage(folder).free / _MB
    except OSError as error:
        why = error.strerror or str(error)
        text = Words(f"{folder}: cannot be written to: {why}", f"{folder}：无法写入：{why}")
        do = Words("make it, and give it to the service's user", "创建该目录并改为服务用户所有")
        return [Finding(Level.FAULT, "disk", text, do)]
    return [check_disk(folder, free_mb, least_mb)]


def unit(name: str) -> list[Finding]:
    """Of a service of systemd; nothing where it is not installed or there is no systemd."""
    if not Path("/run/systemd/system").is_dir() or not Path("/etc/systemd/system", name).exists():
        return []
    done = subprocess.run(["systemctl", "is-active", name], check=False, capture_output=True, text=True)  # noqa: S603, S607
    return [check_unit(name, done.stdout.strip() or "unknown")]


def certificate(name: str, path: Path, renew: Words, now: datetime | None = None) -> Finding:
    """How long the certificate in the file is still good."""
    try:
        from cryptography import x509  # noqa: PLC0415 - only where certificates are used
    except ModuleNotFoundError:
        text = Words('not looked at: pip install "menshen[enrol]"', '未检查：请安装 "menshen[enrol]"')
        return Finding(Level.WARNING, name, text)
    try:
        until = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    except OSError as error:
        why = error.strerror or str(error)
        return Finding(Level.FAULT, name, Words(f"{path}: cannot be read: {why}", f"{path}：无法读取：{why}"), renew)
    except ValueError:
        text = Words(f"{path}: expected a certificate in PEM form", f"{path}：应为 PEM 证书")
        return Finding(Level.FAULT, name, text, renew)
    return check_certificate(name, path, until, now or datetime.now(UTC), renew)


def broker_answers(broker: BrokerSettings) -> Finding:
    """Reach the broker and, where it speaks TLS, shake hands with our certificate. Nothing is said beyond that: under
    TLS our name is that of the running agent, which would be thrown out."""
    where = f"{broker.host}:{broker.port}"
    try:
        context = None if broker.tls is None else _context(broker.tls)
    except OSError as error:  # ssl.SSLError is one
        why = getattr(error, "reason", "") or error.strerror or str(error)
        text = Words(f"our own files for the way there cannot be used: {why}", f"连接所需的本机证书文件无法使用：{why}")
        do = Words("at a gate: menshen edge enrol; at a hub: [broker.tls] in hub.toml",
                   "门岗：menshen edge enrol；中心：检查 hub.toml 的 [broker.tls]")  # fmt: skip
        return Finding(Level.FAULT, "broker", text, do)
    try:
        with socket.create_connection((broker.host, broker.port), _WAIT_S) as plain:
            if context is None:
                return Finding(Level.GOOD, "broker", Words(f"{where} answers", f"{where} 可连接"))
            with context.wrap_socket(plain, server_hostname=broker.host) as wrapped:
                return _heard(wrapped, where)
    except ssl.SSLCertVerificationError as error:
        return Finding(
            Level.FAULT, "broker",
            Words(f"{where}: its certificate is not good: {error.verify_message}",
                  f"{where}：证书无效：{error.verify_message}"),
            Words("is it the site's broker, by a name in [authority] names, and is this clock right?",
                  "确认地址为本厂消息服务器、在 [authority] names 之中，且本机时钟正确"),
        )  # fmt: skip
    except ssl.SSLError as error:
        return _refused(where, error.reason or str(error))
    except OSError as error:
        why = error.strerror or str(error)
        return Finding(
            Level.FAULT, "broker", Words(f"{where} cannot be reached: {why}", f"{where} 无法连接：{why}"),
            Words("is mosquitto running there, the cable in, the firewall open?",
                  "检查 mosquitto 是否运行、网线与防火墙"),
        )  # fmt: skip


def _context(tls: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=tls.ca)
    if tls.certificate:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _heard(wrapped: ssl.SSLSocket, where: str) -> Finding:
    """Under TLS 1.3 a server says only after the handshake that it refuses our certificate; else it waits for us."""
    wrapped.settimeout(_REFUSED_WITHIN_S)
    try:
        if wrapped.recv(1) == b"":
            return _refused(where, "closed at once")
    except TimeoutError:
        pass
    except ssl.SSLError as error:
        return _refused(where, error.reason or str(error))
    return Finding(Level.GOOD, "broker", Words(f"{where} takes our certificate", f"{where} 接受本机证书"))


def _refused(where: str, why: str) -> Finding:
    return Finding(
        Level.FAULT, "broker", Words(f"{where} refuses us: {why}", f"{where} 拒绝连接：{why}"),
        Words("revoked or run out? on the hub: menshen hub gates; a new code: menshen hub enrol",
              "证书被吊销或过期？在中心执行 menshen hub gates；新注册码：menshen hub enrol"),
    )  # fmt: skip
