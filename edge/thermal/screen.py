"""The screening of one camera: frame in, people with a temperature and a verdict out, or an honest refusal.

    frame ─ FrameCheck ─ reference ─ faces ─ tracks ─ measure ─ verdict ─► View (with a Reading when one is due)

A person gets exactly one `Reading`: as soon as enough looks agree on a verdict, or when the track ends. What was only
glimpsed gets none: it was noise, or somebody far away.
"""

from __future__ import annotations

from edge.clock import Instant
from edge.drivers.base import ThermalFrame
from edge.thermal.faces import find_faces
from edge.thermal.frames import FrameCheck
from edge.thermal.measure import combine, measure
from edge.thermal.reference import find_reference
from edge.thermal.settings import ThermalSettings
from edge.thermal.tracks import Track, Tracks, is_alone
from edge.thermal.types import Face, Person, Reading, Reference, View
from edge.thermal.verdict import Cohort, judge, limit_c
from wire.events import Refusal, Temperature, Verdict

GLIMPSED = 3
"""A track seen in fewer frames is no person."""
ENOUGH_LOOKS_FACTOR = 3
"""A suspect is looked at up to so many times `looks` before the verdict stands."""
REFERENCE_GRACE_S = 3.0
"""A reference that somebody covers for a moment is taken as last seen; after that it is lost."""


class Screen:
    """One camera's screening. Deterministic: the same frames give the same views."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._check = FrameCheck(settings)
        self._tracks = Tracks(settings.forget_after_s)
        self._cohort = Cohort(settings)
        self._reference: Reference | None = None
        self._reference_at: Instant | None = None

    def see(self, frame: ThermalFrame) -> View:
        """Judge one frame. Never raises for whatever a camera gives."""
        ended = tuple(reading for track in self._tracks.ended(frame.at) if (reading := self._conclude(track)))
        refusal = self._check.refuse(frame)
        if refusal is not None:
            return View(frame.at, readings=ended, refusal=refusal)
        reference = find_reference(frame.celsius, self._reference, self._settings.reference_c)
        lost = self._follow_reference(reference, frame.at)
        faces = find_faces(frame.celsius, reference or self._reference)
        seen = self._tracks.follow(faces, frame.at)
        for track, face in seen:
            self._look(track, face, frame, lost=lost, alone=is_alone(face, [other for _, other in seen]))
        due = tuple(reading for track, _ in seen if self._is_clear(track) and (reading := self._conclude(track)))
        people = tuple(self._person(track) for track, _ in seen)
        return View(frame.at, people, ended + due, reference, Refusal.NO_REFERENCE if lost else None)

    def flush(self) -> list[Reading]:
        """End all tracks: the recording is over, or the camera is gone."""
        return [reading for track in self._tracks.end_all() if (reading := self._conclude(track))]

    def _follow_reference(self, found: Reference | None, at: Instant) -> bool:
        """Remember the reference; whether one is expected and has been out of sight for too long."""
        if found is not None:
            self._reference, self._reference_at = found, at
        elif self._reference_at is None or at.seconds_since(self._reference_at) > REFERENCE_GRACE_S:
            self._reference = None
        return self._settings.reference_c is not None and self._reference is None

    def _look(self, track: Track, face: Face, frame: ThermalFrame, *, lost: bool, alone: bool) -> None:
        track.alone = track.alone and (alone or not self._settings.one_person)
        refusal = self._why_not(track, face, lost=lost)
        if refusal is not None:
            track.refuse(refusal)
            return
        look = measure(frame.celsius, face.box, self._reference, self._settings)
        if look.skin_c < self._settings.coldest_face_c:
            track.refuse(Refusal.TOO_COLD)
            return
        track.looks.append(look)
        track.last_look_at = frame.at
        track.reference_c = self._reference.seen_c if self._reference else None

    def _why_not(self, track: Track, face: Face, *, lost: bool) -> Refusal | None:
        """Why this face gets no temperature in this frame."""
        if lost:
            return Refusal.NO_REFERENCE
        if not track.alone:
            return Refusal.SEVERAL_FACES
        if face.box.w < self._settings.min_face_px:
            return Refusal.TOO_SMALL
        return None if face.frontal else Refusal.NOT_FRONTAL

    def _is_clear(self, track: Track) -> bool:
        """Enough looks for a clear verdict; a suspect is looked at for longer."""
        if track.concluded or len(track.looks) < self._settings.looks:
            return False
        verdict, _ = self._verdict(track)
        return verdict is not Verdict.SUSPECT or len(track.looks) >= self._settings.looks * ENOUGH_LOOKS_FACTOR

    def _verdict(self, track: Track) -> tuple[Verdict, Temperature]:
        limit = limit_c(self._settings, self._cohort)
        measured = combine(track.looks)
        temperature = Temperature(
            skin_c=round(measured.skin_c, 2),
            u_c=round(measured.u_c, 3),
            looks=len(track.looks),
            limit_c=round(limit, 2),
            reference_c=None if track.reference_c is None else round(track.reference_c, 2),
        )
        return judge(measured.skin_c, limit, self._settings), temperature

    def _conclude(self, track: Track) -> Reading | None:
        """The one reading of a track; None when it had it already or was only glimpsed."""
        if track.concluded or track.seen < GLIMPSED:
            return None
        track.concluded = True
        if len(track.looks) < self._settings.looks:
            at = track.last_look_at or track.last_at
            refusal = Refusal.NO_FACE if track.looks else track.refusal
            return Reading(track.id, at, track.first_at, Verdict.UNMEASURED, None, refusal, track.alone)
        verdict, temperature = self._verdict(track)
        self._cohort.add(temperature.skin_c)
        at = track.last_look_at or track.last_at
        return Reading(track.id, at, track.first_at, verdict, temperature, None, track.alone)

    def _person(self, track: Track) -> Person:
        if not track.looks:
            return Person(track.id, track.box, Verdict.UNMEASURED, None, track.refusal)
        verdict, temperature = self._verdict(track)
        return Person(track.id, track.box, verdict, temperature, None)
