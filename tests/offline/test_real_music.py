"""The main job on real music: on the beat, on the floor, whole; the long version runs in `make soak`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.__main__ import main
from audio2pose.match.find import library
from audio2pose.media.decode import SongReader
from audio2pose.media.posefile import read
from audio2pose.motion.body import CONTACT_JOINTS, LIMBS, OFFSETS_M, REST_FOOT_M
from audio2pose.offline.choreograph import perform
from audio2pose.presets import settings
from tests.measures import Landing, dance_report

STEADY = (
    "gunroar_gr0", "gunroar_gr3", "mu-cade_mcd1", "mu-cade_mcd4", "noiz2sa_stg0", "noiz2sa_stg5", "parsec47_ptn3",
    "rrootage_stg_c", "titanion_ttn1", "titanion_ttn3", "torus-trooper_tt1",
)  # fmt: skip
OFF_THE_BEAT = {False: {"mu-cade_mcd4"}, True: {"mu-cade_mcd4"}}
"""Heard half a beat off all through, and danced there: its off-beats sound as much like beats as its beats do."""
LISTENED_S = 45.0
SETTLED_S = 5.0


def songs(testdata: Path) -> list[Path]:
    """Every song of the real music, by name."""
    return sorted(p for p in (testdata / "music").rglob("*.ogg"))


def landings(testdata: Path, causal: bool) -> dict[str, dict[str, Landing]]:
    """How the dance lands on the known beats of each steady song, as danced and unwarped."""
    found = {}
    for name in STEADY:
        path = testdata / "music" / "kentacho" / f"{name}.ogg"
        beats = np.array(json.loads(path.with_suffix("").with_suffix(".beats.json").read_text())["beats"])
        with SongReader(path, end_s=LISTENED_S) as song:
            danced = perform(song, settings(environ={}), library(), causal=causal, told=lambda _: None)
        poses = danced.poses[danced.poses["time_s"] > SETTLED_S]
        found[name] = dance_report(poses, beats[(beats > SETTLED_S) & (beats < danced.seconds)])
    return found


@pytest.fixture(scope="module")
def landed(testdata: Path) -> Callable[[bool], dict[str, dict[str, Landing]]]:
    known: dict[bool, dict[str, dict[str, Landing]]] = {}

    def of(causal: bool) -> dict[str, dict[str, Landing]]:
        if causal not in known:
            known[causal] = landings(testdata, causal)
        return known[causal]

    return of


@pytest.mark.parametrize("causal", [False, True])
def test_on_steady_songs_the_body_lands_on_the_beat_far_above_chance(
    landed: Callable[[bool], dict[str, dict[str, Landing]]], causal: bool
) -> None:
    gains = {name: round(r["danced"].gain, 3) for name, r in landed(causal).items()}
    print(
        "F - null, causal" if causal else "F - null, look-ahead", gains, "mean", round(float(np.mean(list(gains.values()))), 3)
    )
    assert np.mean(list(gains.values())) >= 0.35
    assert min(gain for name, gain in gains.items() if name not in OFF_THE_BEAT[causal]) >= 0.2


@pytest.mark.parametrize("causal", [False, True])
def test_on_steady_songs_the_mean_offset_is_within_25_ms(
    landed: Callable[[bool], dict[str, dict[str, Landing]]], causal: bool
) -> None:
    offsets = {name: round(r["danced"].offset_ms, 1) for name, r in landed(causal).items()}
    print("offsets, ms", offsets)
    assert abs(np.mean(list(offsets.values()))) <= 25.0
    assert max(map(abs, offsets.values())) <= 25.0


@pytest.mark.parametrize("causal", [False, True])
def test_the_warp_alone_makes_no_more_than_a_tenth_of_it(
    landed: Callable[[bool], dict[str, dict[str, Landing]]], causal: bool
) -> None:
    made = {name: round(r["danced"].gain - r["unwarped"].gain, 3) for name, r in landed(causal).items()}
    print("made by the warp", made)
    assert max(made.values()) <= 0.10


def test_the_body_moves_through_the_beat_without_ripple(testdata: Path) -> None:
    """Once locked, 19 of 20 beats differ by under 10 % in rate from the last (the others bend a phase error away), and no
    hop leaps but where the clock jumped."""
    for name in STEADY:
        with SongReader(testdata / "music" / "kentacho" / f"{name}.ogg", end_s=LISTENED_S) as song:
            danced = perform(song, settings(environ={}), library(), causal=True, told=lambda _: None)
        log = danced.heard.log
        rate_hz = np.diff(danced.poses["beat"], prepend=0.0) / danced.hop_s
        jumped = np.flatnonzero(np.diff(log["jumps"].astype(int), prepend=0)) + np.arange(-1, 3)[:, None]
        steady = np.setdiff1d(np.arange(200, len(rate_hz)), jumped)
        assert (rate_hz[steady] <= 1.5 * log["rate_hz"][steady]).all(), name
        assert (rate_hz[steady] >= 0.6 * log["rate_hz"][steady]).all(), name
        whole = np.floor(danced.poses["beat"]).astype(int)
        whole[jumped[jumped < len(whole)]] = -1
        rates = np.array([rate_hz[whole == n].mean() for n in np.unique(whole[1000:])[1:-1]])
        assert np.percentile(np.abs(np.diff(np.log(rates))), 95) <= 0.10, name


def check_files(npz: Path, mp4: Path, seconds: float, fps: float) -> None:
    """Poses finite, bones rigid, feet on the floor, no leap; picture and sound within one frame of the song."""
    file = read(npz)
    P = file.positions_m
    assert np.isfinite(P).all()
    for parent, joint in LIMBS:
        length = np.linalg.norm(P[:, joint] - P[:, parent], axis=1)
        assert np.abs(length - np.linalg.norm(OFFSETS_M[joint])).max() < 1e-4
    assert P[:, CONTACT_JOINTS, 1].min() > REST_FOOT_M - 0.02
    speed = np.linalg.norm(np.diff(P, axis=0), axis=2) * file.fps
    assert speed.max() < 15.0
    with av.open(str(mp4)) as film:
        for stream in (film.streams.video[0], film.streams.audio[0]):
            assert stream.duration is not None
            assert stream.time_base is not None
            assert abs(float(stream.duration * stream.time_base) - seconds) <= 1.0 / fps + 1e-6, stream.type


def render(path: Path, folder: Path, *more: str) -> None:
    npz, mp4 = folder / f"{path.stem}.npz", folder / f"{path.stem}.mp4"
    words = ["render", str(path), "-o", str(npz), "-o", str(mp4), "--size", "320x180", "--fps", "30", *more]
    assert main(words) == 0


def test_a_cut_of_every_real_song_renders_whole(testdata: Path, tmp_path: Path) -> None:
    paths = songs(testdata)
    assert len(paths) >= 15
    for n, path in enumerate(paths):
        folder = tmp_path / str(n)
        folder.mkdir()
        render(path, folder, "--start", "20", "--end", "25", *(["--causal"] if n % 2 else []))
        check_files(folder / f"{path.stem}.npz", folder / f"{path.stem}.mp4", 5.0, 30.0)


def test_a_dance_that_begins_with_its_song_does_not_leap(testdata: Path, tmp_path: Path) -> None:
    path = testdata / "music" / "kentacho" / "gunroar_gr0.ogg"
    render(path, tmp_path, "--end", "3")
    check_files(tmp_path / f"{path.stem}.npz", tmp_path / f"{path.stem}.mp4", 3.0, 30.0)


@pytest.mark.soak
def test_every_real_song_renders_whole(testdata: Path, tmp_path: Path) -> None:
    for n, path in enumerate(songs(testdata)):
        folder = tmp_path / str(n)
        folder.mkdir()
        render(path, folder)
        with SongReader(path) as song:
            seconds = sum(b.shape[0] for b in song.blocks()) / song.sample_rate_hz
        check_files(folder / f"{path.stem}.npz", folder / f"{path.stem}.mp4", seconds, 30.0)
        print(f"{path.stem}: {seconds:.1f} s whole")
