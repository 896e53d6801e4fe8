"""`score`: its JSON is the contract that other programs hold on to, and the rate of a file changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from audio2pose.errors import CorpusError
from audio2pose.match.find import library
from audio2pose.media import posefile
from audio2pose.media.decode import SongReader
from audio2pose.media.posefile import PoseFile
from audio2pose.offline.choreograph import Performance, perform
from audio2pose.offline.export import pose_file
from audio2pose.offline.measures.sampling import spline
from audio2pose.offline.score import Reference, dance_of, score
from audio2pose.offline.score_beats import read_beats
from audio2pose.presets import settings

Run = Callable[..., tuple[int, str, str]]
CONTRACT = [
    "schema", "poses", "beats_from", "fps", "seconds", "beats", "landing_ms", "bas_aist", "bas_bailando", "seconds_with_beats",
    "pfc", "skate", "kinetic", "div_k", "fid_k", "repetition", "jerk_ratio",
]  # fmt: skip
BEATS = {"f", "f_null", "level", "offset_ms", "offset_sd_ms", "f_unwarped"}
TOLERANCE = {
    "beats.offset_ms": 1.5, "beats.offset_sd_ms": 2.0, "skate.drift_cm.max": 0.2, "skate.drift_cm.p95": 0.15,
    "skate.drift_cm.p50": 0.05, "skate.drift_cm.n": 1.0, "div_k": 0.3, "fid_k.value": 4.0, "jerk_ratio": 0.1,
    "beats.motion": 1.0, "kinetic.energy": 0.01, "kinetic.against.energy": 0.02,
}  # fmt: skip
"""How much a measure may differ between rates; 0.03 where nothing is said, and a twentieth of each joint's features."""


@pytest.fixture(scope="module")
def danced(demo: Path) -> Performance:
    with SongReader(demo) as song:
        return perform(song, settings(environ={}), library(), causal=False, told=lambda _: None)


@pytest.fixture(scope="module")
def dance(danced: Performance) -> PoseFile:
    return pose_file(danced, library(), 60.0)


@pytest.fixture
def written(dance: PoseFile, tmp_path: Path) -> Path:
    path = tmp_path / "dance.npz"
    posefile.write(path, dance)
    return path


def answered(command: Run, *argv: object) -> dict[str, Any]:
    code, out, err = command("score", *argv, "--json")
    assert code == 0, err
    document: dict[str, Any] = json.loads(out)
    return document


