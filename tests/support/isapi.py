"""A Hikvision device as seen from the network: digest login, the alert stream, the event search, on a real socket.

Shapes of its messages: ISAPI's published examples and public captures (`FACTS`: AccessControllerEvent, faceCapture,
heartbeats as a `videoloss` that is inactive). Tests make it speak, cut, stall, replay and answer errors.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple, Self

BOUNDARY = "MIME_boundary"
REALM = "IP Camera(C1234)"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\r\n--MIME_bound\r\n\r\n\xff\xd9"
"""What begins and ends like a JPEG, with bytes in it that look nearly like a boundary."""
PAGE = 10


class Request(NamedTuple):
    method: str
    path: str
    body: bytes
    headers: dict[str, str]


def text_part(body: bytes, kind: str = "application/json", *, length: bool = True) -> bytes:
    """One text part as devices send it, its boundary before it."""
    size = f"Content-Length: {len(body)}\r\n" if length else ""
    return f'--{BOUNDARY}\r\nContent-Type: {kind}; charset="UTF-8"\r\n{size}\r\n'.encode() + body + b"\r\n"


def picture_part(name: str = "Picture.jpg", jpeg: bytes = JPEG) -> bytes:
    head = f'Content-Disposition: form-data; name="Picture"; filename="{name}"\r\nContent-Type: image/jpeg\r\n'
    head += f"Content-Length: {len(jpeg)}\r\nContent-ID: pictureImage\r\n\r\n"
    return f"--{BOUNDARY}\r\n{head}".encode() + jpeg + b"\r\n"


def heartbeat() -> bytes:
    body = (
        '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">\r\n'
        "<ipAddress>192.0.2.7</ipAddress>\r\n<portNo>80</portNo>\r\n<protocol>HTTP</protocol>\r\n<channelID>1</channelID>"
        "\r\n<dateTime>2020-02-09T07:30:00+08:00</dateTime>\r\n<activePostCount>0</activePostCount>\r\n"
        "<eventType>videoloss</eventType>\r\n<eventState>inactive</eventState>\r\n"
        "<eventDescription>videoloss alarm</eventDescription>\r\n</EventNotificationAlert>"
    )
    return text_part(body.encode(), "application/xml")


def access_event(serial: int, **more: Any) -> dict[str, Any]:
    """A face terminal's event: somebody was measured (and, with a card or face, known)."""
    told = {
        "deviceName": "Access Controller", "majorEventType": 5, "subEventType": 75, "cardReaderKind": 1,
        "cardReaderNo": 1, "doorNo": 1, "serialNo": serial, "userType": "normal", "currentVerifyMode": "cardOrFace",
        "currentEvent": True, "frontSerialNo": serial - 1, "mask": "yes", "thermometryUnit": "celsius",
        "currTemperature": 36.4, "isAbnomalTemperature": False, "picturesNumber": 0,
    }  # fmt: skip
    return {
        "ipAddress": "192.0.2.7", "portNo": 80, "protocol": "HTTP", "macAddress": "44:47:cc:11:22:33", "channelID": 1,
        "dateTime": more.pop("dateTime", "2020-02-09T07:30:00+08:00"), "activePostCount": 1,
        "eventType": "AccessControllerEvent", "eventState": "active",
        "eventDescription": "Access Controller Event", "AccessControllerEvent": {**told, **more},
    }  # fmt: skip


def face_event(*celsius: float, **more: Any) -> dict[str, Any]:
    """A body-temperature camera's event: faces with the temperature that the camera read on each."""
    faces = [
        {
            "faceId": 55 + n, "faceRect": {"x": 0.383, "y": 0.4, "width": 0.17, "height": 0.25}, "faceScore": 62,
            "mask": {"value": "yes"}, "captureEndMark": False, "faceSnapThermometryEnabled": "true",
            "currTemperature": value, "isAbnomalTemperature": "false", "thermometryUnit": "celsius",
            "alarmTemperature": 37.3, **more,
        }
        for n, value in enumerate(celsius)
    ]  # fmt: skip
    return {
        "ipAddress": "192.0.2.7", "portNo": 80, "channelID": 2, "dateTime": "2020-02-09T07:30:00+08:00",
        "activePostCount": 1, "eventState": "active", "eventType": "faceCapture", "eventDescription": "faceCapture",
        "faceCapture": [{"targetAttrs": {"deviceName": "gate 1", "deviceChannel": 2}, "faces": faces}],
    }  # fmt: skip


