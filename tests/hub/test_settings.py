"""The hub's settings file: each fault is told with its line, key, value and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.alerts import channels
from hub.alerts.channels import MailSettings, WebhookSettings
from hub.settings import load
from wire.errors import SettingsError

A = 'site = "a"\n'
KINDS = f"expected kind = one of: {', '.join(map(repr, channels.KINDS))}"
HOOK = '[[channels]]\nkind = "webhook"\nname = "duty"\nurl = "https://x/y"\n'
MAIL = '[[channels]]\nkind = "smtp"\nname = "mail"\nhost = "mx"\nsender = "hub@plant"\nto = ["officer@plant"]\n'


def problems(folder: Path, text: str) -> list[str]:
    """What is said of the file, without its folder."""
    file = folder / "hub.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_a_site_is_all_that_is_needed(tmp_path):
    (tmp_path / "hub.toml").write_text('site = "baotou-1"\n')
    settings = load(tmp_path / "hub.toml")
    assert (settings.site, settings.channels, settings.influx) == ("baotou-1", [], None)


def test_channels_of_both_kinds_are_read_and_their_files_are_beside_the_settings(tmp_path):
    secret, password = 'secret_file = "secret"\n', 'password_file = "/etc/password"\n'
    (tmp_path / "hub.toml").write_text(A + HOOK + secret + MAIL + password)
    webhook, mail = load(tmp_path / "hub.toml").channels
    assert isinstance(webhook, WebhookSettings)
    assert isinstance(mail, MailSettings)
    assert webhook.secret_file == str(tmp_path / "secret")
    assert mail.password_file == "/etc/password"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "hub.toml:1: file: missing key 'site'"),
        (A + 'site = "b"\n', "hub.toml: not TOML: Cannot overwrite a value (at line 2, column 11)"),
        ('site = "Bao Tou"\n', "hub.toml:1: site = 'Bao Tou': expected `str` matching regex"),
        (A + 'brokr = 1\n', "hub.toml:2: brokr = 1: unknown key, did you mean 'broker'?"),
        (A + '\n[broker]\nprot = 1883\n', "hub.toml:4: broker.prot = 1883: unknown key, did you mean 'port'?"),
        (A + '[web]\nport = -1\n', "hub.toml:3: web.port = -1: expected `int` >= 0"),
        (A + '[alerts]\npage_within_s = "1h"\n', "hub.toml:3: alerts.page_within_s = '1h': expected `float`"),
        (A + '[influx]\nurl = "influx:8086"\n', "hub.toml:3: influx.url = 'influx:8086': expected `str` matching"),
        (A + '[influx]\n', "hub.toml:2: influx: missing key 'url'"),
        (A + 'channels = 5\n', "hub.toml:2: channels = 5: expected a list of tables, [[channels]]"),
        (A + 'channels = ["x"]\n', "hub.toml:2: channels[0] = 'x': expected a table, [[channels]]"),
        (A + '[channels]\nkind = "smtp"\n', "hub.toml:2: channels: expected a list of tables, [[channels]]"),
        (A + '[[channels]]\nname = "x"\n', f"hub.toml:2: channels[0]: {KINDS}"),
        (A + '[[channels]]\nkind = "smpt"\n', f"hub.toml:3: channels[0].kind = 'smpt': {KINDS}, did you mean 'smtp'?"),
        (A + '[[channels]]\nkind = ["smtp"]\n', f"hub.toml:3: channels[0].kind: {KINDS}"),
        (A + HOOK + MAIL + "prt = 25\n", "hub.toml:12: channels[1].prt = 25: unknown key, did you mean 'port'?"),
        (A + HOOK.replace("https", "htps"), "hub.toml:5: channels[0].url = 'htps://x/y': expected `str`"),
        (A + MAIL.replace("officer@", ""), "hub.toml:7: channels[0].to[0] = 'plant': expected `str`"),
        (A + MAIL.replace('"officer@plant"', ""), "hub.toml:7: channels[0].to: expected `array` of length >= 1"),
        ('zone = "Asia/Shangai"\n' + A, "hub.toml:1: zone = 'Asia/Shangai': expected a time zone such as"),
        (A + HOOK + '[[people]]\nname = "Li"\ncontacts = [{ channel = "duti" }]\n'
         '[[escalations]]\nsteps = [{ tell = ["everybody"] }]\n',
         "hub.toml:8: people[0].contacts[0].channel = 'duti': 'duti' is not the name of a channel"),
        (A + HOOK + HOOK, "hub.toml:8: channels[1].name = 'duty': is the name of another channel"),
    ],
)  # fmt: skip
def test_a_fault_is_told_where_it_is_and_what_was_expected(tmp_path, text, said):
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(said)


def test_faults_of_several_channels_are_told_together(tmp_path):
    text = 'site = "a"\n' + HOOK.replace("name", "nmae") + MAIL.replace("smtp", "pigeon")
    said = problems(tmp_path, text)
    assert [problem.split(" ")[1] for problem in said] == ["channels[0].nmae", "channels[1].kind"]


def test_a_file_that_is_missing_or_no_text_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "hub.toml").write_bytes(b'site = "\xff"')
    with pytest.raises(SettingsError, match="not UTF-8 at byte 8"):
        load(tmp_path / "hub.toml")
