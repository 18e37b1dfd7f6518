"""Codes, certificates and revocation, on each database."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from edge import identity
from edge.identity import Identity
from hub import database
from hub.accounts.models import AuditEntry
from hub.trust import gates
from hub.trust.authority import Authority, serial_of
from hub.trust.gates import Terms
from hub.trust.models import Enrolment
from wire import enrolment
from wire.enrolment import Granted, Renewal
from wire.errors import EnrolmentError

NOW_NS = 1_581_200_000_000_000_000
HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
TERMS = Terms("baotou-1", "hub.example", 8883, timedelta(days=90), "00ff")


def moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


@pytest.fixture
def session(database_url: str) -> Iterator[Session]:
    engine = database.engine(database.checked(database_url))
    database.upgrade(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority.load_or_make(tmp_path / "authority", "baotou-1", moment(NOW_NS))


class Gate:
    """What a gate does of it: its key, and how it asks."""

    def __init__(self, name: str = "north", site: str = "baotou-1") -> None:
        self.name, self.site = name, site
        self.key = identity.new_key()
        self.have: Identity | None = None

    def ask(self, session: Session, authority: Authority, code: str, now_ns: int = NOW_NS) -> enrolment.Grant:
        secret = enrolment.key_of(enrolment.plain_code(code), self.site, self.name)
        request = identity.signing_request(self.key, self.site, self.name)
        asked = enrolment.make_request(secret, self.site, self.name, request)
        granted = gates.grant(session, authority, TERMS, asked, now_ns)
        given = enrolment.unseal(secret, asked, granted)
        self.have = Identity(self.key, x509.load_pem_x509_certificate(given.certificate.encode()))
        return given

    def renewal(self, *, signer: ec.EllipticCurvePrivateKey | None = None) -> Renewal:
        assert self.have is not None
        self.key = identity.new_key()
        request = identity.signing_request(self.key, self.site, self.name)
        said = enrolment.to_sign(self.site, self.name, request)
        signature = (signer or self.have.key).sign(said, ec.ECDSA(hashes.SHA256()))
        return Renewal(
            site=self.site,
            gate=self.name,
            request=request,
            certificate=self.have.certificate.public_bytes(Encoding.PEM).decode(),
            signature=base64.b64encode(signature).decode(),
        )


def expect(session: Session, gate: str = "north", now_ns: int = NOW_NS) -> str:
    return gates.make_code(session, TERMS, gate, HOUR_NS, by="chief", now_ns=now_ns)


def test_a_gate_with_the_code_gets_a_certificate_of_its_own_name_and_what_else_it_needs(session, authority):
    gate = Gate()
    given = gate.ask(session, authority, expect(session))
    made = x509.load_pem_x509_certificate(given.certificate.encode())
    made.verify_directly_issued_by(authority.certificate)
    assert made.subject.rfc4514_string() == "CN=baotou-1:north"
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (given.broker_host, given.broker_port, given.token_key) == ("hub.example", 8883, "00ff")
    assert gates.enrolled(session, NOW_NS) == ["north"]


def test_the_code_itself_is_stored_nowhere(session):
    code = enrolment.plain_code(expect(session))
    stored = session.scalars(select(Enrolment)).one()
    assert code.encode() not in stored.secret


def test_a_code_works_once_but_for_who_lost_the_answer(session, authority):
    code, gate = expect(session), Gate()
    gate.ask(session, authority, code)
    gate.ask(session, authority, code)
    with pytest.raises(EnrolmentError, match="used already"):
        Gate().ask(session, authority, code)


def test_a_code_ends_with_its_time_and_with_the_next_one(session, authority):
    code = expect(session)
    with pytest.raises(EnrolmentError, match="no code is valid"):
        Gate().ask(session, authority, code, NOW_NS + HOUR_NS)
    expect(session)
    with pytest.raises(EnrolmentError, match="no code is valid"):
        Gate().ask(session, authority, code)


@pytest.mark.parametrize("gate", [Gate("south"), Gate(site="other")])
def test_a_code_is_no_other_gates(session, authority, gate):
    with pytest.raises(EnrolmentError, match="no code is valid"):
        gate.ask(session, authority, expect(session))


@pytest.mark.parametrize("name", ["hub", "North", "a/b", "+", ""])
def test_a_name_that_no_gate_can_have_gets_no_code(session, name):
    with pytest.raises(EnrolmentError, match="name"):
        expect(session, name)


def test_a_gate_renews_before_and_after_its_certificate_is_over(session, authority):
    gate = Gate()
    gate.ask(session, authority, expect(session))
    for days in (60, 400):
        now_ns = NOW_NS + days * DAY_NS
        renewed = gates.renew(session, authority, TERMS, gate.renewal(), now_ns)
        gate.have = Identity(gate.key, x509.load_pem_x509_certificate(renewed.certificate.encode()))
        assert gate.have.certificate.not_valid_after_utc > moment(now_ns + 89 * DAY_NS)
    actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["gate-expected", "gate-enrolled", "gate-renewed", "gate-renewed"]


def test_nobody_renews_with_anothers_key_name_or_authority(session, authority, tmp_path):
    gate, other = Gate(), Gate("south")
    gate.ask(session, authority, expect(session))
    other.ask(session, authority, expect(session, "south"))
    stolen = gate.renewal(signer=identity.new_key())
    renamed = msgspec.structs.replace(other.renewal(), gate="north")
    foreign = Authority.load_or_make(tmp_path / "foreign", "baotou-1", moment(NOW_NS))
    request = identity.signing_request(gate.key, "baotou-1", "north")
    gate.have = Identity(gate.key, foreign.sign_gate(request, "baotou-1:north", TERMS.life, moment(NOW_NS)))
    for asked in (stolen, renamed, gate.renewal(), msgspec.structs.replace(stolen, certificate="x", signature="*")):
        with pytest.raises(EnrolmentError, match="renewal"):
            gates.renew(session, authority, TERMS, asked, NOW_NS)


def test_a_revoked_gate_is_refused_until_it_is_enrolled_anew(session, authority):
    gate = Gate()
    gate.ask(session, authority, expect(session))
    first = gate.have
    assert gates.revoke(session, "north", by="chief", now_ns=NOW_NS) == 1
    assert gates.enrolled(session, NOW_NS) == []
    assert [entry.serial for entry in gates.revoked(session)] == [serial_of(first.certificate)]
    with pytest.raises(EnrolmentError, match="revoked"):
        gates.renew(session, authority, TERMS, gate.renewal(), NOW_NS)
    Gate().ask(session, authority, expect(session))
    assert gates.enrolled(session, NOW_NS) == ["north"]
    assert len(gates.revoked(session)) == 1


def test_revoking_who_is_not_there_says_so(session):
    with pytest.raises(EnrolmentError, match="not enrolled"):
        gates.revoke(session, "nobody", by="chief", now_ns=NOW_NS)


def test_a_signing_request_that_is_none_of_ours_is_refused(session, authority):
    code = enrolment.plain_code(expect(session))
    secret = enrolment.key_of(code, "baotou-1", "north")
    name = x509.Name([])
    wrong_curve = x509.CertificateSigningRequestBuilder().subject_name(name)
    other = wrong_curve.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
    for request in ("garbage", other.decode()):
        asked = enrolment.make_request(secret, "baotou-1", "north", request)
        with pytest.raises(EnrolmentError, match="signing request"):
            gates.grant(session, authority, TERMS, asked, NOW_NS)


def test_the_authority_is_made_once_and_its_key_is_its_owners(tmp_path):
    first = Authority.load_or_make(tmp_path / "a", "baotou-1", moment(NOW_NS))
    again = Authority.load_or_make(tmp_path / "a", "baotou-1", moment(NOW_NS))
    assert first.pem == again.pem
    assert (tmp_path / "a" / "authority.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "a" / "authority.pem").write_text("garbage")
    with pytest.raises(EnrolmentError, match="backup"):
        Authority.load_or_make(tmp_path / "a", "baotou-1", moment(NOW_NS))


class Life(RuleBasedStateMachine):
    """Any order of codes, requests, renewals, revocations and time: who may speak is who was let in and not put out."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = NOW_NS
        self.codes: dict[str, str] = {}
        self.let_in: dict[str, list[int]] = {}
        self.known: dict[str, Gate] = {}

    @initialize()
    def begin(self) -> None:
        self.engine = database.engine(database.checked("sqlite:///:memory:"))
        database.upgrade(self.engine)
        self.session = Session(self.engine)
        key = identity.new_key()
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, moment(0), moment(NOW_NS + 10**4 * DAY_NS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.authority = Authority(key, made)

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close()
            self.engine.dispose()

    @rule(gate=st.sampled_from(["north", "south"]))
    def expect(self, gate: str) -> None:
        self.codes[gate] = expect(self.session, gate, self.now_ns)

    @precondition(lambda self: self.codes)
    @rule(gate=st.sampled_from(["north", "south"]), fresh=st.booleans())
    def enrol(self, gate: str, fresh: bool) -> None:
        asker = Gate(gate) if fresh or gate not in self.known else self.known[gate]
        code = self.codes.get(gate, enrolment.new_code())
        try:
            asker.ask(self.session, self.authority, code, self.now_ns)
        except EnrolmentError:
            return
        self.known[gate] = asker
        self.let_in.setdefault(gate, []).append(self.now_ns + 90 * DAY_NS)

    @precondition(lambda self: self.known)
    @rule(gate=st.sampled_from(["north", "south"]))
    def renew(self, gate: str) -> None:
        asker = self.known.get(gate)
        if asker is None:
            return
        asked = asker.renewal()
        try:
            renewed = gates.renew(self.session, self.authority, TERMS, asked, self.now_ns)
        except EnrolmentError:
            assert gate not in self.let_in
            return
        assert gate in self.let_in
        asker.have = Identity(asker.key, x509.load_pem_x509_certificate(renewed.certificate.encode()))
        self.let_in[gate].append(self.now_ns + 90 * DAY_NS)

    @rule(gate=st.sampled_from(["north", "south"]))
    def revoke(self, gate: str) -> None:
        try:
            gates.revoke(self.session, gate, by="chief", now_ns=self.now_ns)
        except EnrolmentError:
            assert gate not in self.let_in
        self.let_in.pop(gate, None)
        self.codes.pop(gate, None)

    @rule(days=st.integers(1, 100))
    def wait(self, days: int) -> None:
        self.now_ns += days * DAY_NS

    @invariant()
    def who_may_speak_is_who_was_let_in(self) -> None:
        if not hasattr(self, "session"):
            return
        expected = sorted(gate for gate, ends in self.let_in.items() if max(ends) > self.now_ns)
        assert gates.enrolled(self.session, self.now_ns) == expected


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_granted_is_opaque():
    """What travels says nothing of what it holds."""
    assert set(msgspec.structs.asdict(Granted(sealed="x"))) == {"sealed"}
