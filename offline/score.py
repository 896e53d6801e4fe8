"""Every measure of one dance, with what chance makes of it: the document that `score --json` prints.

Shapes   a PoseFile and beats (M,) seconds in, plain numbers out; None stands where a measure does not apply.
Threads  one, the caller's.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64
from audio2pose.errors import CorpusError
from audio2pose.match.index import SLIDE, Library
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.body import JOINT_NAMES

from .measures import alignment, feet, joins, kinetic, stops
from .measures.accents import accents
from .measures.sampling import RATE_HZ, resampled
from .measures.straight import beat_at, unwarped

LEAST_S = 1.0
BAR_BEATS = 4
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Reference:
    """What a dance is held against: a library and the kinetic features of its windows (W, 72)."""

    library: Library
    windows: F64

    @classmethod
    def of(cls, library: Library) -> Reference:
        """The reference that *library* makes."""
        return cls(library, kinetic.of_library(library))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dance:
    """A dance ready to be measured: joints without holes, beats (M,) within it or None where too few are known."""

    file: PoseFile
    joints: F64
    beats_s: F64 | None
    beats_from: str | None
    notes: tuple[str, ...]

    @property
    def fps(self) -> float:
        """Poses a second."""
        return self.file.fps


def dance_of(file: PoseFile, beats_s: F64 | None, beats_from: str | None) -> Dance:
    """*file* with *beats_s* of its song. Raises CorpusError where it is too short or a joint is nowhere."""
    if file.seconds < LEAST_S:
        raise CorpusError(f"the dance lasts {file.seconds:.2f} s, too short to be measured: give {LEAST_S:g} s or more")
    for name, rises in (("beat_times_s", True), ("segment_starts_s", False), ("accent_times_s", False)):
        times_s = getattr(file, name)
        steps = np.diff(times_s)
        if not np.isfinite(times_s).all() or (steps < 0.0).any() or (rises and (steps == 0.0).any()):
            raise CorpusError(f"the file's {name} do not rise, or are no times: write it again")
    joints, mended = _mended(file.positions_m.astype(np.float64))
    notes = list(file.notes)
    if mended:
        notes.append(f"{mended} poses with holes were filled from beside them")
    if beats_s is not None:
        beats_s = beats_s[(beats_s >= 0.0) & (beats_s < file.seconds)]
        if beats_s.shape[0] < stops.LEAST_BEATS:
            notes.append(f"{beats_s.shape[0]} beats lie within the dance, too few to measure it by")
            beats_s = None
    return Dance(file=file, joints=joints, beats_s=beats_s, beats_from=beats_from, notes=tuple(notes))


def score(dance: Dance, reference: Reference | None) -> dict[str, Any]:
    """The measures of *dance*; those that need a library, against *reference*."""
    moved_s = stops.motion_beats(dance.joints, dance.fps)
    document: dict[str, Any] = {"fps": dance.fps, "seconds": dance.file.seconds}
    document |= _to_the_music(dance, moved_s)
    document |= {"pfc": feet.pfc(dance.joints, dance.fps), "skate": _skate(dance, reference)}
    document |= _kinetic(dance, reference)
    document |= _joins(dance)
    out: dict[str, Any] = tidy(document)
    return out


def _to_the_music(dance: Dance, moved_s: F64) -> dict[str, Any]:
    beats_s = dance.beats_s
    if beats_s is None:
        return dict.fromkeys(("beats", "landing_ms", "bas_aist", "bas_bailando", "seconds_with_beats"))
    found = stops.landing(moved_s, beats_s)
    plain = _unwarped(dance, beats_s)
    landed = accents(dance.joints, dance.fps, dance.file.accent_times_s, beats_s, moved_s)
    out: dict[str, Any] = {
        "beats": {
            "f": found.f,
            "f_null": found.f_null,
            "level": found.level,
            "offset_ms": found.offset_ms if found.f else None,
            "offset_sd_ms": found.offset_sd_ms if found.f else None,
            "f_unwarped": plain.f if plain else None,
            "f_unwarped_null": plain.f_null if plain else None,
            "made_by_warp": found.gain - plain.gain if plain else None,
            "music": int(beats_s.shape[0]),
            "motion": found.n,
        },
        "landing_ms": None if landed is None else {**asdict(landed), "per_bar": landed.n / _bars(dance, beats_s)},
    }
    for name, of in (("bas_aist", alignment.aist), ("bas_bailando", alignment.bailando)):
        value, null = of(dance.joints, dance.fps, beats_s)
        out[name] = {"value": value, "null": null, "gain": value - null}
    start_s, lasts_s = stops.span(beats_s)
    turned = [stops.bins(moved_s, moved) for moved in stops.shifted(beats_s, start_s, lasts_s)]
    cover, hit = stops.bins(moved_s, beats_s)
    cover_null, hit_null = np.mean(turned, axis=0)
    out["seconds_with_beats"] = {"cover": cover, "cover_null": cover_null, "hit": hit, "hit_null": hit_null}
    return out


def _unwarped(dance: Dance, beats_s: F64) -> stops.Landing | None:
    starts_s = dance.file.segment_starts_s
    if not starts_s.size:
        return None
    # It danced to the beats that it was told, whatever the true ones are: those bent it.
    danced_s = dance.file.beat_times_s if dance.file.beat_times_s.size >= stops.LEAST_BEATS else beats_s
    joints = unwarped(resampled(dance.joints, dance.fps, RATE_HZ), RATE_HZ, starts_s, danced_s)
    return stops.landing(stops.motion_beats(joints, RATE_HZ), beats_s)


def _bars(dance: Dance, beats_s: F64) -> float:
    """How many bars the beats make: by their downbeats where the file knows them, else four beats to each."""
    if dance.beats_from == "file":
        ones = int((dance.file.beat_positions == 1).sum())
        if ones >= BAR_BEATS:
            return float(ones)
    return max(beats_s.shape[0] / BAR_BEATS, 1.0)


def _skate(dance: Dance, reference: Reference | None) -> dict[str, Any]:
    whole = feet.skate(dance.joints, dance.fps)
    stands = None if reference is None else _outside_slides(dance, reference.library)
    outside = None if stands is None else feet.skate(dance.joints, dance.fps, of=stands)
    contacts = dance.file.contacts
    drift = None if contacts is None else feet.drift(dance.joints, dance.fps, contacts.astype(np.float64), stands)
    return {
        "ratio": whole.ratio if whole else None,
        "contact": whole.contact if whole else 0.0,
        "ratio_outside_slides": outside.ratio if outside else None,
        "drift_cm": asdict(drift) if drift else None,
    }


def _outside_slides(dance: Dance, library: Library) -> NDArray[np.bool_] | None:
    """(T,) poses of segments that are not tagged slide; None where segments or their clips are unknown."""
    starts_s, ids = dance.file.segment_starts_s, dance.file.segment_ids
    if not ids or len(ids) != starts_s.shape[0]:
        return None
    clips = {name: c for c, name in enumerate(library.clip_names)}
    found = [clips.get(joins.clip_of(name), -1) for name in ids]
    if -1 in found:
        return None
    slides = np.array([False, *((library.clip_flags[c] & SLIDE) != 0 for c in found)])
    now_s = np.arange(dance.file.poses) / dance.fps
    return np.asarray(~slides[np.searchsorted(starts_s, now_s, side="right")], np.bool_)


def _kinetic(dance: Dance, reference: Reference | None) -> dict[str, Any]:
    windows = kinetic.windows(dance.joints, dance.fps)
    median = np.median(windows, axis=0).reshape(-1, len(kinetic.FEATURES))
    told = {name: dict(zip(JOINT_NAMES, median[:, k].tolist())) for k, name in enumerate(kinetic.FEATURES)}
    out: dict[str, Any] = {"kinetic": {"energy": _energy(windows), "windows": windows.shape[0], **told, "against": None}}
    out |= {"div_k": None, "fid_k": None}
    if reference is None:
        return out
    ratio = kinetic.ratios(windows, reference.windows)
    by = ratio.reshape(-1, len(kinetic.FEATURES))
    out["kinetic"]["against"] = {
        "library": reference.library.name,
        "within": kinetic.alike(ratio),
        "energy": _energy(windows) / max(_energy(reference.windows), 1e-12),
        **{name: dict(zip(JOINT_NAMES, by[:, k].tolist())) for k, name in enumerate(kinetic.FEATURES)},
    }
    if windows.shape[0] >= kinetic.LEAST_WINDOWS:
        own, theirs = (kinetic.standard(x, reference.windows) for x in (windows, reference.windows))
        out["div_k"] = kinetic.diversity(own)
        out["fid_k"] = {"value": kinetic.frechet(own, theirs), "n": len(own), "n_against": len(theirs)}
    return out


def _energy(windows: F64) -> float:
    return float(np.median([kinetic.energy(w) for w in windows]))


def _joins(dance: Dance) -> dict[str, Any]:
    starts_s, ids = dance.file.segment_starts_s, dance.file.segment_ids
    known_s = dance.beats_s if dance.beats_s is not None else dance.file.beat_times_s
    if known_s.shape[0] < stops.LEAST_BEATS:
        # Without beats nobody knows how many lie between two segments: each start counts as a join.
        return {"repetition": None, "jerk_ratio": joins.jerk_ratio(dance.joints, dance.fps, starts_s[1:])}
    start_beats = beat_at(starts_s, known_s)
    at_s = joins.joined(starts_s, ids, start_beats)
    return {
        "repetition": joins.repetition(ids, start_beats),
        "jerk_ratio": joins.jerk_ratio(dance.joints, dance.fps, at_s),
    }


def _mended(joints: F64) -> tuple[F64, int]:
    """*joints* (T, J, 3) with holes (NaN, infinite) filled along time, and how many poses had any."""
    holes: NDArray[np.bool_] = np.asarray(~np.isfinite(joints).all(axis=2))
    if not holes.any():
        return joints, 0
    nowhere = [JOINT_NAMES[j] for j in np.flatnonzero(holes.all(axis=0))]
    if nowhere:
        raise CorpusError(f"no pose says where {', '.join(nowhere)} is: repair the file first")
    out, at = joints.copy(), np.arange(joints.shape[0])
    for j in np.flatnonzero(holes.any(axis=0)):
        good = ~holes[:, j]
        for i in range(3):
            out[:, j, i] = np.interp(at, at[good], joints[good, j, i])
    return out, int(holes.any(axis=1).sum())


def tidy(value: Any) -> Any:
    """*value* with numbers of DIGITS digits, and None for what is no number: JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: tidy(v) for key, v in value.items()}
    if isinstance(value, list):
        return [tidy(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
