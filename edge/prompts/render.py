"""Speak every text into its recording: `python -m edge.prompts.render` (needs Debian's espeak-ng).

What espeak-ng says is free to ship: its licence (GPL 3) is the program's, not that of its output.
"""

from __future__ import annotations

import io
import struct
import subprocess
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.prompts import ANNOUNCEMENTS, FOLDER, TEXTS

VOICES = {"zh": ("cmn", "220"), "en": ("en-us", "155")}
"""espeak-ng's voice and its words a minute."""
SPOKEN_HZ, KEPT_HZ = 22050, 11025


def render(folder: Path = FOLDER) -> int:
    """Write all recordings; their number."""
    for lang, (voice, speed) in VOICES.items():
        (folder / lang).mkdir(exist_ok=True)
        for key, text in (TEXTS | ANNOUNCEMENTS).items():
            (folder / lang / f"{key}.wav").write_bytes(mu_law_wav(halved(spoken(voice, speed, getattr(text, lang)))))
    return len(VOICES) * len(TEXTS | ANNOUNCEMENTS)


def spoken(voice: str, speed: str, text: str) -> NDArray[np.float64]:
    """What espeak-ng says, as samples from -1 to 1 at 22,050 Hz, loudest at 0.9."""
    command = ["espeak-ng", "-v", voice, "-s", speed, "--stdout", text]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SPOKEN_HZ, 1, 2)
        samples = np.frombuffer(file.readframes(1 << 24), "<i2").astype(np.float64)
    return trimmed(samples * (0.9 / max(1.0, float(np.abs(samples).max()))))


def trimmed(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the silence around, but for a tenth of a second."""
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    pad = SPOKEN_HZ // 10
    return samples[max(0, int(loud[0]) - pad) : int(loud[-1]) + pad]


def halved(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """At half the rate, after a windowed-sinc low-pass at 0.23 of the old one."""
    n = np.arange(-31, 32)
    kernel = np.sinc(2 * 0.23 * n) * np.hamming(n.size)
    low: NDArray[np.float64] = np.convolve(samples, kernel / kernel.sum(), mode="same")[::2]
    return low


def mu_law_wav(samples: NDArray[np.float64]) -> bytes:
    """A WAV file of 8-bit µ-law (ITU-T G.711) at 11,025 Hz, which every player knows."""
    data = mu_law(samples)
    form = struct.pack("<HHIIHHH", 7, 1, KEPT_HZ, KEPT_HZ, 1, 8, 0)
    chunks = b"WAVE" + b"".join(
        name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)
        for name, body in ((b"fmt ", form), (b"fact", struct.pack("<I", len(data))), (b"data", data))
    )
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def mu_law(samples: NDArray[np.float64]) -> bytes:
    """Samples from -1 to 1 as G.711 writes them: sign, three bits of segment, four of mantissa, inverted."""
    linear = np.clip(np.abs(samples) * 8159.0, 0, 8158) + 33
    segment = np.clip(np.floor(np.log2(linear)).astype(np.int64) - 5, 0, 7)
    mantissa = (linear / 2.0 ** (segment + 1)).astype(np.int64) & 0x0F
    sign = np.where(samples < 0, 0x80, 0)
    return bytes((~(sign | (segment << 4) | mantissa) & 0xFF).astype(np.uint8))


if __name__ == "__main__":
    print(f"{render()} recordings in {FOLDER}")
