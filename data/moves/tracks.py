"""Keys on beats become curves: four eases, and a little different on every pass, as people are.

Shapes   keys of D values -> (P, D), or (P,) for D = 1; P poses of the whole ring, which holds several passes.
Threads  pure functions of their arguments; every random number comes from the phrase's name and the channel's.
Source   Fritsch and Butland 1984 (monotone cubic); Flash and Hogan 1985 (minimum jerk); sizes measured on dancers.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64

from .ring import Ring
from .score import Key

ARM_M = 0.525
"""Shoulder to wrist of a straight arm."""


@dataclass(frozen=True, slots=True)
class Take:
    """How one clip's passes differ from each other: *size* 0 is a machine, 1 is measured people's smaller half."""

    name: str
    passes: int
    size: float = 1.0

    def rng(self, channel: str) -> np.random.Generator:
        """Its own numbers for each channel, so that adding a channel leaves the others as they were."""
        return np.random.default_rng([zlib.crc32(self.name.encode()), zlib.crc32(channel.encode())])


def min_jerk(u: F64) -> F64:
    """0 to 1 for *u* 0 to 1, at rest at both ends in speed and acceleration."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10.0 - 15.0 * u + 6.0 * u * u)


def curve(
    keys: tuple[Key, ...],
    ring: Ring,
    take: Take,
    channel: str,
    *,
    wobble: F64 | float = 0.0,
    peak_m_s: float = 0.0,
    climb: float = 0.0,
) -> F64:
    """The keys of one phrase over all passes of *ring*.

    Between keys: '~' passes through (monotone cubic), '-' goes evenly, '!' waits and arrives on the key, '>' leaves at
    once and settles early. With *peak_m_s* the values are arm lengths, and a '!' or '>' takes the time that this peak
    speed asks, as far as the keys leave room. *wobble* is how far a key's values differ between passes (sd). Values that
    end the phrase higher by *climb* (a body that has turned) give what remains above the straight line.
    """
    per_beat = climb * take.passes / ring.beats
    values = np.array([[v - per_beat * k.beat for v in k.value] for k in keys], float)
    if len(keys) == 1 and not np.any(wobble):
        out = np.repeat(values, ring.poses, axis=0)
        return out[:, 0] if out.shape[1] == 1 else out
    beats, values = _all_passes(keys, values, ring, take, channel, wobble)
    eases = np.array([k.ease for k in keys] * take.passes)
    beats = np.concatenate([beats - ring.beats, beats, beats + ring.beats])
    values = np.concatenate([values] * 3) + per_beat * beats[:, None]
    eases = np.concatenate([eases] * 3)
    t = ring.time_beats
    out = _monotone(beats, values, t)
    i = np.searchsorted(beats, t, side="right") - 1
    span = beats[i + 1] - beats[i]
    window = np.minimum(span, 0.55)
    if peak_m_s > 0.0:
        # 1.875 is the peak of minimum-jerk speed over its mean.
        way_m = np.linalg.norm((values[i + 1] - values[i])[:, :3], axis=1) * ARM_M
        window = np.minimum(span, np.maximum(0.35, 1.875 * way_m / peak_m_s / ring.beat_s))
    from_s, to_s = t - beats[i], beats[i + 1] - t
    share = {"-": min_jerk(from_s / span), "!": min_jerk(1.0 - to_s / window), ">": min_jerk(from_s / window)}
    for ease, u in share.items():
        here = eases[i + 1] == ease
        out[here] = (values[i] + (values[i + 1] - values[i]) * u[:, None])[here]
    out -= per_beat * t[:, None]
    return out[:, 0] if out.shape[1] == 1 else out


def _all_passes(
    keys: tuple[Key, ...], values: F64, ring: Ring, take: Take, channel: str, wobble: F64 | float
) -> tuple[F64, F64]:
    rng = take.rng(channel)
    beats = np.array([k.beat for k in keys])
    phrase_beats = ring.beats // take.passes
    closest = float(np.min(np.diff(np.append(beats, beats[0] + phrase_beats)))) if len(keys) > 1 else phrase_beats
    mean = values.mean(axis=0)
    all_beats, all_values = [], []
    for k in range(take.passes):
        size = 1.0 + take.size * (0.11 * rng.standard_normal() + 0.10 * rng.standard_normal((len(keys), 1)))
        shift = take.size * wobble * rng.standard_normal(values.shape)
        late = np.clip(take.size * 0.022 / ring.beat_s * rng.standard_normal(len(keys)), -0.25 * closest, 0.25 * closest)
        all_beats.append(beats + k * phrase_beats + late)
        all_values.append(mean + (values - mean) * np.clip(size, 0.7, 1.3) + shift)
    return np.concatenate(all_beats), np.concatenate(all_values)


def _monotone(x: F64, y: F64, at: F64) -> F64:
    """Cubic through (*x*, *y*) that never overshoots a key, read at *at*."""
    h = np.diff(x)[:, None]
    slope = np.diff(y, axis=0) / h
    left, right = slope[:-1], slope[1:]
    weight_left, weight_right = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    same = left * right > 0.0
    safe_left, safe_right = np.where(same, left, 1.0), np.where(same, right, 1.0)
    inner = np.where(same, (weight_left + weight_right) / (weight_left / safe_left + weight_right / safe_right), 0.0)
    d = np.concatenate([slope[:1], inner, slope[-1:]])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    w = h[i]
    u = (at - x[i])[:, None] / w
    return (
        (1 + 2 * u) * (1 - u) ** 2 * y[i] + u * (1 - u) ** 2 * w * d[i]
        + u * u * (3 - 2 * u) * y[i + 1] + u * u * (u - 1) * w * d[i + 1]
    )  # fmt: skip
