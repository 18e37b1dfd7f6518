"""Doubles of DingTalk's, WeCom's and Feishu's app services: they take messages, and bring what people say and press as
the real ones do, each signed, encrypted or streamed by its own rules (from their documentation, written here anew).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websockets
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from msgspec.structs import replace

from hub.alerts.channels import dingtalk, feishu, wecom
from hub.alerts.channels.base import Channel, Context
from tests.support.servers import Request

Answer = tuple[int, Any]
SECRET = "SEC-top-secret"
CORP, APP = "ww1234567890abcdef", "cli_a1b2c3d4e5f6"
CALLBACK_TOKEN, ENCRYPT_KEY = "spamtest", "kudryavka"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
TOKEN_PATHS = ("/oauth2/accessToken", "/cgi-bin/gettoken", "/tenant_access_token/internal", "/connections/open")
"""Calls by which an app gets in; what it does then is judged apart."""
GOOD = "good-token"


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text + "\n")
    return str(folder / name)


def _uploaded(request: Request, part: str, taken: dict[str, Any]) -> Answer:
    """A picture as a form's file."""
    good = request.headers["content-type"].startswith("multipart/form-data") and part.encode() in request.body
    return (200, taken) if good and b"image/jpeg" in request.body else (400, {"errcode": 40005, "code": 234001})


# -- DingTalk ----------------------------------------------------------------------------------------------------------


def judge_dingtalk(request: Request) -> Answer:
    """`oauth2/accessToken`, `oToMessages/batchSend` and `interactiveCards/send`."""
    if "/media/upload" in request.path:
        return _uploaded(request, 'name="media"', {"errcode": 0, "media_id": "@media"})
    body = json.loads(request.body)
    if request.path.endswith("/oauth2/accessToken"):
        good = (body.get("appKey"), body.get("appSecret")) == ("dingapp", SECRET)
        wrong = {"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"}
        return (200, {"accessToken": GOOD, "expireIn": 7200}) if good else (400, wrong)
    if request.headers.get("x-acs-dingtalk-access-token") != GOOD:
        return 401, {"code": "InvalidAuthentication", "message": "不合法的access_token", "requestid": "r"}
    kinds = {
        "/v1.0/im/v1.0/robot/interactiveCards/send": _dingtalk_card,
        "/v1.0/robot/oToMessages/batchSend": _dingtalk_text,
    }
    if request.path not in kinds:
        return 404, {"code": "InvalidAction.NotFound", "message": "Specified api is not found"}
    wrong = kinds[request.path](body)
    if wrong:
        return 400, {"code": f"invalidParameter.{wrong}", "message": f"{wrong} 不合法", "requestid": "r"}
    return 200, {"processQueryKey": "q", "invalidStaffIdList": [], "flowControlledStaffIdList": []}


def _dingtalk_card(body: dict[str, Any]) -> str:
    """What is wrong with it."""
    action = json.loads(body["cardData"])["contents"][-1]["actions"][0]
    wrong = {
        "cardTemplateId": body["cardTemplateId"] != "StandardCard",
        "singleChatReceiver": not json.loads(body["singleChatReceiver"]).get("userId"),
        "cardData": action["actionType"] != "request" or not action["id"],
        "cardBizId": not body["cardBizId"],
    }
    return next((name for name, is_so in wrong.items() if is_so), "")


def _dingtalk_text(body: dict[str, Any]) -> str:
    """What is wrong with it."""
    param = json.loads(body["msgParam"])
    wrong = {
        "userIds": not 0 < len(body["userIds"]) <= 20,
        "robotCode": not body["robotCode"],
        "msgKey": body["msgKey"] not in {"sampleMarkdown", "sampleText", "sampleImageMsg"},
        "msgParam": len(body["msgParam"].encode()) > 15_000 or not {"text", "content", "photoURL"} & set(param),
    }
    return next((name for name, is_so in wrong.items() if is_so), "")


def make_dingtalk(base: str, folder: Path, context: Context, **changes: Any) -> Channel:
    settings = dingtalk.DingTalkAppSettings(
        name="c", client_id="dingapp", client_secret_file=_file(folder, "secret", SECRET), to=["u1"], base_url=base,
        upload_url=base, timeout_s=5.0,
    )  # fmt: skip
    return dingtalk.DingTalkApp(replace(settings, **changes), context)


