"""The ISAPI client against a device on a real socket: login, alerts, pictures, answers, and what can break."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.drivers import isapi
from edge.drivers.isapi import Alert, Isapi, IsapiSettings, alert_of, is_heartbeat
from edge.drivers.multipart import Part
from tests.support.isapi import (
    JPEG,
    IsapiDevice,
    access_event,
    face_event,
    heartbeat,
    picture_part,
    plate_event,
    text_part,
)
from tests.support.servers import eventually
from wire.errors import DriverError


def settings_for(device: IsapiDevice, folder: Path, **more) -> IsapiSettings:
    secret = folder / "isapi.password"
    secret.write_text(device.password + "\n")
    secret.chmod(0o600)
    return IsapiSettings(url=device.url, username="menshen", password_file=str(secret), **more)


async def told(client: Isapi, count: int, *, pictures: bool = False) -> list[Alert]:
    alerts: list[Alert] = []
    async with aclosing(client.alerts(pictures=pictures)) as source:
        async for alert in source:
            alerts.append(alert)
            if len(alerts) == count:
                break
    return alerts


async def test_alerts_come_as_they_happen_and_heartbeats_do_not(tmp_path):
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        task = asyncio.create_task(told(client, 3))
        await eventually(lambda: device.listeners == 1, "it listens")
        await device.say(heartbeat())
        await device.say_event(access_event(7, cardNo="4711"), picture_part())
        await device.say_event(face_event(36.6, 38.2))
        await device.say(plate_event())
        access, faces, plate = await task
    assert device.logins == 1
    assert (access.kind, access.fields["AccessControllerEvent"]["cardNo"]) == ("AccessControllerEvent", "4711")
    assert access.at == datetime(2020, 2, 8, 23, 30, tzinfo=UTC)
    assert access.pictures == ()
    assert [face["currTemperature"] for face in faces.fields["faceCapture"][0]["faces"]] == [36.6, 38.2]
    assert (plate.kind, plate.fields["ANPR"]["licensePlate"]) == ("ANPR", "蒙B12345")
    names = [one["fileName"] for one in plate.fields["ANPR"]["pictureInfoList"]["pictureInfo"]]
    assert names == ["licensePlatePicture.jpg", "detectionPicture.jpg"]


async def test_an_alert_is_given_with_the_pictures_that_follow_it(tmp_path, monkeypatch):
    monkeypatch.setattr(isapi, "PICTURE_PATIENCE_S", 0.05)
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        task = asyncio.create_task(told(client, 2, pictures=True))
        await eventually(lambda: device.listeners == 1, "it listens")
        await device.say(plate_event() + picture_part("licensePlatePicture.jpg") + picture_part("detectionPicture.jpg"))
        await device.say(heartbeat() + plate_event("蒙B54321"))
        first, second = await task
    assert [picture.name for picture in first.pictures] == ["licensePlatePicture.jpg", "detectionPicture.jpg"]
    assert {picture.jpeg for picture in first.pictures} == {JPEG}
    assert (second.fields["ANPR"]["licensePlate"], second.pictures) == ("蒙B54321", ())


async def test_a_part_that_is_no_event_is_counted_and_the_next_one_read(tmp_path):
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        task = asyncio.create_task(told(client, 1))
        await eventually(lambda: device.listeners == 1, "it listens")
        await device.say(text_part(b'{"no": "event"}') + text_part(b"\xff\xfe", "application/xml") + text_part(b"[1]"))
        await device.say_event(access_event(1))
        assert (await task)[0].kind == "AccessControllerEvent"
        assert client.unreadable == 3


@pytest.mark.parametrize("how", ["cut", "end"])
async def test_a_stream_that_breaks_or_ends_is_a_driver_error(tmp_path, how):
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        task = asyncio.create_task(told(client, 1))
        await eventually(lambda: device.listeners == 1, "it listens")
        getattr(device, how)()
        with pytest.raises(DriverError, match=r"alert stream"):
            await task


async def test_a_device_that_falls_silent_is_a_driver_error_and_a_heartbeat_is_a_sign_of_life(tmp_path):
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path, silence_s=0.3)) as client:
        task = asyncio.create_task(told(client, 1))
        await eventually(lambda: device.listeners == 1, "it listens")
        for _ in range(4):
            await asyncio.sleep(0.1)
            await device.say(heartbeat())
        assert not task.done()
        with pytest.raises(DriverError, match="not even a heartbeat"):
            await task


async def test_a_wrong_password_is_said_and_not_tried_again_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(isapi, "_refused_at", {})
    async with IsapiDevice(password="other") as device:
        settings = settings_for(device, tmp_path)
        Path(settings.password_file).write_text("wrong")
        async with Isapi(settings) as client:
            with pytest.raises(DriverError, match="user name or password refused for 'menshen'"):
                await client.get("/ISAPI/System/deviceInfo")
        asked = len(device.requests)
        async with Isapi(settings) as client:
            with pytest.raises(DriverError, match="asked again in 300 s, lest the account be locked"):
                await told(client, 1)
        assert len(device.requests) == asked


async def test_answers_are_read_as_the_device_gives_them_and_refusals_in_its_own_words(tmp_path):
    gate = "/ISAPI/Parking/channels/1/barrierGate"
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        device.answers["GET", "/ISAPI/System/deviceInfo"] = 200, "<DeviceInfo><model>DS-K1T671TM</model></DeviceInfo>"
        device.answers["PUT", gate] = 200, '{"statusCode": 1, "statusString": "OK"}'
        device.answers["GET", "/ISAPI/x"] = 200, "no answer at all"
        assert (await client.get("/ISAPI/System/deviceInfo"))["model"] == "DS-K1T671TM"
        assert (await client.put(gate, "<BarrierGate><ctrlMode>open</ctrlMode></BarrierGate>"))["statusCode"] == 1
        assert device.requests[-1].headers["content-type"] == "application/xml"
        with pytest.raises(DriverError, match=r"403 \(Invalid Operation, notSupport\)"):
            await client.put("/ISAPI/none", {"a": 1})
        with pytest.raises(DriverError, match="what is no answer"):
            await client.get("/ISAPI/x")


async def test_an_alert_stream_that_the_device_refuses_is_said_in_its_words(tmp_path):
    async with IsapiDevice() as device, Isapi(settings_for(device, tmp_path)) as client:
        device.answers["GET", isapi.ALERT_STREAM] = 503, '{"statusString": "Device Busy"}'
        with pytest.raises(DriverError, match=r"503 \(Device Busy\)"):
            await told(client, 1)


async def test_a_device_that_is_not_there_is_a_driver_error(tmp_path):
    async with IsapiDevice() as device:
        settings = settings_for(device, tmp_path, timeout_s=1.0)
    async with Isapi(settings) as client:
        with pytest.raises(DriverError, match=r"127.0.0.1"):
            await client.get("/ISAPI/System/deviceInfo")
        with pytest.raises(DriverError, match="alert stream broke"):
            await told(client, 1)


@pytest.mark.parametrize(
    ("content", "mode", "fault"),
    [(None, 0o600, "No such file"), ("", 0o600, "is empty"), ("x", 0o644, "chmod 600"), (b"\xff", 0o600, "decode")],
)
async def test_a_password_file_that_is_missing_empty_or_open_to_others_is_refused(tmp_path, content, mode, fault):
    path = tmp_path / "p"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
    with pytest.raises(DriverError, match=fault):
        async with Isapi(IsapiSettings(url="http://127.0.0.1:9", username="u", password_file=str(path))):
            pass


async def test_before_it_is_entered_it_says_so(tmp_path):
    with pytest.raises(DriverError, match="was not started"):
        await Isapi(IsapiSettings(url="http://h", username="u", password_file="p")).get("/x")


def test_an_entity_bomb_is_refused():
    bomb = b'<!DOCTYPE a [<!ENTITY b "b">]><EventNotificationAlert><eventType>&b;</eventType></EventNotificationAlert>'
    with pytest.raises(ValueError, match="document type"):
        alert_of(Part({"content-type": "application/xml"}, bomb))


KINDS = st.sampled_from(["application/json", "application/xml; charset=UTF-8", "text/html", ""])
WHOLE = [plate_event().partition(b"\r\n\r\n")[2], json.dumps(access_event(1)).encode()]


@given(KINDS, st.one_of(st.binary(max_size=300), st.sampled_from(WHOLE)), st.data())
def test_no_body_does_more_than_a_value_error(kind, body, data):
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(0, 4))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        alert = alert_of(Part({"content-type": kind}, bytes(damaged)))
    except ValueError:
        return
    assert alert.kind
    assert isinstance(is_heartbeat(alert), bool)


@pytest.mark.parametrize("body", [b"[" * 100_000, b"<a>" * 100_000, b"<a>" * 30 + b"x" + b"</a>" * 30])
def test_a_body_nested_without_end_is_refused(body):
    with pytest.raises(ValueError, match=r"nested|JSON|XML|text"):
        alert_of(Part({}, body))
