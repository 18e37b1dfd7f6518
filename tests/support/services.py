"""Doubles of notification services: real HTTP servers that check what they are sent and answer as the services do.

Their refusals are those of the services' documentation, HTTP 200 included. Each `Service` makes its channel too, so
that one suite of promises runs over all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from hub.alerts.channels import aliyun, others, pagerduty, robots, telegram, webhook
from hub.alerts.channels.base import Channel, Context
from tests.support import robots as robots_of_apps
from tests.support.servers import HttpSink, Request

Answer = tuple[int, Any]
"""A status, and a body: text, or what becomes JSON."""
SECRET = "SEC-top-secret"
TOKEN = "token-of-16-chars"


class ServiceDouble(HttpSink):
    """An HTTP sink that judges each request by its service's rules; `refusal`, where it is set, answers instead."""

    def __init__(self, judge: Callable[[Request], Answer]) -> None:
        super().__init__()
        self.judge = judge
        self.refusal: Answer | None = None
        self.taken: list[Any] = []
        """Bodies of the requests that were answered with success."""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        request = self.requests[-1]
        if any(path in request.path for path in robots_of_apps.TOKEN_PATHS) and not self.drop:
            del self.requests[-1]  # an app gets in; what it does then is what is looked at
            self.status, body = self.judge(request)
            self.body = json.dumps(body).encode()
        elif not (self.drop or self.delay_s):
            status, body = self.refusal or self.judge(request)
            if self.refusal is None and status < 300 and not _is_refusal(body):
                self.taken.append(_read(request.body) or request.path)
            self.status = status
            self.body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        super().answer(handler)


def _read(body: bytes) -> Any:
    """The JSON in a body; of a form with files only its bytes."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _is_refusal(body: Any) -> bool:
    return isinstance(body, dict) and (
        body.get("errcode", 0) != 0 or body.get("code", 0) != 0 or body.get("Code", "OK") != "OK"
    )


class Service(NamedTuple):
    """How to make a channel for a double, and what the service says when it refuses."""

    judge: Callable[[Request], Answer]
    make: Callable[[str, Path, Context], Channel]
    refusals: tuple[tuple[Answer, bool], ...]
    """An answer that is a refusal, and whether trying again may help."""


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text + "\n")
    return str(folder / name)


def _query(request: Request) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}


def _dingtalk(request: Request) -> Answer:
    query, body = _query(request), json.loads(request.body)
    said = f"{query['timestamp']}\n{SECRET}".encode()
    wanted = base64.b64encode(hmac.new(SECRET.encode(), said, hashlib.sha256).digest()).decode()
    if query.get("access_token") != TOKEN:
        return 200, {"errcode": 300005, "errmsg": "token is not exist"}
    if query.get("sign") != wanted:
        return 200, {"errcode": 310000, "errmsg": "sign not match"}
    if body["msgtype"] != "markdown" or not body["markdown"]["title"] or len(request.body) > 20_000:
        return 200, {"errcode": 40035, "errmsg": "缺少参数 json"}
    return 200, {"errcode": 0, "errmsg": "ok"}


def _wecom(request: Request) -> Answer:
    body = json.loads(request.body)
    if _query(request).get("key") != TOKEN:
        return 200, {"errcode": 93000, "errmsg": "invalid webhook url, hint: [1600000000_1_x]"}
    if body["msgtype"] == "image":
        picture = base64.b64decode(body["image"]["base64"], validate=True)
        good = len(picture) <= 2 * 2**20 and hashlib.md5(picture).hexdigest() == body["image"]["md5"]
        return 200, {"errcode": 0, "errmsg": "ok"} if good else {"errcode": 301019, "errmsg": "invalid image md5"}
    if len(body["text"]["content"].encode()) > 2048:
        return 200, {"errcode": 40058, "errmsg": "text.content exceed max length 2048"}
    return 200, {"errcode": 0, "errmsg": "ok"}


def _telegram(request: Request) -> Answer:
    """`sendMessage` of the Bot API: https://core.telegram.org/bots/api#sendmessage."""
    method, body = request.path.removeprefix(f"/bot{TOKEN}/"), json.loads(request.body)
    if method != "sendMessage":
        return 401, {"ok": False, "error_code": 401, "description": "Unauthorized"}
    buttons = [one for row in body.get("reply_markup", {}).get("inline_keyboard", []) for one in row]
    wrong = {
        "message is too long": not 0 < len(body["text"]) <= 4096,
        "chat not found": body["chat_id"] not in {"-1001", "42"},
        "BUTTON_DATA_INVALID": any(not 0 < len(one["callback_data"].encode()) <= 64 for one in buttons),
    }
    for why, is_so in wrong.items():
        if is_so:
            return 400, {"ok": False, "error_code": 400, "description": f"Bad Request: {why}"}
    return 200, {"ok": True, "result": {"message_id": 7, "chat": {"id": -1001}, "date": 1581200000}}


