"""Recordings that the simulator renders: `.npz` files like a real camera's, and the truth about who is in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edge.drivers.replay import ZERO_C_IN_CENTIKELVIN
from sim.frames import View, render
from sim.people import population, stream
from sim.scene import APPROACH_S, BREAK_S, LEAVE_S, STAND_S, Visit

FPS = 9.0


def write(path: Path, *, seed: int, people: int, fevers: int, view: View | None = None) -> None:
    """Write a recording of so many people, `fevers` of them feverish, and beside it `.json` with the truth.

    Raises `ValueError` when there are more fevers than people, or nobody.
    """
    if not 0 <= fevers <= people or people == 0:
        raise ValueError(
            f"{people} people, {fevers} fevers: expected at least one person, and no more fevers than people"
        )
    view = view or View()
    cast = _cast(seed, people, fevers)
    noise = stream(seed, "recording")
    times_s = np.arange(0, cast[-1].end_s + 1.0, 1 / FPS)
    frames = np.stack([_frame(view, cast, float(t_s), noise) for t_s in times_s])
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, frames=frames, t_s=times_s)
    truth = [
        {"begin_s": visit.begin_s, "end_s": visit.end_s, "body_c": visit.person.body_c, "skin_c": visit.person.skin_c}
        for visit in cast
    ]
    path.with_suffix(".json").write_text(json.dumps({"seed": seed, "people": truth}, indent=1))


def _cast(seed: int, people: int, fevers: int) -> list[Visit]:
    """Who comes when: the feverish are spread among the others."""
    well, ill = population(seed, people), population(seed, people, fever_share=1.0)
    feverish = set(stream(seed, "cast").permutation(people)[:fevers].tolist())
    each_s = APPROACH_S + STAND_S + LEAVE_S + BREAK_S
    return [
        Visit(1.0 + number * each_s, ill[number] if number in feverish else well[number], None, repeats=False)
        for number in range(people)
    ]


def _frame(view: View, cast: list[Visit], t_s: float, noise: np.random.Generator) -> np.ndarray:
    here = next((visit for visit in cast if visit.begin_s <= t_s < visit.end_s), None)
    pose = (here or cast[0]).pose(t_s)
    image = render(view, here.person if here else None, pose, noise)
    return np.clip(np.round(image * 100) + ZERO_C_IN_CENTIKELVIN, 0, 65535).astype(np.uint16)
