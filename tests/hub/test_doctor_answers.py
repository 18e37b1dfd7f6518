"""What the doctor says of answers in chats."""

from __future__ import annotations

from pathlib import Path

from hub.doctor import check_answers
from hub.settings import ConsoleSettings, HubSettings
from tests.support import robots
from tests.support.robots import make_dingtalk, make_feishu_app, make_wecom_app
from wire.checkup import Level


def test_a_service_that_calls_needs_an_address_to_call_and_one_that_is_called_does_not(tmp_path: Path) -> None:
    context = robots.Context()
    wecom, feishu, dingtalk = (
        make("http://x", tmp_path, context)._settings for make in (make_wecom_app, make_feishu_app, make_dingtalk)
    )
    (found,) = check_answers(HubSettings(site="s", channels=[wecom, feishu]))
    assert found.level is Level.WARNING
    assert "/in/c" in found.do.en
    assert "public_url" in found.do.zh
    assert check_answers(HubSettings(site="s", channels=[dingtalk])) == []
    console = ConsoleSettings(public_url="https://hub.example")
    assert check_answers(HubSettings(site="s", channels=[wecom], console=console)) == []
