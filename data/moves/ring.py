"""The loop that a clip is made on: every curve is periodic, so every filter is exact, without edges and without delay.

Shapes   curves are (P,) or (P, C), P poses once round; the pose after the last is the first.
Threads  pure functions of their arguments; build time only.
Source   steady-state response of linear systems by the discrete Fourier transform, e.g. Oppenheim and Schafer, ch. 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64


@dataclass(frozen=True, slots=True)
class Ring:
    """*poses* samples once round, at *fps*, lasting *beats* whole beats."""

    poses: int
    beats: int
    fps: float = 60.0

    @property
    def beat_s(self) -> float:
        """Seconds of one beat."""
        return self.poses / self.fps / self.beats

    @property
    def time_beats(self) -> F64:
        """(P,) the beat at which each pose stands."""
        return np.arange(self.poses, dtype=np.float64) * (self.beats / self.poses)

    def smooth(self, x: F64, sigma_s: float) -> F64:
        """*x* under a Gaussian of *sigma_s*."""
        return self._filtered(x, np.exp(-0.5 * (self._omega() * sigma_s) ** 2).astype(complex))

    def later(self, x: F64, delay_s: float) -> F64:
        """*x* delayed by *delay_s*, by fractions of a pose too; negative is earlier."""
        return self._filtered(x, np.exp(-1j * self._omega() * delay_s))

    def spring(self, x: F64, hz: float, zeta: float, *, on_time: bool = True) -> F64:
        """What hangs on *x* by a spring of *hz* and damping *zeta*; *on_time* takes the spring's mean delay back.

        A spring overshoots and settles, which is what follow-through looks like.
        """
        omega, natural = self._omega(), 2.0 * np.pi * hz
        response = natural**2 / (natural**2 - omega**2 + 2j * zeta * natural * omega)
        if on_time:
            response = response * np.exp(1j * omega * (2.0 * zeta / natural))
        return self._filtered(x, response)

    def speed(self, x: F64) -> F64:
        """Derivative of *x* per second, by central differences."""
        return (np.roll(x, -1, axis=0) - np.roll(x, 1, axis=0)) * (0.5 * self.fps)

    def low_pass(self, x: F64, hz: float) -> F64:
        """*x* without what is faster than *hz* (fourth-order Butterworth magnitude, no delay)."""
        return self._filtered(x, (1.0 / (1.0 + (self._omega() / (2.0 * np.pi * hz)) ** 4)).astype(complex))

    def drift(self, rng: np.random.Generator, hz: float = 0.35) -> F64:
        """(P,) slow wandering about 0 of standard deviation 1, nothing faster than about *hz*."""
        wander = self.smooth(rng.standard_normal(self.poses), 1.0 / (2.0 * np.pi * hz))
        wander -= wander.mean()
        return wander / max(float(wander.std()), 1e-9)

    def lowest(self, x: F64, reach_s: float) -> F64:
        """(P,) for each pose the least *x* within *reach_s* before and after."""
        out = x.copy()
        for k in range(1, int(reach_s * self.fps) + 1):
            out = np.minimum(out, np.minimum(np.roll(x, k), np.roll(x, -k)))
        return out

    def _omega(self) -> F64:
        return np.asarray(2.0 * np.pi * np.fft.rfftfreq(self.poses, 1.0 / self.fps), np.float64)

    def _filtered(self, x: F64, response: np.ndarray) -> F64:
        spectrum = np.fft.rfft(x, axis=0)
        shape = (-1,) + (1,) * (x.ndim - 1)
        return np.fft.irfft(spectrum * response.reshape(shape), self.poses, axis=0)