def plate_event(plate: str = "蒙B12345") -> bytes:
    """An ANPR camera's event, which is XML."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">\n'
        "<ipAddress>192.0.2.7</ipAddress><channelID>1</channelID><dateTime>2020-02-09T07:30:00+08:00</dateTime>\n"
        "<eventType>ANPR</eventType><eventState>active</eventState><eventDescription>ANPR</eventDescription>\n"
        f"<ANPR><country>1</country><licensePlate>{plate}</licensePlate><line>1</line><direction>forward</direction>\n"
        "<confidenceLevel>97</confidenceLevel><plateType>unknown</plateType><plateColor>blue</plateColor>\n"
        "<pictureInfoList><pictureInfo><fileName>licensePlatePicture.jpg</fileName></pictureInfo>"
        "<pictureInfo><fileName>detectionPicture.jpg</fileName></pictureInfo></pictureInfoList></ANPR>\n"
        "</EventNotificationAlert>"
    )
    return text_part(body.encode(), "application/xml")


class IsapiDevice:
    """The device: `async with IsapiDevice() as device`, then `device.url`, `device.say(…)`."""

    def __init__(self, username: str = "menshen", password: str = "correct horse", port: int = 0) -> None:
        self.username, self.password, self.port = username, password, port
        self.requests: list[Request] = []
        self.record: list[dict[str, Any]] = []
        """The device's own log of access events, which the search answers from; `say_event` adds to it."""
        self.newest_first = False
        """Some firmware answers a search so, whatever it is asked."""
        self.answers: dict[tuple[str, str], tuple[int, str]] = {}
        """What it answers to a method and path, instead of its own behaviour."""
        self.greeting: Callable[[], bytes] = bytes
        """What it sends to whoever begins to listen."""
        self.content_type = f"multipart/mixed; boundary={BOUNDARY}"
        self.logins = 0
        self.listened = 0
        """How often somebody began to listen."""
        self._nonces: set[str] = set()
        self._streams: list[asyncio.StreamWriter] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def listeners(self) -> int:
        return len(self._streams)

    # -- what a test makes it do ------------------------------------------------------------------------------------

    async def say(self, data: bytes) -> None:
        """Send bytes to whoever listens to the stream."""
        for writer in list(self._streams):
            writer.write(data)
            await writer.drain()

    async def say_event(self, event: dict[str, Any], *pictures: bytes) -> None:
        """Send an event with its pictures, and keep it in the device's record."""
        self.keep(event)
        await self.say(text_part(json.dumps(event).encode()) + b"".join(pictures))

    def keep(self, event: dict[str, Any]) -> None:
        """Put an access event into the record, without sending it: it happened while nobody listened."""
        told = event.get("AccessControllerEvent")
        if told is not None:
            names = {"majorEventType": "major", "subEventType": "minor"}
            self.record.append({"time": event["dateTime"], **{names.get(key, key): told[key] for key in told}})

    def cut(self) -> None:
        """The cable is pulled: all streams break."""
        for writer in self._streams:
            writer.transport.abort()
        self._streams.clear()

    def end(self) -> None:
        """The device ends all streams in good order."""
        for writer in self._streams:
            writer.close()
        self._streams.clear()

    # -- how it answers ---------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                await self._answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            if writer in self._streams:
                self._streams.remove(writer)
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        path = request.path.partition("?")[0]
        if not self._knows(request):
            nonce = secrets.token_hex(16)
            self._nonces.add(nonce)
            challenge = f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm="MD5"'
            await _send(writer, 401, "<html>Unauthorized</html>", "text/html", f"WWW-Authenticate: {challenge}\r\n")
        elif (request.method, path) in self.answers:
            status, body = self.answers[request.method, path]
            await _send(writer, status, body, "application/json" if body.startswith("{") else "application/xml")
        elif path == "/ISAPI/Event/notification/alertStream":
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {self.content_type}\r\nConnection: close\r\n\r\n".encode())
            self._streams.append(writer)
            self.listened += 1
            writer.write(self.greeting())
            await writer.drain()
        elif (request.method, path) == ("POST", "/ISAPI/AccessControl/AcsEvent"):
            await _send(
                writer, 200, json.dumps(self._search(json.loads(request.body)["AcsEventCond"])), "application/json"
            )
        else:
            status = (
                '<ResponseStatus version="1.0" xmlns="http://www.hikvision.com/ver10/XMLSchema">'
                "<statusCode>4</statusCode><statusString>Invalid Operation</statusString>"
                "<subStatusCode>notSupport</subStatusCode></ResponseStatus>"
            )
            await _send(writer, 403, status, "application/xml")

    def _search(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The record from `beginSerialNo` on, a page at a time."""
        first, major = wanted.get("beginSerialNo", 0), wanted.get("major", 0)
        found = [e for e in self.record if e["serialNo"] >= first and (not major or e["major"] == major)]
        last = wanted.get("endSerialNo", 2**31)
        found = sorted(
            (e for e in found if e["serialNo"] <= last), key=lambda e: e["serialNo"], reverse=self.newest_first
        )
        begin = wanted["searchResultPosition"]
        page = found[begin : begin + min(PAGE, wanted["maxResults"])]
        more = begin + len(page) < len(found)
        told = {
            "searchID": wanted["searchID"], "totalMatches": len(found), "numOfMatches": len(page),
            "responseStatusStrg": "MORE" if more else "OK" if found else "NO MATCH", "InfoList": page,
        }  # fmt: skip
        return {"AcsEvent": told}

    def _knows(self, request: Request) -> bool:
        """Digest access authentication, RFC 7616 with MD5 and qop=auth, as such devices use it."""
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization", "").partition(" ")[2]))
        if said.get("nonce") not in self._nonces or said.get("username") != self.username:
            return False
        secret = _md5(f"{self.username}:{REALM}:{self.password}")
        what = _md5(f"{request.method}:{said.get('uri')}")
        wanted = _md5(f"{secret}:{said['nonce']}:{said.get('nc')}:{said.get('cnonce')}:{said.get('qop')}:{what}")
        right = said.get("uri") == request.path and said.get("response") == wanted
        self.logins += right
        return right


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, body, headers)


async def _send(writer: asyncio.StreamWriter, status: int, body: str, kind: str, more: str = "") -> None:
    data = body.encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
