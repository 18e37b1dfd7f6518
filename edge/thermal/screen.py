"""The screening of one camera: frame in, people with a temperature and a verdict out, or an honest refusal.

    frame ─ FrameCheck ─ bad pixels ─ reference ─ drift ─ faces ─ tracks ─ measure ─ verdict ─► View

The view carries a `Reading` when one is due.

A person gets exactly one `Reading`: as soon as enough looks agree on a verdict, or when the track ends. What was only
glimpsed gets none: it was noise, or somebody far away.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from edge.clock import Instant
from edge.drivers.base import ThermalFrame
from edge.thermal.bad_pixels import BadPixels, PixelMap
from edge.thermal.calibration import Calibration, body_of
from edge.thermal.cohort import Cohort, CohortState
from edge.thermal.cold import again_after_s
from edge.thermal.drift import Drift, DriftTracker, is_warming_up
from edge.thermal.faces import find_faces
from edge.thermal.frames import FrameCheck
from edge.thermal.measure import measure, offset_of
from edge.thermal.reference import find_reference
from edge.thermal.settings import ThermalSettings
from edge.thermal.surroundings import Surroundings
from edge.thermal.tracks import Track, Tracks, is_alone
from edge.thermal.types import Face, Person, Reading, Reference, View
from edge.thermal.verdict import conclude, is_enough, lane_of, limits, wait_s
from wire.events import Basis, Refusal, Temperature, Verdict

GLIMPSED = 3
"""A track seen in fewer frames is no person."""
PLAUSIBLE_BODY_C = (32.0, 43.0)
"""What a clinical thermometer can show of a person who stands."""
REFERENCE_GRACE_S = 3.0
"""A reference that somebody covers for a moment is taken as last seen; after that it is lost."""


class ScreenState(Struct, frozen=True):
    """What a lane knows of its people, worth keeping over a restart. Plain values, and nobody in particular."""

    cohort: CohortState = CohortState()
    calibration: Calibration = Calibration()
    pixels: PixelMap = PixelMap()


class Screen:
    """One camera's screening. Deterministic: the same frames give the same views."""

    def __init__(self, settings: ThermalSettings) -> None:
        self._settings = settings
        self._check = FrameCheck(settings)
        self._tracks = Tracks(settings.forget_after_s)
        self._cohort = Cohort(settings)
        self._calibration = Calibration()
        self._surroundings = Surroundings()
        self._pixels = BadPixels()
        self._drift = DriftTracker()
        self._reference: Reference | None = None
        self._reference_at: Instant | None = None

    def see(self, frame: ThermalFrame) -> View:
        """Judge one frame. Never raises for whatever a camera gives."""
        ended = tuple(reading for track in self._tracks.ended(frame.at) if (reading := self._conclude(track)))
        refusal = self._check.refuse(frame)
        if refusal is not None:
            return View(frame.at, readings=ended, refusal=refusal)
        self._pixels.see(frame.celsius, frame.at)
        frame = replace(frame, celsius=self._pixels.corrected(frame.celsius))
        reference = find_reference(frame.celsius, self._reference, self._settings.reference_c)
        lost = self._follow_reference(reference, frame.at)
        if is_warming_up(frame.since_start_s, self._drift.drift, self._settings):
            return View(frame.at, (), ended, reference, Refusal.WARMING_UP, self._pixels.map)
        faces = find_faces(frame.celsius, reference or self._reference)
        seen = self._tracks.follow(faces, frame.at)
        for track, face in seen:
            self._look(track, face, frame, lost=lost, alone=is_alone(face, [other for _, other in seen]))
        due = tuple(reading for track, _ in seen if self._is_clear(track) and (reading := self._conclude(track)))
        people = tuple(self._person(track) for track, _ in seen)
        return View(frame.at, people, ended + due, reference, Refusal.NO_REFERENCE if lost else None, self._pixels.map)

    def flush(self) -> list[Reading]:
        """End all tracks: the recording is over, or the camera is gone."""
        return [reading for track in self._tracks.end_all() if (reading := self._conclude(track))]

    @property
    def drift(self) -> Drift:
        """How fast the camera's readings run away."""
        return self._drift.drift

    def calibrate(self, temperature: Temperature, body_c: float) -> None:
        """A guard measured somebody again by a contact thermometer: `temperature` is what this lane had said.

        May be called from another thread than `see`: what is learned is one immutable value.
        """
        low_c, high_c = PLAUSIBLE_BODY_C
        if temperature.body_c is not None and low_c <= body_c <= high_c:
            estimate_c = body_of(temperature.skin_c, lane_of(temperature, self._settings))
            self._calibration = self._calibration.confirmed(estimate_c, body_c)

    def state(self) -> ScreenState:
        """What to keep over a restart. To be asked between frames, not while `see` is at work in another thread."""
        return ScreenState(self._cohort.state(), self._calibration, self._pixels.map)

    def restore(self, state: ScreenState) -> None:
        """Go on where a screening before the restart was."""
        self._cohort, self._calibration = Cohort(self._settings, state.cohort), state.calibration
        self._pixels = BadPixels(state.pixels)

    def _follow_reference(self, found: Reference | None, at: Instant) -> bool:
        """Remember the reference; whether one is expected and has been out of sight for too long."""
        if found is not None:
            self._reference, self._reference_at = found, at
            if self._settings.reference_c is not None:
                self._drift.see(found.seen_c, at)
        elif self._reference_at is None or at.seconds_since(self._reference_at) > REFERENCE_GRACE_S:
            self._reference = None
        return self._settings.reference_c is not None and self._reference is None

    def _look(self, track: Track, face: Face, frame: ThermalFrame, *, lost: bool, alone: bool) -> None:
        track.alone = track.alone and (alone or not self._settings.one_person)
        if track.concluded:
            return
        refusal = self._why_not(track, face, lost=lost)
        if refusal is not None:
            track.refuse(refusal)
            return
        offset_k, _ = offset_of(self._reference, self._settings)
        room_c = self._surroundings.see(frame.celsius, offset_k, frame.at)
        look = measure(frame.celsius, face.box, self._reference, self._settings, room_c)
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
        return is_enough(track.looks, verdict, self._settings)

    def _verdict(self, track: Track) -> tuple[Verdict, Temperature]:
        at = limits(self._settings, self._cohort, self._calibration, track.last_at.time_ns)
        verdict, temperature = conclude(track.looks, at, self._calibration, self._settings)
        reference_c = None if track.reference_c is None else round(track.reference_c, 2)
        return verdict, replace(temperature, reference_c=reference_c)

    def _conclude(self, track: Track) -> Reading | None:
        """The one reading of a track; None when it had it already or was only glimpsed."""
        if track.concluded or track.seen < GLIMPSED:
            return None
        track.concluded = True
        if len(track.looks) < self._settings.looks:
            return self._unmeasured(track, Refusal.NO_FACE if track.looks else track.refusal)
        verdict, temperature = self._verdict(track)
        now_ns = track.last_at.time_ns
        at = limits(self._settings, self._cohort, self._calibration, now_ns)
        self._cohort.add(temperature.skin_c, now_ns)
        if at.known and temperature.skin_c < at.too_cold_c:
            return self._unmeasured(track, Refusal.TOO_COLD, again_after_s(at.centre_c - temperature.skin_c))
        wait = wait_s(temperature.basis or Basis.OTHER, temperature.skin_c, at, self._settings)
        seen_at = track.last_look_at or track.last_at
        return Reading(track.id, seen_at, track.first_at, verdict, temperature, None, track.alone, again_after_s=wait)

    def _unmeasured(self, track: Track, refusal: Refusal, wait_s: float | None = None) -> Reading:
        if refusal is Refusal.TOO_COLD and wait_s is None:
            wait_s = again_after_s(self._settings.limit_c - self._settings.coldest_face_c)
        at = track.last_look_at or track.last_at
        return Reading(
            track.id, at, track.first_at, Verdict.UNMEASURED, None, refusal, track.alone, again_after_s=wait_s
        )

    def _person(self, track: Track) -> Person:
        if not track.looks:
            return Person(track.id, track.box, Verdict.UNMEASURED, None, track.refusal)
        verdict, temperature = self._verdict(track)
        return Person(track.id, track.box, verdict, temperature, None)
