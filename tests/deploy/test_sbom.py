"""`make sbom`: the list of what is in it is the lock, package by package, each with its digests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lock", ["edge", "runtime", "plates"])
def test_every_locked_package_is_in_the_list_with_version_and_digests(lock, tmp_path):
    recipe = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"for lock in .*\b{lock}\b", recipe)
    out = tmp_path / "sbom.json"
    words = ["--pyproject", "pyproject.toml", "--output-reproducible", "-o", str(out), f"requirements/{lock}.lock"]
    subprocess.run([sys.executable, "-m", "cyclonedx_py", "requirements", *words], cwd=ROOT, check=True)
    listed = json.loads(out.read_text("utf-8"))
    found = {(part["name"], part["version"]) for part in listed["components"]}
    locked = re.findall(
        r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements" / f"{lock}.lock").read_text("utf-8"), re.MULTILINE
    )
    assert found == set(locked)
    for part in listed["components"]:
        assert any(reference.get("hashes") for reference in part["externalReferences"]), part["name"]
    assert listed["metadata"]["component"]["name"] == "menshen"


def test_what_is_listed_is_also_what_is_audited_strictly():
    recipe = (ROOT / "Makefile").read_text("utf-8")
    parts = {name: recipe.split(f"\n{name}: ")[1].split("\n\n")[0] for name in ("sbom", "audit")}
    locks = {name: re.search(r"for lock in ([\w ]+);", part) for name, part in parts.items()}
    assert locks["sbom"]
    assert locks["audit"]
    assert locks["sbom"].group(1) == locks["audit"].group(1)
    assert "--strict" in parts["audit"]  # what cannot be looked up is no success
