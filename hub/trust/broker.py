"""What mosquitto is told: who may connect, what each may publish and read, and with which certificates.

    gates ── TLS, certificate required ──► port for gates ─┐
                                                           ├─ mosquitto ─ one list of rights (acl)
    hub ──── password, this machine only ──► port for hub ─┘

A gate's user name is the common name of its certificate, and so is its client id: no gate can speak as another, nor
throw another out. It publishes its own topics, and reads its acknowledgements, the registry and what other gates say
of badges to each other. Only gates that are enrolled have any rights: the list is written anew at each enrolment and
revocation, and mosquitto reads it, and the list of revocations, when it is told to reload (SIGHUP).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.trust.authority import Authority, Revoked, write_whole
from wire import topics
from wire.enrolment import common_name
from wire.errors import EnrolmentError

CONFIG_FILE = "mosquitto.conf"
ACL_FILE = "acl"
USERS_FILE = "users"
REVOKED_FILE = "revoked.pem"
AUTHORITY_FILE = "authority.pem"
SERVER_FILE = "server.pem"
SERVER_KEY_FILE = "server.key"
RENEW_BEFORE = timedelta(days=130)
"""A third of the broker's certificate's life."""
_ROUNDS: Final = 101
"""Of PBKDF2, as `mosquitto_passwd` writes them; the password is random and 32 letters long."""
_SHARED: Final = 0o640
"""The broker's own user reads these by its group."""


class Ports(NamedTuple):
    """Where the broker listens: for gates on all addresses, for the hub on this machine."""

    gates: int
    hub: int


def write_files(
    folder: Path,
    authority: Authority,
    names: Sequence[str],
    ports: Ports,
    hub_user: tuple[str, str],
    now: datetime,
) -> None:
    """Everything but the list of rights. Raises `EnrolmentError`; a certificate of the broker that lasts is kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _put(folder / AUTHORITY_FILE, authority.pem, 0o644)
        if _is_stale(folder, authority, names, now):
            _renew_server(folder, authority, names, now)
        if not _has_user(folder / USERS_FILE, *hub_user):
            write_whole(folder / USERS_FILE, user_line(*hub_user, secrets.token_bytes(12)).encode(), _SHARED)
        _put(folder / CONFIG_FILE, config(folder.resolve(), ports), 0o644)
    except OSError as error:
        raise EnrolmentError(f"broker's files in {folder}: {error.strerror}") from error


def write_rights(
    folder: Path, authority: Authority, site: str, hub_user: str, gates: Sequence[str], revoked: Sequence[Revoked],
    now: datetime,
) -> None:  # fmt: skip
    """Who may speak from now on; what is there already stays as it is. The list of rights comes last, for its change is
    what makes the broker reload. Raises `EnrolmentError`."""
    rights = acl(site, hub_user, gates)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if _revoked_in(folder / REVOKED_FILE, authority) == {entry.serial for entry in revoked}:
            _put(folder / ACL_FILE, rights, _SHARED)
        else:
            write_whole(folder / REVOKED_FILE, authority.revocations(revoked, now).encode(), 0o644)
            write_whole(folder / ACL_FILE, rights.encode(), _SHARED)
    except OSError as error:
        raise EnrolmentError(f"broker's files in {folder}: {error.strerror}") from error


def _revoked_in(path: Path, authority: Authority) -> set[str] | None:
    """The serial numbers in a list of revocations; None where there is none that this authority signed.

    By another's, such as that of the installation into which a copy was brought back, mosquitto would refuse everybody.
    """
    try:
        found = x509.load_pem_x509_crl(path.read_bytes())
    except (OSError, ValueError):
        return None
    return {f"{entry.serial_number:x}" for entry in found} if authority.signed(found) else None


def _put(path: Path, text: str, mode: int) -> None:
    """Write what is not there yet: a file that is written is one that its readers are told of. Raises `OSError`."""
    if not path.exists() or path.read_bytes() != text.encode():
        write_whole(path, text.encode(), mode)


def config(folder: Path, ports: Ports) -> str:
    """mosquitto's configuration (mosquitto.conf(5)); nothing is kept on its disk, for nothing depends on it."""
    lines = [
        "# Written by `menshen hub broker`; changes here are lost.",
        "per_listener_settings false",
        "allow_anonymous false",
        "persistence false",
        "max_packet_size 300000",
        "max_inflight_messages 1000",
        "max_queued_messages 10000",
        f"acl_file {folder / ACL_FILE}",
        f"password_file {folder / USERS_FILE}",
        "",
        "# The hub, on this machine.",
        f"listener {ports.hub} 127.0.0.1",
        "",
        "# The gates: their certificate is who they are.",
        f"listener {ports.gates}",
        f"cafile {folder / AUTHORITY_FILE}",
        f"certfile {folder / SERVER_FILE}",
        f"keyfile {folder / SERVER_KEY_FILE}",
        f"crlfile {folder / REVOKED_FILE}",
        "tls_version tlsv1.2",
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
    ]
    return "\n".join(lines) + "\n"


def acl(site: str, hub_user: str, gates: Sequence[str]) -> str:
    """The list of rights (mosquitto.conf(5), acl_file)."""
    lines = [
        "# Written by the hub at each enrolment and revocation.",
        f"user {hub_user}",
        f"topic readwrite {topics.ROOT}/#",
    ]
    for gate in gates:
        lines += ["", f"user {common_name(site, gate)}"]
        lines += [f"topic write {topic}" for topic in topics.of_gate(site, gate)]
        lines += [f"topic read {topic}" for topic in topics.for_gate(site, gate)]
    return "\n".join(lines) + "\n"


def user_line(user: str, password: str, salt: bytes) -> str:
    """A line of mosquitto's password file: PBKDF2 with SHA-512, as `mosquitto_passwd` of 2.0 writes it."""
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    parts = (str(_ROUNDS), base64.b64encode(salt).decode(), base64.b64encode(digest).decode())
    return f"{user}:$7${'$'.join(parts)}\n"


def _has_user(path: Path, user: str, password: str) -> bool:
    if not path.exists():
        return False
    text = path.read_text("ascii")
    try:
        salt = base64.b64decode(text.strip().split("$")[3], validate=True)
    except (IndexError, ValueError):
        return False
    return text == user_line(user, password, salt)


def _renew_server(folder: Path, authority: Authority, names: Sequence[str], now: datetime) -> None:
    """A key and certificate for the broker; the list of rights is written anew with them, so that it reloads."""
    key, certificate = authority.sign_server(names, now)
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_whole(folder / SERVER_KEY_FILE, plain, _SHARED)
    write_whole(folder / SERVER_FILE, certificate.public_bytes(Encoding.PEM), 0o644)
    if (folder / ACL_FILE).exists():
        write_whole(folder / ACL_FILE, (folder / ACL_FILE).read_bytes(), _SHARED)


def _is_stale(folder: Path, authority: Authority, names: Sequence[str], now: datetime) -> bool:
    """Whether the broker needs a new certificate: none there, another authority's, another key's (power went between
    the two files), other names, or soon over."""
    try:
        have = x509.load_pem_x509_certificate((folder / SERVER_FILE).read_bytes())
        key = serialization.load_pem_private_key((folder / SERVER_KEY_FILE).read_bytes(), None)
        said = have.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return True
    named = {str(name.value) for name in said}
    is_whole = authority.is_ours(have) and have.public_key() == key.public_key()
    return not is_whole or named != set(names) or have.not_valid_after_utc - now < RENEW_BEFORE
