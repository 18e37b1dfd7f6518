"""The replay camera: recordings as they were, and any other file named for what is wrong with it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import SystemTime
from edge.drivers.replay import ReplayCamera, load
from wire.errors import DriverError


def npz(**arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


GOOD = npz(frames=np.full((3, 4, 5), 30815, np.uint16), t_s=np.array([10.0, 10.01, 10.02]))


async def test_a_recording_is_played_in_degrees_celsius_and_ends(tmp_path):
    (tmp_path / "r.npz").write_bytes(GOOD)
    camera = ReplayCamera(ReplayCamera.Settings(path=str(tmp_path / "r.npz"), offset_c=0.5), SystemTime())
    await camera.start()
    frames = [frame async for frame in camera.frames()]
    await camera.stop()
    await camera.stop()
    assert [frame.celsius.shape for frame in frames] == [(4, 5)] * 3
    assert frames[0].celsius.dtype == np.float32
    assert frames[0].celsius[0, 0] == pytest.approx(35.5, abs=1e-4)
    moments = [frame.at.mono_ns for frame in frames]
    assert moments == sorted(moments)


async def test_a_loop_goes_on_until_it_is_stopped(tmp_path):
    (tmp_path / "r.npz").write_bytes(GOOD)
    settings = ReplayCamera.Settings(path=str(tmp_path / "r.npz"), loop=True, pause_s=0.0)
    camera = ReplayCamera(settings, SystemTime())
    await camera.start()
    seen = 0
    async for _ in camera.frames():
        seen += 1
        if seen == 10:
            await camera.stop()
    assert seen == 10


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"garbage", "no .npz file"),
        (npz(t_s=np.zeros(3)), "expected arrays 'frames'"),
        (npz(frames=np.zeros((3, 4, 5)), t_s=np.zeros(3)), "expected uint16 centikelvin"),
        (npz(frames=np.zeros((3, 4), np.uint16), t_s=np.zeros(3)), r"shape \(n, H, W\)"),
        (npz(frames=np.zeros((3, 4, 5), np.uint16), t_s=np.zeros(2)), "expected 3 finite seconds"),
        (npz(frames=np.zeros((3, 4, 5), np.uint16), t_s=np.array([0, np.nan, 1])), "expected 3 finite seconds"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path, content, fault):
    (tmp_path / "r.npz").write_bytes(content)
    with pytest.raises(DriverError, match=fault):
        load(tmp_path / "r.npz")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DriverError, match="No such file"):
        load(tmp_path / "none.npz")


@given(st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, data):
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("replay") / "r.npz"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        recording = load(path)
    except DriverError as error:
        assert str(path) in str(error)
    else:
        assert recording.frames.ndim == 3
