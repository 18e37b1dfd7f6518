"""A radiometric FLIR JPEG of given temperatures: the records that hand-held cameras put beside their picture.

The layout is as ExifTool documents it (FLIR tags): APP1 segments of a "FFF" file whose directory is at 64, raw counts
as record 1, the camera's calibration and scene as record 32.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from edge.thermal.radiometry import Planck, Scene, apparent_c, counts_of

PLANCK = Planck(r=17000.0 / 0.0125, b=1435.0, f=1.0, o=7000.0)
_R2 = 0.0125


def flir_jpeg(celsius: np.ndarray, scene: Scene | None = None) -> bytes:
    """The file of a scene of these temperatures, shape (H, W), as such a camera writes it."""
    scene = scene or Scene()
    counts = counts_of(apparent_c(celsius, scene, PLANCK), PLANCK).round().astype("<u2")
    height, width = counts.shape
    raw = struct.pack("<HHH", 2, width, height).ljust(32, b"\0") + counts.tobytes()
    info = bytearray(1000)
    scene_kelvin = (scene.reflected_c + 273.15, scene.air_c + 273.15, scene.window_c + 273.15)
    struct.pack_into("<6f", info, 32, scene.emissivity, 0.0, *scene_kelvin, scene.window_transmission)
    struct.pack_into("<f", info, 60, 0.5)
    struct.pack_into("<3f", info, 88, PLANCK.r * _R2, PLANCK.b, PLANCK.f)
    struct.pack_into("<7f", info, 112, 0.006569, 0.01262, -0.002276, -0.00667, 1.9, 393.15, 253.15)
    struct.pack_into("<if", info, 776, -int(PLANCK.o), _R2)
    return _jpeg(_fff({1: raw, 32: bytes(info)}))


def _fff(records: dict[int, bytes]) -> bytes:
    entries, body, at = b"", b"", 64 + 32 * 14
    for kind, data in records.items():
        entries += struct.pack(">HHIIII12x", kind, 1, 100, 1, at + len(body), len(data))
        body += data
    head = b"FFF\0" + b"MTX IR\0".ljust(16, b"\0") + struct.pack(">III", 100, 64, 14)
    return head.ljust(64, b"\0") + entries.ljust(32 * 14, b"\0") + body


def _jpeg(fff: bytes) -> bytes:
    picture = cv2.imencode(".jpg", np.full((8, 8), 128, np.uint8))[1].tobytes()
    chunks = [fff[start : start + 60_000] for start in range(0, len(fff), 60_000)]
    segments = b""
    for number, chunk in enumerate(chunks):
        inside = b"FLIR\0\x01" + bytes([number, len(chunks) - 1]) + chunk
        segments += b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside
    return picture[:2] + segments + picture[2:]
