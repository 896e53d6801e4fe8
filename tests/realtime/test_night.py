"""What a whole night brings: the sound server dies and comes back, and hours go by. The real command, watched from outside."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.media.demo_song import demo_song
from tests.realtime.shows import live
from tests.realtime.witness import Witness

RESTARTS = 5
LONG_S = 600.0
WARM_S = 60.0
"""Memory is flat from here on."""
FPS_FLAGS = ("--fps", "60")
HEARD = 0.05
"""Energy of what is heard: 0 in silence."""


def music() -> tuple[np.ndarray, int]:
    """(N, 2): the loud part of the built-in song."""
    song = demo_song()
    groove = song.samples[8 * song.sample_rate_hz : 24 * song.sample_rate_hz]
    return np.stack([groove, groove], axis=1), song.sample_rate_hz


def wait_for_energy(witness: Witness, above: bool, from_s: float, limit_s: float) -> float:
    """The wall moment, after *from_s*, of the first music message that tells sound (or silence)."""
    while time.perf_counter() < from_s + limit_s:
        seen = witness.seen(newest=400)
        after = seen.music_s[(seen.music_s > from_s) & ((seen.energy > HEARD) == above)]
        if after.size:
            return float(after[0])
        time.sleep(0.05)
    pytest.fail(f"no {'sound' if above else 'silence'} was heard within {limit_s:g} s")


def ended(show: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    show.terminate()
    out, err = show.communicate(timeout=20)
    assert out, err
    return json.loads(out), err


def restarts(room: Any, folder: Path, times: int, *, back_in_s: float, gap_s: float) -> None:
    """The show begins before there is a sound server; then the server is killed and started *times* times."""
    sound, rate_hz = music()
    events = folder / "e.jsonl"
    room.close()
    with Witness(folder) as witness:
        show = live(
            "--device", "stage", "--no-window", "--size", "320x180", "--json", "--events", str(events), *FPS_FLAGS,
            "--send", f"native@127.0.0.1:{witness.ports[0]},rate=60",
        )  # fmt: skip
        try:
            witness.wait(90.0)
            back_s = []
            for k in range(times + 1):
                time.sleep(1.5)
                opened_s = time.perf_counter()
                room.open()
                room.play_on(sound, rate_hz)
                back_s.append(wait_for_energy(witness, True, opened_s, 15.0) - opened_s)
                time.sleep(2.0)
                if k < times:
                    room.kill()
                    wait_for_energy(witness, False, time.perf_counter(), 15.0)
        finally:
            summary, err = ended(show)
    seen = witness.seen()
    late = [e["count"] for e in map(json.loads, events.read_text().splitlines()) if e.get("what") == "late_frames"]
    print(
        f"{summary['device_losses']} losses; heard again after {[round(s, 2) for s in back_s]} s; longest gap between packets "
        f"{1e3 * seen.longest_gap_s():.0f} ms, longest stillness {1e3 * seen.longest_stillness_s():.0f} ms; frames "
        f"{summary['frames']}, {summary['frame_ms']}; late {late}"
    )
    assert summary["device_losses"] == times
    assert "waiting for the sound input 'stage'" in err
    assert err.count("the sound is back") == times + 1
    assert max(back_s) < back_in_s  # a new null sink runs up to 2 s ahead of itself before it sends
    assert seen.longest_gap_s() < gap_s
    assert seen.longest_stillness_s() < 2.0 * gap_s
    assert summary["dropped_hops"] == 0
    assert summary["frame_interval_ms"]["max"] < 1e3 * gap_s


def test_a_server_that_comes_late_and_dies_once_stops_neither_packets_nor_dancer(room: Any, tmp_path: Path) -> None:
    restarts(room, tmp_path, 1, back_in_s=5.0, gap_s=0.25)


@pytest.mark.soak
def test_a_server_that_dies_five_times_is_five_losses_and_five_returns(room: Any, tmp_path: Path) -> None:
    restarts(room, tmp_path, RESTARTS, back_in_s=3.0, gap_s=0.1)


def danced_on(room: Any, folder: Path, seconds: float, warm_s: float, priority: bool, monkeypatch: Any) -> dict[str, Any]:
    """A show to the room's music with four receivers; what holds at any length is asserted here."""
    monkeypatch.delenv("AUDIO2POSE_NO_PRIORITY", raising=False)
    if not priority:
        monkeypatch.setenv("AUDIO2POSE_NO_PRIORITY", "1")
    sound, rate_hz = music()
    room.close()  # and with it what another test plays
    room.open()
    room.play_on(sound, rate_hz)
    events = folder / "e.jsonl"
    with Witness(folder, targets=4) as witness:
        sends = [word for port in witness.ports for word in ("--send", f"native@127.0.0.1:{port},rate=60")]
        show = live(
            "--device", "stage", "--no-window", "--size", "1280x720", "--duration", f"{seconds:g}", "--json", "--events",
            str(events), *sends, *FPS_FLAGS,
        )  # fmt: skip
        out, err = show.communicate(timeout=seconds + 90.0)
    assert show.returncode == 0, err
    summary = json.loads(out)
    status = [e for e in map(json.loads, events.read_text().splitlines()) if e["event"] == "status" and e["t"] > warm_s]
    grown_mib = max(e["rss_mib"] for e in status) - status[0]["rss_mib"]
    arrived = np.bincount([which for _, which, _ in witness.packets()], minlength=4)
    told = {
        k: summary[k]
        for k in ("hop_ms", "lateness_ms", "frame_ms", "frame_interval_ms", "callback_ms", "frames", "fps", "overflows")
    }
    print(f"{seconds:g} s {'with' if priority else 'without'} priority: {told}; memory +{grown_mib:.1f} MiB, "
          f"{summary['rss_mib']} MiB; packets {arrived.tolist()}")  # fmt: skip
    assert summary["overflows"] == summary["dropped_hops"] == summary["device_losses"] == 0
    assert summary["hop_ms"]["p99"] < 2.0
    assert arrived.min() > 0.95 * 2 * 60.0 * seconds
    assert sum(summary["packets"].values()) >= arrived.sum()
    return {**summary, "grown_mib": grown_mib}


def test_twenty_seconds_to_four_receivers_lose_nothing(room: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    danced_on(room, tmp_path, 20.0, 5.0, True, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize("priority", [True, False])
def test_ten_minutes_at_60_pictures_a_second_are_even_and_memory_stays(
    room: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, priority: bool
) -> None:
    summary = danced_on(room, tmp_path, LONG_S, WARM_S, priority, monkeypatch)
    assert summary["grown_mib"] <= 5.0
    assert summary["frame_interval_ms"]["p99"] < 25.0
