"""What is looked at on both sides: each fault is told with what to do, in both languages."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import checkup
from wire.checkup import Rights
from wire.findings import LANGS, Finding, Level, Words, as_json, text, worst
from wire.link import BrokerSettings
from wire.tokens import fingerprint

NOW = datetime(2026, 2, 10, tzinfo=UTC)
MAKER = Words("make it", "制作")


def in_both_languages(finding: Finding) -> bool:
    return bool(finding.found.zh) and (finding.do is None or bool(finding.do.en and finding.do.zh))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_secret_that_others_may_read_is_bad_and_the_word_that_mends_it_is_said(mode):
    path = Path("/x/token.key")
    found = checkup.check_secret("key", path, Rights(0o100000 | mode, is_readable=True), MAKER)
    assert found.level is Level.FAULT
    assert found.do is not None
    assert found.do.en == "chmod 600 /x/token.key"
    assert in_both_languages(found)


def test_a_secret_for_its_owner_only_is_good_and_one_that_is_missing_says_how_to_make_it(tmp_path):
    path = tmp_path / "token.key"
    assert checkup.check_secret("key", path, checkup.rights_of(path), MAKER).do == MAKER
    path.write_text("k" * 32)
    path.chmod(0o600)
    assert checkup.check_secret("key", path, checkup.rights_of(path), MAKER).level is Level.GOOD


def test_a_token_key_is_told_by_a_fingerprint_that_is_the_key_s_alone(tmp_path):
    path = tmp_path / "token.key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o600)
    told = " ".join(finding.found.en for finding in checkup.token_key(path, MAKER))
    assert fingerprint(b"k" * 32) in told
    assert "kkkk" not in told
    path.write_bytes(b"k" * 4)
    assert worst(checkup.token_key(path, MAKER)) is Level.FAULT


@given(st.binary(min_size=16, max_size=40), st.binary(min_size=16, max_size=40))
def test_two_keys_have_one_fingerprint_only_if_they_are_one(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


@given(st.floats(0, 1e7), st.floats(1, 1e6))
def test_less_room_is_never_a_better_word(free_mb, least_mb):
    level = checkup.check_disk(Path("/x"), free_mb, least_mb).level
    assert (level is Level.FAULT) == (free_mb < least_mb)
    assert checkup.check_disk(Path("/x"), free_mb / 2, least_mb).level >= level


def test_a_folder_that_cannot_be_written_to_is_bad(tmp_path):
    assert worst(checkup.room(tmp_path / "none", 1.0)) is Level.FAULT
    assert checkup.room(tmp_path, 0.0)[0].level is Level.GOOD
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("days", "level"), [(-1, Level.FAULT), (0, Level.FAULT), (3, Level.WARNING), (80, Level.GOOD)])
def test_a_certificate_is_judged_by_what_is_left_of_it(days, level):
    found = checkup.check_certificate("certificate", Path("gate.pem"), NOW + timedelta(days=days), NOW, MAKER)
    assert found.level is level
    assert in_both_languages(found)


def test_a_file_that_is_no_certificate_is_told(tmp_path):
    (tmp_path / "gate.pem").write_text("nothing")
    assert "PEM" in checkup.certificate("certificate", tmp_path / "gate.pem", MAKER).found.en
    assert checkup.certificate("certificate", tmp_path / "none.pem", MAKER).level is Level.FAULT


def test_a_clock_that_nothing_sets_and_a_service_that_is_down_are_told():
    assert checkup.check_clock(is_synced=False, now=NOW).level is Level.WARNING
    assert checkup.check_clock(is_synced=True, now=NOW).level is Level.GOOD
    assert checkup.check_unit("menshen-gate.service", "failed").level is Level.FAULT
    assert checkup.check_unit("menshen-gate.service", "active").level is Level.GOOD


def test_a_broker_that_is_not_there_is_told_with_its_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        found = checkup.broker_answers(BrokerSettings(port=port))  # bound, and nobody listens
    assert found.level is Level.FAULT
    assert f"127.0.0.1:{port}" in found.found.en


def test_what_is_printed_says_what_to_do_only_where_something_is_to_be_done():
    findings = [
        Finding(Level.GOOD, "disk", Words("room", "充足"), Words("make room", "清理")),
        Finding(Level.FAULT, "clock", Words("wrong", "有误"), Words("set it", "校时")),
    ]
    assert worst(findings) is Level.FAULT
    assert worst([]) is Level.GOOD
    assert [("set it" in text(findings, lang), "校时" in text(findings, lang)) for lang in LANGS] == [
        (True, False),
        (False, True),
    ]
    assert "make room" not in text(findings, "en")
    assert '"level": "fault"' in as_json(findings)


def test_a_secret_that_we_may_not_read_is_told():
    found = checkup.check_secret("key", Path("/x/key"), Rights(0, is_readable=False), MAKER)
    assert found.level is Level.FAULT
    assert "chown" in (found.do or MAKER).en
