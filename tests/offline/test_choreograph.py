"""A song danced from a file: live's own dance, or one that has heard the whole song first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import ConfigError, SongError
from audio2pose.match.find import library
from audio2pose.media.decode import SongReader, read_song
from audio2pose.motion.body import LIMBS
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE
from audio2pose.music.hops import Hopper
from audio2pose.offline import choreograph
from audio2pose.offline.choreograph import Performance, listen, perform
from audio2pose.offline.export import accents, pose_file, sampled
from audio2pose.performer import Performer
from audio2pose.presets import settings
from tests.measures import f_measure, levels


def quiet(_: float) -> None:
    """Nobody watches the progress."""


def danced(
    path: Path, *, causal: bool = False, start_s: float = 0.0, end_s: float | None = None, **dance: float
) -> Performance:
    now = settings(None, {"dance": dance}, {})
    with SongReader(path) as song:
        return perform(song, now, library(), causal=causal, told=quiet)


def by_hand(path: Path, block: int) -> np.ndarray:
    samples, rate_hz = read_song(path)
    performer = Performer(settings(None, {}, {}), library(), rate_hz)
    hopper = Hopper(rate_hz, performer.hop_s)
    poses = [
        performer.process(hop).copy()
        for at in range(0, samples.shape[0], block)
        for hop in hopper.feed(samples[at : at + block])
    ]
    return np.array(poses, POSE)


@pytest.mark.parametrize("block", [97, 4096, 10**9])
def test_a_causal_render_is_the_performer_by_hand_bit_for_bit_at_any_block_size(demo: Path, block: int) -> None:
    assert danced(demo, causal=True).poses.tobytes() == by_hand(demo, block).tobytes()


@pytest.mark.parametrize("causal", [True, False])
def test_two_runs_dance_the_same_to_the_last_bit(demo: Path, causal: bool) -> None:
    once, again = danced(demo, causal=causal), danced(demo, causal=causal)
    assert once.poses.tobytes() == again.poses.tobytes()
    assert once.events == again.events


def test_a_causal_pose_is_for_the_hops_end_plus_latency_and_a_look_ahead_pose_for_the_hops_end(demo: Path) -> None:
    assert danced(demo, causal=True, latency_s=0.12).poses["time_s"][0] == pytest.approx(0.13)
    assert danced(demo, latency_s=0.12).poses["time_s"][0] == pytest.approx(0.01)


@pytest.mark.parametrize("causal", [True, False])
def test_a_dance_is_finite_keeps_its_bones_and_its_feet_above_the_floor(demo: Path, causal: bool) -> None:
    poses = danced(demo, causal=causal).poses
    joints = positions(poses["root_m"], poses["rotations"])
    assert np.isfinite(joints).all()
    limbs = np.array(LIMBS)
    bones_m = np.linalg.norm(joints[:, limbs[:, 1]] - joints[:, limbs[:, 0]], axis=-1)
    assert np.ptp(bones_m, axis=0).max() < 1e-4
    assert joints[..., 1].min() > -0.02
    assert np.linalg.norm(np.diff(joints, axis=0), axis=-1).max() / 0.01 < 15.0


def test_the_dance_moves_and_stays_on_the_stage(demo: Path) -> None:
    poses = danced(demo).poses
    joints = positions(poses["root_m"], poses["rotations"])
    assert np.ptp(joints[300:, 22], axis=0).max() > 0.3  # a hand, metres
    assert np.abs(poses["root_m"][:, [0, 2]]).max() < 2.0


def test_events_and_segments_tell_the_same_cuts(demo: Path) -> None:
    performance = danced(demo)
    segments = [e for e in performance.events if e["event"] == "segment"]
    held = pose_file(performance, library(), 60.0)
    assert held.segment_ids == tuple(e["id"] for e in segments)
    assert (np.diff(held.segment_starts_s) > 0).all()


def test_accents_as_danced_land_on_beats_or_halves_of_the_clock(demo: Path) -> None:
    performance = danced(demo)
    when_s = accents(performance, library())
    assert when_s.size >= 6  # one a bar
    beat = np.interp(when_s, performance.poses["time_s"], performance.poses["beat"])
    # Authored accents lie on quarters of a beat at the finest; the clock has passed just there.
    quarter = np.abs(4 * beat - np.round(4 * beat)) / 4
    assert np.median(quarter) < 0.02


def test_poses_at_another_rate_are_the_poses_between_hops(demo: Path) -> None:
    performance = danced(demo)
    k = np.array([100, 500, 900])
    on_hops = sampled(performance, performance.poses["time_s"][k])
    assert np.allclose(on_hops["root_m"], performance.poses["root_m"][k], atol=1e-6)
    between = sampled(performance, performance.poses["time_s"][k] + 0.005)
    low = np.minimum(performance.poses["beat"][k], performance.poses["beat"][k + 1])
    assert (between["beat"] > low).all()


def test_silence_is_danced_without_beats(made: Callable[..., Path]) -> None:
    path = made(np.zeros(44100 * 4, np.float32))
    performance = danced(path)
    assert performance.heard.beats == ()
    assert performance.heard.tempo_bpm is None
    assert np.isfinite(performance.poses["rotations"]).all()


def test_nan_samples_are_danced_and_told(demo: Path, made: Callable[..., Path]) -> None:
    samples, rate_hz = read_song(demo, end_s=4.0)
    samples[1000:1050] = np.nan
    performance = danced(made(samples, rate_hz))
    assert np.isfinite(performance.poses["rotations"]).all()
    assert "50 samples were no numbers" in performance.heard.faults[0]


def test_a_sound_shorter_than_two_hops_is_refused(made: Callable[..., Path]) -> None:
    with pytest.raises(SongError, match="too short"):
        danced(made(np.ones(300, np.float32)))


def test_a_song_that_does_not_say_how_long_it_is_is_refused_once_it_is_too_long(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choreograph, "MAX_SECONDS", 5.0)
    with SongReader(demo) as song:
        song.duration_s = None
        with pytest.raises(SongError, match="--start and --end"):
            perform(song, settings(None, {}, {}), library(), causal=True, told=quiet)


def test_a_style_that_the_library_lacks_is_told_before_anything_is_heard(demo: Path) -> None:
    now = settings(None, {"match": {"style": "huose"}}, {})
    with SongReader(demo) as song, pytest.raises(ConfigError, match="'house'"):
        perform(song, now, library(), causal=False, told=quiet)


def test_only_the_style_that_was_asked_for_is_danced(demo: Path) -> None:
    now = settings(None, {"match": {"style": "house", "style_weight": 20.0}}, {})
    with SongReader(demo) as song:
        performance = perform(song, now, library(), causal=False, told=quiet)
    styles = {e["style"] for e in performance.events if e["event"] == "segment" and e["t"] > 1.0}
    assert styles <= {"house", "idle"}


def test_looking_ahead_finds_the_beats_of_steady_songs(testdata: Path) -> None:
    start_s, end_s = 8.0, 38.0
    found = {}
    for truth in sorted((testdata / "music" / "kentacho").glob("*.beats.json")):
        beats_s = np.array(json.loads(truth.read_text())["beats"], np.float64)
        with SongReader(truth.with_name(truth.name.replace(".beats.json", ".ogg")), start_s=start_s, end_s=end_s) as song:
            heard = listen(song, settings(None, {}, {}), causal=False, told=quiet)
        inside = beats_s[(beats_s >= start_s) & (beats_s < end_s)] - start_s
        ours = np.array([b.time_s for b in heard.beats])
        found[truth.name] = max(f_measure(ours, level) for level in levels(inside).values())
        assert all(b.emitted_s == heard.seconds for b in heard.beats)
    assert len(found) == 11
    assert np.mean(list(found.values())) > 0.9, found


def test_a_causal_beat_never_changes_with_what_comes_after_it(demo: Path) -> None:
    now = settings(None, {}, {})
    with SongReader(demo) as song:
        whole = listen(song, now, causal=True, told=quiet).beats
    with SongReader(demo, end_s=7.0) as song:
        cut = listen(song, now, causal=True, told=quiet).beats
    assert len(cut) > 4
    assert cut == tuple(b for b in whole if b.emitted_s <= cut[-1].emitted_s)


@pytest.mark.parametrize("beats", [1, 2, 8])
def test_segments_last_as_long_as_was_asked_for_in_a_known_song_too(demo: Path, beats: int) -> None:
    now = settings(None, {"match": {"segment_beats": beats}}, {})
    with SongReader(demo, end_s=10.0) as song:
        performance = perform(song, now, library(), causal=False, told=quiet)
    lasted = [e["beats"] for e in performance.events if e["event"] == "segment" and e["style"] != "idle"]
    assert set(lasted) == {beats}


def test_music_in_three_is_waltzed_to(testdata: Path) -> None:
    with SongReader(testdata / "beats" / "waltz_waltz.ogg", end_s=30.0) as song:
        performance = perform(song, settings(None, {}, {}), library(), causal=False, told=quiet)
    styles = [e["style"] for e in performance.events if e["event"] == "segment" and e["style"] != "idle"]
    assert len(styles) >= 4
    assert styles.count("waltz") >= 0.75 * len(styles)