def numbers(document: dict[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{above}{key}.")
        elif isinstance(value, (int, float)) and key != "fps":
            yield above + key, float(value)


def test_no_measure_knows_the_rate_of_the_file(danced: Performance) -> None:
    reference = Reference.of(library())
    files = {fps: pose_file(danced, library(), fps) for fps in (30.0, 60.0, 100.0, 120.0)}
    told = {fps: score(dance_of(file, file.beat_times_s, "file"), reference) for fps, file in files.items()}
    expected = dict(numbers(told[60.0]))
    assert len(expected) > 150
    for fps, document in told.items():
        found = dict(numbers(document))
        assert found.keys() == expected.keys()
        assert document["beats"]["level"] == told[60.0]["beats"]["level"]
        for name, value in expected.items():
            allowed = TOLERANCE.get(name, max(0.03, 0.05 * abs(value)) if name.startswith("kinetic") else 0.03)
            assert found[name] == pytest.approx(value, abs=allowed), (fps, name)


def test_a_dance_shifted_by_30_ms_is_30_ms_later(dance: PoseFile) -> None:
    at = np.clip(np.arange(dance.poses) - 0.030 * dance.fps, 0.0, dance.poses - 1.0)
    late = replace(dance, positions_m=spline(dance.positions_m.astype(np.float64), at).astype(np.float32))
    before, after = (score(dance_of(d, dance.beat_times_s, "file"), None)["beats"]["offset_ms"] for d in (dance, late))
    assert after - before == pytest.approx(30.0, abs=2.0)


def test_the_document_is_as_the_contract_says(written: Path, demo: Path, command: Run) -> None:
    found = answered(command, written, "--audio", demo, "--against", "builtin")
    assert list(found) == CONTRACT
    assert (found["schema"], found["beats_from"], found["fps"], found["seconds"]) == (1, "song", 60.0, 12.0)
    assert set(found["beats"]) >= BEATS
    assert found["beats"]["f"] - found["beats"]["f_null"] > 0.3
    assert abs(found["beats"]["made_by_warp"]) < 0.1
    assert set(found["landing_ms"]) >= {"p50", "p95", "n"}
    assert set(found["bas_aist"]) >= {"value", "null"}
    assert set(found["bas_bailando"]) >= {"value", "null"}
    assert set(found["skate"]) >= {"ratio", "contact"}
    assert found["fid_k"]["n"] == 2
    assert found["repetition"] == pytest.approx(0.0, abs=0.2)


def test_measures_that_do_not_apply_are_null(dance: PoseFile, tmp_path: Path, command: Run) -> None:
    posefile.write(tmp_path / "points.npy", dance)
    found = answered(command, tmp_path / "points.npy")
    for name in ("beats_from", "beats", "landing_ms", "bas_aist", "bas_bailando", "div_k", "fid_k", "repetition", "jerk_ratio"):
        assert found[name] is None, name
    assert found["skate"]["drift_cm"] is None
    assert found["kinetic"]["energy"] > 0.1


def test_known_beats_stand_above_the_files_own_which_are_told_of(written: Path, tmp_path: Path, command: Run) -> None:
    code, out, err = command("score", written, "--json")
    assert (code, json.loads(out)["beats_from"]) == (0, "file")
    assert "the beats that the file itself holds" in err
    lines = tmp_path / "true.beats"
    lines.write_text("# seconds\tplace\n" + "".join(f"{t:.4f}\t{k % 4 + 1}\n" for k, t in enumerate(np.arange(0.1, 12, 0.37))))
    assert answered(command, written, "--beats", lines)["beats"]["music"] == 33


def test_beats_are_read_from_lines_from_numbers_and_from_our_own_json(tmp_path: Path, demo: Path, command: Run) -> None:
    _, out, _ = command("beats", demo, "--json")
    ours = [b["time_s"] for b in json.loads(out)["beats"]]
    for name, text in (
        ("a.json", out), ("b.json", json.dumps({"beats": ours})), ("c.json", json.dumps(ours)),
        ("d.txt", "\n".join(f"{t!r} 1" for t in ours)), ("e.csv", "\n".join(f"{t!r},1" for t in ours)),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
        assert read_beats(tmp_path / name).tolist() == ours, name


@pytest.mark.parametrize(
    "content",
    [b"", b"1.0\n", b"2.0\n1.0\n", b"one\ntwo\n", b"nan\n1\n", b"1e999\n2e999\n", b"\xff\xfe\x00", b"{", b'{"beats": 3}',
     b'{"beats": [{"time": 1}, {"time": 2}]}', b'{"beats": [true, false]}', b"[" * 100_000],
)  # fmt: skip
def test_beats_that_are_none_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.beats").write_bytes(content)
    with pytest.raises(CorpusError):
        read_beats(tmp_path / "bad.beats")


def test_a_file_whose_times_do_not_rise_is_refused(dance: PoseFile, tmp_path: Path, command: Run) -> None:
    for name in ("beat_times_s", "segment_starts_s", "accent_times_s"):
        posefile.write(tmp_path / "a.npz", replace(dance, **{name: getattr(dance, name)[::-1].copy()}))
        code, out, err = command("score", tmp_path / "a.npz")
        assert (code, out) == (4, "")
        assert name in err


def test_a_moment_of_dance_and_a_joint_that_is_nowhere_are_refused(dance: PoseFile) -> None:
    with pytest.raises(CorpusError, match="too short"):
        dance_of(replace(dance, positions_m=dance.positions_m[:30]), None, None)
    lost = dance.positions_m.copy()
    lost[:, 3] = np.nan
    with pytest.raises(CorpusError, match="spine1"):
        dance_of(replace(dance, positions_m=lost), None, None)


def test_holes_are_filled_and_told(dance: PoseFile) -> None:
    holes = dance.positions_m.copy()
    holes[100:103, 5] = np.inf
    found = dance_of(replace(dance, positions_m=holes), None, None)
    assert np.abs(found.joints - dance.positions_m).max() < 0.05
    assert "3 poses with holes" in found.notes[-1]


@pytest.mark.parametrize(
    "words", [[], ["a.npz", "--folder", "."], ["--folder", ".", "--audio", "s.wav"], ["a.npz", "--audio-dir", "."],
              ["--folder", ".", "--plot", "a.png"], ["a.npz", "--plot", "a.jpg"]]
)  # fmt: skip
def test_wrong_use_is_told(command: Run, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command("score", *words)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 2


def test_a_folder_has_means_with_intervals_of_its_dances(dance: PoseFile, tmp_path: Path, command: Run) -> None:
    beats = dance.beat_times_s
    for k in range(3):
        part = {name: getattr(dance, name)[: 720 - 60 * k] for name in ("positions_m", "rotations", "root_m", "contacts")}
        posefile.write(tmp_path / f"{k}.npz", replace(dance, **part))
    posefile.write(tmp_path / "2.npy", dance)
    (tmp_path / "2.beats.json").write_text(json.dumps({"beats": (beats + 0.02).tolist()}))
    found = answered(command, "--folder", tmp_path, "--against", "builtin")
    assert [Path(d["poses"]).name for d in found["files"]] == ["0.npz", "1.npz", "2.npz"]
    assert [d["beats_from"] for d in found["files"]] == ["file", "file", "beats"]
    f = found["means"]["beats.f"]
    assert f["n"] == 3
    assert f["mean"] == pytest.approx(np.mean([d["beats"]["f"] for d in found["files"]]), abs=1e-5)
    assert f["low"] <= f["mean"] <= f["high"]
    assert found["together"]["fid_k"]["n"] == 6
    code, out, _ = command("score", "--folder", tmp_path)
    assert code == 0
    assert "beats.f" in out


def test_the_table_tells_people_the_same(written: Path, demo: Path, command: Run) -> None:
    code, out, _ = command("score", written, "--audio", demo, "--against", "builtin")
    assert code == 0
    for told in ("F at the best level", "chance", "planted feet drift", "BAS, AIST++", "PFC", "energy", "FID_k"):
        assert told in out


def test_the_page_of_plots_is_a_picture_with_ink_in_every_panel(
    written: Path, demo: Path, tmp_path: Path, command: Run
) -> None:
    plot = tmp_path / "page.png"
    code, _, err = command("score", written, "--audio", demo, "--against", "builtin", "--plot", plot)
    assert code == 0, err
    picture = matplotlib.image.imread(plot)
    assert picture.shape[:2] == (1200, 1600)
    for rows, columns in ((slice(120, 320), slice(110, 1540)), (slice(400, 560), slice(110, 1540)),
                          (slice(640, 800), slice(110, 760)), (slice(640, 800), slice(880, 1540)),
                          (slice(880, 1070), slice(110, 1540))):  # fmt: skip
        assert picture[rows, columns, :3].std() > 0.03