def _make_telegram(base: str, folder: Path, context: Context) -> Channel:
    made = telegram.TelegramSettings(
        name="c", token_file=_file(folder, "token", TOKEN), chat="-1001", base_url=base, timeout_s=5.0
    )
    return telegram.Telegram(made, context)


def _feishu(request: Request) -> Answer:
    body = json.loads(request.body)
    if not request.path.endswith(f"/{TOKEN}"):
        return 200, {"code": 19001, "data": {}, "msg": "param invalid: incoming webhook access token invalid"}
    key = f"{body['timestamp']}\n{SECRET}".encode()
    if body.get("sign") != base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode():
        return 200, {"code": 19021, "data": {}, "msg": "sign match fail or timestamp is not within one hour"}
    if body["msg_type"] != "text" or not body["content"]["text"]:
        return 400, {"code": 9499, "msg": "Bad Request", "data": {}}
    return 200, {"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"}


def _pagerduty(request: Request) -> Answer:
    body = json.loads(request.body)
    wrong = [name for name in ("routing_key", "event_action", "dedup_key") if not body.get(name)]
    payload = body.get("payload", {})
    if body.get("event_action") == "trigger":
        wrong += [name for name in ("summary", "source", "severity") if not payload.get(name)]
        wrong += ["severity"] * (payload.get("severity") not in {"critical", "error", "warning", "info"})
        wrong += ["summary"] * (len(payload.get("summary", "")) > 1024)
    if wrong or body["routing_key"] != TOKEN:
        return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
    return 202, {"status": "success", "message": "Event processed", "dedup_key": body["dedup_key"]}