class StreamGateway:
    """DingTalk's Stream mode: a ticket is good for one connection; what is not acknowledged comes again on the next."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self.opened = 0
        self.connections: list[websockets.ServerConnection] = []
        self.acks: dict[str, dict[str, Any]] = {}
        self.pending: deque[dict[str, Any]] = deque()
        self.refuses = False
        self._server: Any = None

    async def start(self) -> None:
        self._server = await websockets.serve(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def judge(self, request: Request) -> Answer:
        """`connections/open` here; the rest as `judge_dingtalk`."""
        if not request.path.endswith("/v1.0/gateway/connections/open"):
            return judge_dingtalk(request)
        body = json.loads(request.body)
        topics = {each["topic"] for each in body["subscriptions"] if each["type"] == "CALLBACK"}
        wanted = {"/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"}
        if (body["clientId"], body["clientSecret"]) != ("dingapp", SECRET) or topics != wanted:
            return 401, {"code": "authFailed", "message": "鉴权失败", "requestid": "r"}
        if self.refuses:
            return 503, {"code": "ServiceUnavailable", "message": "later", "requestid": "r"}
        self.opened += 1
        self.tickets.add(ticket := f"ticket+{self.opened}/=")
        return 200, {"endpoint": f"ws://127.0.0.1:{self.port}/connect", "ticket": ticket}

    async def _serve(self, connection: websockets.ServerConnection) -> None:
        ticket = parse_qs(urlsplit(connection.request.path).query)["ticket"][0]
        if ticket not in self.tickets:
            await connection.close(4001, "ticket")
            return
        self.tickets.discard(ticket)
        self.connections.append(connection)
        for frame in [each for each in self.pending if each["headers"]["messageId"] not in self.acks]:
            await connection.send(json.dumps(frame))
        async for raw in connection:
            answer = json.loads(raw)
            self.acks[answer["headers"]["messageId"]] = answer

    async def push(self, kind: str, topic: str, data: Any, number: str, sent_ms: int = 1690362102194) -> None:
        headers = {
            "appId": "a", "connectionId": "c", "contentType": "application/json", "messageId": number,
            "time": str(sent_ms), "topic": topic,
        }  # fmt: skip
        frame = {"specVersion": "1.0", "type": kind, "headers": headers, "data": json.dumps(data)}
        if kind == "CALLBACK":
            self.pending.append(frame)
        await self.connections[-1].send(json.dumps(frame))

    async def say(self, staff: str, text: str, at_ms: int, number: str, late_ms: int = 0) -> None:
        """Somebody writes to the robot; the stream brings it so much later."""
        data = {
            "conversationId": "cid", "atUsers": [], "chatbotCorpId": CORP, "msgId": f"msg-{number}",
            "senderNick": "李伟", "isAdmin": False, "senderStaffId": staff, "sessionWebhookExpiredTime": at_ms,
            "createAt": at_ms, "senderCorpId": CORP, "conversationType": "1", "senderId": "$:LWCP_v1:$x",
            "sessionWebhook": "https://elsewhere.example/steal", "text": {"content": text}, "robotCode": "dingapp",
            "msgtype": "text",
        }  # fmt: skip
        await self.push("CALLBACK", "/v1.0/im/bot/messages/get", data, number, at_ms + late_ms)

    async def press(self, staff: str, mark: str, number: str) -> None:
        """Somebody presses a card's button."""
        content = {"cardPrivateData": {"actionIds": [mark], "params": {}}}
        data = {
            "extension": "{}", "corpId": CORP, "type": "actionCallback", "userIdType": 1, "userId": staff,
            "content": json.dumps(content), "outTrackId": "x",
        }  # fmt: skip
        await self.push("CALLBACK", "/v1.0/card/instances/callback", data, number)


# -- WeCom -------------------------------------------------------------------------------------------------------------


