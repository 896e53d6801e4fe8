"""The house: one name at run time, light commands, clear errors, settings that tell what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import soundfile

from audio2pose.__main__ import HELPS, main
from audio2pose.config import Settings
from audio2pose.errors import ConfigError
from audio2pose.media.demo_song import demo_song
from audio2pose.presets import preset_names, settings

ROOT = Path(__file__).resolve().parents[2]


def _run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "audio2pose", *words], capture_output=True, text=True, env={**os.environ, **environ}, timeout=120
    )


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from audio2pose.__main__ import main; main(['--help']);"
        "heavy = {'numpy', 'numba', 'librosa', 'vispy', 'av', 'sounddevice'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(f"  {name} " in done.stdout for name in HELPS)


@pytest.mark.parametrize("name", HELPS)
def test_each_command_tells_its_own_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert name in capsys.readouterr().out


def test_a_leaf_has_one_name_at_run_time() -> None:
    code = (
        "import sys\n"
        "import audio2pose.realtime.commands, audio2pose.offline.commands, audio2pose.data.commands\n"
        "assert not {'realtime', 'offline', 'data'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_engine_imports_no_leaf_and_a_leaf_no_other(need: object) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout


def test_an_unknown_command_names_the_nearest_and_exits_2() -> None:
    done = _run("rendr")
    assert done.returncode == 2
    assert "did you mean 'render'" in done.stderr
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["render", "x.ogg", "--otu", "y.mp4"], "did you mean '--out'"),
        (["live", "--duration", "abc"], "--duration"),
        (["live", "--demo", "--from-file", "x.ogg"], "not allowed with"),
        (["render"], "required"),
    ],
)
def test_wrong_flags_are_told_in_two_lines(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert told in " ".join(lines)


def test_no_command_at_all_shows_the_overview_and_exits_2() -> None:
    assert _run().returncode == 2


def test_a_wheel_holds_one_name_and_the_presets_and_works_outside_the_checkout(tmp_path: Path) -> None:
    checkout, venv = tmp_path / "checkout", tmp_path / "venv"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "*.mp4"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    words = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(checkout)]
    built = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info" not in n} == {"audio2pose"}
    assert any(n.startswith("audio2pose/configs/") and n.endswith(".toml") for n in names)
    assert any(n.startswith("audio2pose/data/moves/") and n.endswith(".toml") for n in names)
    assert any(n.endswith(".glsl") for n in names)

    # An environment of its own: the wheel is installed there, what it stands on is borrowed from here.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=120)
    words = [*pip, "--python", str(venv / "bin" / "python"), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(words, check=True, timeout=120)
    (site,) = (venv / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"])
    shutil.rmtree(checkout)
    song = demo_song()
    soundfile.write(tmp_path / "song.wav", song.samples[: 4 * song.sample_rate_hz], song.sample_rate_hz)
    words = [str(venv / "bin" / "audio2pose"), "render", "song.wav", "-o", "dance.npz", "--preset", "house"]
    environ = {**os.environ, "AUDIO2POSE_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dance.npz").stat().st_size > 10_000
    where = subprocess.run(
        [str(venv / "bin" / "python"), "-c", "import audio2pose.realtime as r; print(r.__file__)"], cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert str(site) in where.stdout


def test_defaults_presets_environment_and_flags_in_that_order(tmp_path: Path) -> None:
    preset = tmp_path / "mine.toml"
    preset.write_text("[beat]\nmin_bpm = 70\nmax_bpm = 180\n")
    assert settings(environ={}) == Settings()
    assert settings(str(preset), environ={}).beat.min_bpm == 70.0
    env = {"AUDIO2POSE_BEAT_MIN_BPM": "75"}
    assert settings(str(preset), environ=env).beat.min_bpm == 75.0
    assert settings(str(preset), {"beat": {"min_bpm": 80.0, "max_bpm": None}}, env).beat.min_bpm == 80.0


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_of_ours_reads(name: str) -> None:
    assert settings(name, environ={}) != Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[beat]\nmin_bmp = 60\n", "did you mean 'min_bpm'"),
        ("[beta]\nmin_bpm = 60\n", "did you mean 'beat'"),
        ("[beat]\nmin_bpm = 'fast'\n", "must be a number"),
        ("[beat]\nmin_bpm = true\n", "must be a float"),
        ("[beat]\nmin_bpm = 300\n", "must lie below"),
        ("[match]\nmemory_beats = 0\n", "match.memory_beats is 0, must lie within 1"),
        ("[match]\npose_weight = nan\n", "match.pose_weight is nan"),
        ("[match]\nseed = 99999999999999999999\n", "match.seed"),
        ("[dance]\nmax_rate = 1\n", "dance.max_rate is 1"),
        ("[dance]\nstage_radius_m = 0\n", "dance.stage_radius_m"),
        ("[beat]\nevidence_half_life_s = 0\n", "beat.evidence_half_life_s"),
        ("[beat\n", "no valid TOML"),
        ("seed = 1\n", "stands outside a section"),
    ],
)
def test_a_wrong_preset_is_told_in_words(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        settings(str(tmp_path / "p.toml"), environ={})


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no preset named"):
        settings("hous", environ={})


def test_a_misspelt_environment_variable_is_told_and_a_foreign_one_is_not() -> None:
    with pytest.raises(ConfigError, match="did you mean 'background'"):
        settings(environ={"AUDIO2POSE_STAGE_BACKGRUND": "chroma"})
    assert settings(environ={"AUDIO2POSE_CACHE": "x", "AUDIO2POSE_TESTDATA": "y"}) == Settings()
