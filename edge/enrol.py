"""`menshen edge enrol`: the gate becomes one of its site's, with a code from `menshen hub enrol`."""

from __future__ import annotations

from pathlib import Path

from edge import identity, settings
from edge.settings import GateSettings
from wire.errors import EnrolmentError, SettingsError

HUB_PORT = 8080


def enrol(path: Path, code: str, hub: str | None, *, new_token_key: bool = False) -> str:
    """Enrol the gate of this settings file; what was done, in words. Raises `SettingsError` and `EnrolmentError`.

    With `new_token_key` the site's own takes the place of another that is there.

    The key is written before the hub is asked, so that an answer that is lost can be asked for again.
    """
    gate = settings.read(path)
    certificate, authority = _files(path, gate)
    address = hub or gate.hub
    if address is None:
        raise SettingsError([f'{path}: expected hub = "http://HUB:{HUB_PORT}", or --hub with it'])
    new = certificate.with_suffix(".new-key")
    key = identity.load_or_make_key(new)
    grant = identity.enrol(address.rstrip("/"), gate.site, gate.gate, code, key)
    identity.put(authority, grant.authority.encode())
    identity.write(certificate, key, grant.certificate)
    lines = [f"{gate.site}/{gate.gate} is enrolled: {certificate}"]
    if grant.token_key is not None:
        _keep_token_key(Path(gate.token_key_file), bytes.fromhex(grant.token_key), new_token_key)
        lines.append(f"the site's token key is in {gate.token_key_file}")
    new.unlink()  # until here the same code may be used again
    broker = gate.broker
    if (broker.host, broker.port) != (grant.broker_host, grant.broker_port):
        here = f"{broker.host}:{broker.port}"
        lines.append(f"note: the hub says that the broker is at {grant.broker_host}:{grant.broker_port}, not {here}")
    return "\n".join(lines)


def _files(path: Path, gate: GateSettings) -> tuple[Path, Path]:
    """Where the gate's certificate and the authority's are to be. Raises `SettingsError`."""
    tls = gate.broker.tls
    if tls is None or tls.certificate is None or tls.ca is None:
        raise SettingsError([f"{path}: expected a table [broker.tls] with ca and certificate, where enrolling writes"])
    if tls.key is not None:
        raise SettingsError([f"{path}: [broker.tls] key: expected none, the key comes into the certificate's file"])
    return Path(tls.certificate), Path(tls.ca)


def _keep_token_key(path: Path, key: bytes, is_new: bool) -> None:
    """A gate that has the site's key keeps it; another's is not replaced unasked."""
    if not is_new and path.exists() and path.read_bytes().strip() not in (b"", key):
        raise EnrolmentError(f"{path}: holds another token key than the site's; enrol again with --new-token-key")
    identity.put(path, key)