def _aliyun(request: Request) -> Answer:
    query, headers = _query(request), request.headers
    scheme, _, rest = headers["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(","))
    names = parts["SignedHeaders"].split(";")
    spelled = "&".join(f"{key}={quote(query[key], safe='')}" for key in sorted(query))
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    digest = hashlib.sha256(request.body).hexdigest()
    asked = "\n".join(["POST", "/", spelled, lines, parts["SignedHeaders"], digest])
    text = f"{scheme}\n{hashlib.sha256(asked.encode()).hexdigest()}"
    if parts["Signature"] != hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest():
        return 400, {
            "Code": "SignatureDoesNotMatch",
            "Message": "Specified signature is not matched.",
            "RequestId": "r",
        }
    if any(len(value) > 35 for value in json.loads(query["TemplateParam"]).values()):
        return 200, {"Code": "isv.PARAM_LENGTH_LIMIT", "Message": "参数超出长度限制", "RequestId": "r"}
    return 200, {"Code": "OK", "Message": "OK", "BizId": "9006197469364984400", "RequestId": "r"}


def _alertmanager(request: Request) -> Answer:
    alerts = json.loads(request.body)
    if request.path != "/api/v2/alerts" or any("alertname" not in alert["labels"] for alert in alerts):
        return 400, '"bad request: label set is not valid"'
    return 200, ""


def _webhook(request: Request) -> Answer:
    said = request.headers["x-menshen-timestamp"].encode() + b"." + request.body
    wanted = hmac.new(SECRET.encode(), said, hashlib.sha256).hexdigest()
    return (200, "ok") if request.headers["x-menshen-signature"] == f"v1={wanted}" else (403, "not signed")


def _make_dingtalk(base: str, folder: Path, context: Context) -> Channel:
    token, secret = _file(folder, "token", TOKEN), _file(folder, "secret", SECRET)
    settings = robots.DingTalkSettings(name="c", token_file=token, secret_file=secret, base_url=base, timeout_s=5.0)
    return robots.DingTalk(settings, context)


def _make_wecom(base: str, folder: Path, context: Context) -> Channel:
    settings = robots.WeComSettings(name="c", key_file=_file(folder, "key", TOKEN), base_url=base, timeout_s=5.0)
    return robots.WeCom(settings, context)


def _make_feishu(base: str, folder: Path, context: Context) -> Channel:
    token, secret = _file(folder, "token", TOKEN), _file(folder, "secret", SECRET)
    settings = robots.FeishuSettings(name="c", token_file=token, secret_file=secret, base_url=base, timeout_s=5.0)
    return robots.Feishu(settings, context)


def _make_pagerduty(base: str, folder: Path, context: Context) -> Channel:
    key = _file(folder, "key", TOKEN)
    settings = pagerduty.PagerDutySettings(name="c", routing_key_file=key, base_url=base, timeout_s=5.0)
    return pagerduty.PagerDuty(settings, context)


def _make_aliyun(base: str, folder: Path, context: Context) -> Channel:
    settings = aliyun.AliyunSmsSettings(
        name="c", access_key_id="LTAI-test", access_key_secret_file=_file(folder, "key", SECRET), sign_name="门神",
        template_code="SMS_154950909", to=["13800000000"], base_url=base, timeout_s=5.0,
    )  # fmt: skip
    return aliyun.AliyunSms(settings, context)


def _make_alertmanager(base: str, folder: Path, context: Context) -> Channel:
    return others.Alertmanager(others.AlertmanagerSettings(name="c", base_url=base, timeout_s=5.0), context)


def _make_webhook(base: str, folder: Path, context: Context) -> Channel:
    secret = _file(folder, "secret", SECRET)
    return webhook.Webhook(webhook.WebhookSettings(name="c", url=base, secret_file=secret, timeout_s=5.0), context)


def _make_apprise(base: str, folder: Path, context: Context) -> Channel:
    url = _file(folder, "url", base.replace("http://", "json://"))
    return others.AppriseChannel(others.AppriseSettings(name="c", url_file=url, timeout_s=5.0), context)


SERVICES = {
    "dingtalk": Service(_dingtalk, _make_dingtalk, (
        ((200, {"errcode": 310000, "errmsg": "keywords not in content"}), False),
        ((200, {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}), True),
        ((200, {"errcode": -1, "errmsg": "系统繁忙"}), True),
        ((200, {"errcode": 410100, "errmsg": "发送速度太快而限流"}), True),
        ((200, {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "9ff0e7e2",
                "errcode": 660026, "errmsg": "send too fast"}), True),
        ((200, {"errcode": 400101, "errmsg": "access_token不存在"}), False),
        ((200, {}), True), ((200, "<html>captive portal</html>"), True),
    )),
    "wecom": Service(_wecom, _make_wecom, (
        ((200, {"errcode": 93000, "errmsg": "invalid webhook url"}), False),
        ((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), True),
        ((200, {"errcode": -1, "errmsg": "system busy"}), True), ((200, {"errcode": "0"}), True),
    )),
    "telegram": Service(_telegram, _make_telegram, (
        ((400, {"ok": False, "error_code": 400, "description": "Bad Request: chat not found"}), False),
        ((401, {"ok": False, "error_code": 401, "description": "Unauthorized"}), False),
        ((429, {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 3",
                "parameters": {"retry_after": 3}}), True),
        ((200, {"ok": False, "error_code": 400, "description": "no"}), False),
        ((502, {"ok": False, "error_code": 502, "description": "Bad Gateway"}), True), ((200, "<html>"), True),
    )),
    "feishu": Service(_feishu, _make_feishu, (
        ((200, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}), False),
        ((200, {"code": 19024, "msg": "Key Words Not Found"}), False),
        ((400, {"code": 9499, "msg": "too many request"}), True),
        ((200, {"code": 11232, "msg": "frequency limited psm"}), True), ((200, "[]"), True),
    )),
    "pagerduty": Service(_pagerduty, _make_pagerduty, (
        ((400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["bad key"]}), False),
        ((429, {"status": "throttle exceeded", "message": "Requests for this service are too frequent"}), True),
        ((200, {"status": "success"}), False), ((202, "accepted"), True), ((500, {"status": "error"}), True),
    )),
    "aliyun-sms": Service(_aliyun, _make_aliyun, (
        ((200, {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发分钟级流控Permits:1"}), False),
        ((200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "非法手机号"}), False),
        ((200, {"Code": "isv.AMOUNT_NOT_ENOUGH", "Message": "账户余额不足"}), False),
        ((200, {"Code": "isp.SYSTEM_ERROR", "Message": "系统错误"}), True),
        ((400, {"Code": "Throttling.User", "Message": "Request was denied due to user flow control."}), True),
        ((400, {"Code": "SignatureDoesNotMatch", "Message": "Specified signature is not matched."}), False),
        ((200, "ok"), True),
    )),
    "dingtalk-app": Service(robots_of_apps.judge_dingtalk, robots_of_apps.make_dingtalk, (
        ((400, {"code": "invalidParameter.robotCode.notExsit", "message": "机器人不存在"}), False),
        ((403, {"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "没有权限"}), False),
        ((403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "QPS"}), True),
        ((401, {"code": "InvalidAuthentication", "message": "不合法的access_token"}), False),
        ((200, {"processQueryKey": "q", "invalidStaffIdList": ["u1"]}), False),
        ((200, {"processQueryKey": "q", "flowControlledStaffIdList": ["u1"]}), True),
        ((200, {}), True), ((200, "<html>captive portal</html>"), True),
    )),
    "wecom-app": Service(robots_of_apps.judge_wecom_app, robots_of_apps.make_wecom_app, (
        ((200, {"errcode": 81013, "errmsg": "user & party & tag all invalid"}), False),
        ((200, {"errcode": 0, "errmsg": "ok", "invaliduser": "liwei"}), False),
        ((200, {"errcode": 60020, "errmsg": "not allow to access from your ip"}), False),
        ((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), True),
        ((200, {"errcode": 40014, "errmsg": "invalid access_token"}), False),
        ((200, {"errcode": -1, "errmsg": "system busy"}), True), ((200, {"errcode": "0"}), True),
    )),
    "feishu-app": Service(robots_of_apps.judge_feishu_app, robots_of_apps.make_feishu_app, (
        ((400, {"code": 230013, "msg": "Bot has NO availability to this user."}), False),
        ((400, {"code": 230001, "msg": "Your request contains an invalid request parameter."}), False),
        ((400, {"code": 99991400, "msg": "request trigger frequency limit"}), True),
        ((400, {"code": 99991663, "msg": "Invalid access token for authorization."}), False),
        ((200, {"code": 230020, "msg": "too fast"}), True), ((200, "[]"), True), ((502, "Bad Gateway"), True),
    )),
    "alertmanager": Service(_alertmanager, _make_alertmanager, (
        ((400, '"bad request: start time must be before end time"'), False), ((503, ""), True), ((202, ""), True),
    )),
    "webhook": Service(_webhook, _make_webhook, (((403, "no"), False), ((429, "later"), True), ((302, ""), False))),
    "apprise": Service(lambda request: (200, "ok"), _make_apprise, (((500, "no"), True), ((403, "no"), True))),
}  # fmt: skip
