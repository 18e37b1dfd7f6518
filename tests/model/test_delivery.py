"""The delivery protocol as a model, over all interleavings (spin), and its links to the code."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path

import pytest

from tests.model.test_machine import RULES
from tests.support.servers import binary

MODEL = Path(__file__).with_name("delivery.pml")
SMALL = {"N": 3, "W": 2, "FAULTS": 2}
LONG_S = 300


def verdict(folder: Path, text: str, sizes: dict[str, int], *cycles: str) -> str:
    """What spin finds: empty when nothing is wrong, else what and where."""
    spin, gcc = binary("spin", "spin"), binary("gcc", "gcc")
    (folder / "model.pml").write_text(text)
    defines = [f"-D{name}={value}" for name, value in sizes.items()]
    run(folder, [spin, "-a", *defines, "model.pml"])
    run(folder, [gcc, "-O2", "-w", "-DNP" if cycles else "-DSAFETY", "-o", "pan", "pan.c"])
    told = run(folder, [str(folder / "pan"), "-m1000000", *cycles])
    found = re.search(r"pan:\d+: (.+) \(at depth", told)
    assert "Search not completed" not in told or found, told
    assert re.search(r"errors: (\d+)", told), told
    return found.group(1) if found else ""


def run(folder: Path, command: list[str]) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("sizes", [SMALL, {"N": 4, "W": 2, "FAULTS": 2}, {"N": 3, "W": 3, "FAULTS": 3}])
def test_whatever_happens_nothing_is_lost_doubled_or_out_of_order_and_in_the_end_all_is_there(tmp_path, sizes):
    assert verdict(tmp_path, MODEL.read_text("utf-8"), sizes) == ""


def test_it_never_runs_in_circles(tmp_path):
    assert verdict(tmp_path, MODEL.read_text("utf-8"), SMALL, "-l") == ""


MISTAKES = {
    "the hub acknowledges before it has committed": (
        "down ! journal, again;",
        "down ! journal + len(inbox), again;",
        "low<=journal",
    ),
    "the gate deletes what it has sent": ("sent++;   ", "sent++; low = sent;", "low<=journal|!\\(gap\\)"),
    "the gate deletes what it was told of and forgets": ("low = acked  ", "low = last  ", "low<=journal"),
    "the hub takes any later number": ("number == journal + 1 ->", "number > journal ->", "number-journal"),
    "the gate never sends again": ("sent > acked && QUIET -> sent = acked", "false -> skip", "journal==3"),
    "the hub does not answer a birth": ("birth = false; marked = true }", "birth = false }", ".+"),
    "the hub does not ask for what is missing, and the gate has no patience": (
        "sent > acked && QUIET -> sent = acked }",
        "false && again -> skip }",
        "journal==3",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_the_model_finds_each_mistake_that_the_protocol_could_have(tmp_path, name):
    """A model that cannot fail would say nothing."""
    right, wrong, expected = MISTAKES[name]
    text = MODEL.read_text("utf-8")
    assert text.count(right) == 1, right
    found = verdict(tmp_path, text.replace(right, wrong), SMALL) or verdict(
        tmp_path, text.replace(right, wrong), SMALL, "-l"
    )
    assert re.search(expected, found.replace(" ", "")), found


TRANSITION = re.compile(r"^    :: (?:.*\n)+?(?=    ::|    od)", re.MULTILINE)
NAMED = re.compile(r"/\* \[(\w+)\] (?:the way|((?:edge|hub)\.\w+): ([\w.]+)(?: -> ([\w.]+))?)[;:, \w]* \*/")


def transitions() -> dict[str, str]:
    """The lines of gate, hub and trouble that begin a transition, by its name."""
    text = MODEL.read_text("utf-8")
    found = {}
    for line in TRANSITION.findall(text[text.index("active proctype gate") : text.index("active proctype judge")]):
        named = NAMED.search(line)
        assert named, f"a transition without a name, or beside no code: {line}"
        assert named[1] not in found, f"two transitions are called {named[1]}"
        found[named[1]] = line
    return found


def test_each_transition_of_the_model_names_code_that_there_is():
    links = re.findall(r"((?:edge|hub)\.\w+): ([\w.]+)(?: -> ([\w.]+))?", MODEL.read_text("utf-8"))
    assert len(links) >= 15
    for module, *names in links:
        rooms = [importlib.import_module(name) for name in (module, "edge.outbox", "hub.journal", "hub.ingest")]
        for name in filter(None, names):
            kind, _, method = name.partition(".")
            owner = next((getattr(room, kind) for room in rooms if hasattr(room, kind)), None)
            assert owner is not None, name
            source = Path(importlib.import_module(owner.__module__).__file__ or "").read_text("utf-8") if method else ""
            assert not method or hasattr(owner, method) or f"self.{method}" in source, name


def test_the_machine_over_the_real_code_takes_the_same_transitions():
    """Gate and hub are linked to the model line by line: what one can do, the other can."""
    assert set(transitions()) == RULES