def judge_wecom_app(request: Request) -> Answer:
    """`gettoken` and `message/send`; an unknown user fails the call only where nobody is known."""
    query = {key: values[0] for key, values in parse_qs(urlsplit(request.path).query).items()}
    if request.path.startswith("/cgi-bin/gettoken"):
        good = request.method == "GET" and (query.get("corpid"), query.get("corpsecret")) == (CORP, SECRET)
        given = {"errcode": 0, "errmsg": "ok", "access_token": GOOD, "expires_in": 7200}
        return 200, given if good else {"errcode": 40001, "errmsg": "invalid credential", "access_token": ""}
    if query.get("access_token") != GOOD:
        return 200, {"errcode": 40014, "errmsg": "invalid access_token"}
    if "/media/upload" in request.path:
        return _uploaded(request, 'name="media"', {"errcode": 0, "errmsg": "", "media_id": "@media"})
    body = json.loads(request.body)
    users = body["touser"].split("|")
    unknown = [user for user in users if user == "nobody"]
    if unknown == users:
        return 200, {"errcode": 81013, "errmsg": "user & party & tag all invalid"}
    good = len(body["text"]["content"].encode()) <= 2048 if body["msgtype"] == "text" else body["image"]["media_id"]
    if not good or body["agentid"] != 1000002:
        return 200, {"errcode": 40058, "errmsg": "invalid Request Parameter"}
    return 200, {"errcode": 0, "errmsg": "ok", "invaliduser": "|".join(unknown), "msgid": "m"}


def make_wecom_app(base: str, folder: Path, context: Context, **changes: Any) -> Channel:
    settings = wecom.WeComAppSettings(
        name="c", corp_id=CORP, agent_id=1000002, secret_file=_file(folder, "secret", SECRET),
        callback_token_file=_file(folder, "callback.token", CALLBACK_TOKEN),
        aes_key_file=_file(folder, "aes.key", AES_KEY), to=["LiWei"], base_url=base, timeout_s=5.0,
    )  # fmt: skip
    return wecom.WeComApp(replace(settings, **changes), context)


def wecom_sealed(xml: str, corp: str = CORP, key: str = AES_KEY) -> str:
    """As WXBizMsgCrypt seals: PKCS#7 to 32 bytes, AES-256-CBC, the key's beginning as its start."""
    raw = base64.b64decode(key + "=")
    content = b"0123456789abcdef" + struct.pack(">I", len(xml.encode())) + xml.encode() + corp.encode()
    padder = padding.PKCS7(256).padder()
    padded = padder.update(content) + padder.finalize()
    encryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def wecom_query(sealed: str, at_s: int, token: str = CALLBACK_TOKEN, nonce: str = "1372623149") -> dict[str, str]:
    signed = hashlib.sha1("".join(sorted([token, str(at_s), nonce, sealed])).encode()).hexdigest()
    return {"msg_signature": signed, "timestamp": str(at_s), "nonce": nonce}


def wecom_words(user: str, text: str, at_s: int, number: str) -> str:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><FromUserName><![CDATA[{user}]]></FromUserName>"
        f"<CreateTime>{at_s}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
        f"<MsgId>{number}</MsgId><AgentID>1000002</AgentID></xml>"
    )


def wecom_envelope(sealed: str) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID>"
        f"<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"
    ).encode()


def wecom_opened(sealed: str) -> str:
    """As WXBizMsgCrypt opens."""
    raw = base64.b64decode(AES_KEY + "=")
    decryptor = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(sealed)) + decryptor.finalize()
    unpadder = padding.PKCS7(256).unpadder()
    content = unpadder.update(plain) + unpadder.finalize()
    (length,) = struct.unpack(">I", content[16:20])
    assert content[20 + length :] == CORP.encode()
    return content[20 : 20 + length].decode()


# -- Feishu ------------------------------------------------------------------------------------------------------------


