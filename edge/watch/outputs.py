"""Where sheets go: PNG files, a video file, a window."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import cv2

from edge.picture import Picture
from wire.errors import MenshenError

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}
"""What the OpenCV wheel can write and any player plays, by the file's ending."""


class Output(Protocol):
    """Takes sheets in their order, all of one size. Raises `MenshenError`."""

    def show(self, sheet: Picture, t_s: float) -> bool:
        """Take one sheet; False when nobody wants more (the window was closed)."""
        ...

    def close(self) -> None:
        """No more sheets come."""
        ...


class PngFolder:
    """One PNG a frame: `frame-00001.png` …"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def show(self, sheet: Picture, t_s: float) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MenshenError(f"{self._folder}: cannot be made: {error.strerror or error}") from error
        self._count += 1
        path = self._folder / f"frame-{self._count:05d}.png"
        if not cv2.imwrite(str(path), sheet):
            raise MenshenError(f"{path}: cannot be written")
        return True

    def close(self) -> None:
        """Every file is whole already."""


class Video:
    """A video file at the recording's own mean rate."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._writer: Any = None
        self._size = (0, 0)

    def show(self, sheet: Picture, t_s: float) -> bool:
        size = (sheet.shape[1], sheet.shape[0])
        if self._writer is None:
            self._writer, self._size = self._opened(size), size
        if size != self._size:
            raise MenshenError(
                f"{self._path}: frames of {size} after {self._size}: a video has one size; give a folder"
            )
        self._writer.write(sheet)
        return True

    def _opened(self, size: tuple[int, int]) -> Any:  # noqa: ANN401 - OpenCV has no types
        if not self._path.parent.is_dir():
            raise MenshenError(f"{self._path}: there is no folder {self._path.parent}")
        codec = CODECS[self._path.suffix.lower()]
        writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*codec), self._rate_hz, size)
        if not writer.isOpened():
            raise MenshenError(f"{self._path}: cannot be written as {codec}; try another ending: {', '.join(CODECS)}")
        return writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()


class Window:
    """A window of the desktop (Tk), at the recording's own pace."""

    def __init__(self, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `MenshenError` where no window can be shown."""
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise MenshenError(f"no window can be shown: this machine has no display; {INSTEAD}")
        try:
            import tkinter  # noqa: PLC0415 - a package of its own on Debian
        except ImportError as error:
            need = "install the Debian package python3-tk"
            raise MenshenError(f"no window can be shown: {error}; {need}, or {INSTEAD}") from error
        try:
            self._root = tkinter.Tk()
        except tkinter.TclError as error:
            raise MenshenError(f"no window can be shown: {error}; {INSTEAD}") from error
        self._root.title(title)
        self._root.protocol("WM_DELETE_WINDOW", self._closed)
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._clock = clock
        self._began_s: float | None = None
        self._open = True

    def show(self, sheet: Picture, t_s: float) -> bool:
        from PIL import Image, ImageTk  # noqa: PLC0415 - needs Tk, which is here by now

        self._began_s = self._began_s if self._began_s is not None else self._clock() - t_s
        while self._open and self._clock() - self._began_s < t_s:
            self._root.update()
            time.sleep(0.005)
        if self._open:
            image = ImageTk.PhotoImage(Image.fromarray(sheet[..., ::-1].copy()), master=self._root)
            self._label.configure(image=image)
            self._label.image = image  # type: ignore[attr-defined] # Tk keeps no reference of its own
            self._root.update()
        return self._open

    def _closed(self) -> None:
        self._open = False

    def close(self) -> None:
        self._root.destroy()


INSTEAD = "give --out FOLDER for pictures, or --out FILE.mp4 for a video"


def output_for(path: Path, rate_hz: float) -> Output:
    """A video where the path's ending says so, else a folder of PNGs."""
    suffix = path.suffix.lower()
    if suffix in CODECS:
        return Video(path, rate_hz)
    if suffix and not path.is_dir():
        raise MenshenError(
            f"{path}: {suffix} is no kind of video that can be written: {', '.join(CODECS)}, or a folder"
        )
    return PngFolder(path)