def judge_feishu_app(request: Request) -> Answer:
    """`tenant_access_token`, `im/v1/images`, `im/v1/messages` and their `reply`."""
    if request.path.endswith("/im/v1/images"):
        return _uploaded(request, 'name="image"', {"code": 0, "msg": "success", "data": {"image_key": "img_v2"}})
    body = json.loads(request.body)
    if request.path.endswith("/tenant_access_token/internal"):
        if (body.get("app_id"), body.get("app_secret")) != (APP, SECRET):
            return 200, {"code": 10014, "msg": "app secret invalid"}
        return 200, {"code": 0, "msg": "ok", "tenant_access_token": GOOD, "expire": 7200}
    if request.headers.get("authorization") != f"Bearer {GOOD}":
        return 400, {"code": 99991663, "msg": "Invalid access token for authorization."}
    wrong = _feishu_wrong(request.path, body, json.loads(body["content"]))
    if wrong:
        return 400, {"code": 230001, "msg": f"Your request contains an invalid request parameter, {wrong}."}
    return 200, {"code": 0, "msg": "success", "data": {"message_id": "om_1"}}


def _feishu_wrong(path: str, body: dict[str, Any], content: dict[str, Any]) -> str:
    if path.endswith("/reply"):
        return "" if content["text"] else "content"
    kinds, query = {"ou_": "open_id", "on_": "union_id"}, parse_qs(urlsplit(path).query)
    wrong = {
        "receive_id": query["receive_id_type"] != [kinds.get(body["receive_id"][:3], "user_id")],
        "content": body["msg_type"] != "interactive" or not content["header"],
        "uuid": not 0 < len(body["uuid"]) <= 50,
    }
    return next((name for name, is_so in wrong.items() if is_so), "")


def make_feishu_app(base: str, folder: Path, context: Context, **changes: Any) -> Channel:
    settings = feishu.FeishuAppSettings(
        name="c", app_id=APP, app_secret_file=_file(folder, "secret", SECRET),
        verification_token_file=_file(folder, "verification.token", CALLBACK_TOKEN),
        encrypt_key_file=_file(folder, "encrypt.key", ENCRYPT_KEY), to=["ou_li"], base_url=base, timeout_s=5.0,
    )  # fmt: skip
    return feishu.FeishuApp(replace(settings, **changes), context)


def feishu_body(value: Any, key: str = ENCRYPT_KEY) -> bytes:
    """AES-256-CBC under the SHA-256 of the key, PKCS#7, a random beginning before it."""
    digest, start = hashlib.sha256(key.encode()).digest(), b"fedcba9876543210"
    padder = padding.PKCS7(128).padder()
    padded = padder.update(json.dumps(value).encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(digest), modes.CBC(start)).encryptor()
    sealed = base64.b64encode(start + encryptor.update(padded) + encryptor.finalize()).decode()
    return json.dumps({"encrypt": sealed}).encode()


def feishu_headers(body: bytes, at_s: int, key: str = ENCRYPT_KEY) -> dict[str, str]:
    signed = hashlib.sha256(f"{at_s}nonce{key}".encode() + body).hexdigest()
    return {
        "X-Lark-Request-Timestamp": str(at_s), "X-Lark-Request-Nonce": "nonce", "X-Lark-Signature": signed
    }  # fmt: skip


def _feishu_event(kind: str, number: str, at_s: int, event: Any) -> Any:
    header = {
        "event_id": number, "event_type": kind, "create_time": str(at_s * 1000), "token": CALLBACK_TOKEN, "app_id": APP,
        "tenant_key": "t",
    }  # fmt: skip
    return {"schema": "2.0", "header": header, "event": event}


def feishu_words(user: str, text: str, at_s: int, number: str) -> Any:
    sender = {"sender_id": {"open_id": user, "user_id": None, "union_id": f"on_{user}"}, "sender_type": "user"}
    message = {
        "message_id": f"om_{number}", "create_time": str(at_s * 1000), "chat_id": "oc_1", "chat_type": "p2p",
        "message_type": "text", "content": json.dumps({"text": text}),
    }  # fmt: skip
    return _feishu_event("im.message.receive_v1", number, at_s, {"sender": sender, "message": message})


def feishu_press(user: str, mark: str, at_s: int, number: str) -> Any:
    event = {
        "operator": {"tenant_key": "t", "open_id": user, "union_id": f"on_{user}"}, "token": "c-1",
        "action": {"value": {"mark": mark}, "tag": "button"}, "host": "im_message",
        "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"},
    }  # fmt: skip
    return _feishu_event("card.action.trigger", number, at_s, event)
