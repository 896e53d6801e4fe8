"""Settings written as a preset are read back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audio2pose.config import HearConfig, MatchConfig, Settings, StageConfig
from audio2pose.errors import ConfigError
from audio2pose.presets import as_toml, differences, preset_names, settings


def _again(s: Settings, folder: Path) -> Settings:
    path = folder / "mine.toml"
    path.write_text(as_toml(s, "a heading"), "utf-8")
    return settings(str(path), environ={})


def test_defaults_need_no_words() -> None:
    assert differences(Settings()) == {}


@pytest.mark.parametrize("text", ["[stage]\nlatency_s = 1" + "0" * 400, "a=" + "[" * 5000, "[stage]\nfps = 1e999"])
def test_numbers_and_depths_beyond_reason_are_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wild.toml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        settings(str(path), environ={})


def test_what_differs_comes_back(tmp_path: Path) -> None:
    s = Settings(
        hear=HearConfig(auto_gain=False, gain_db=-3.5),
        match=MatchConfig(style='an "odd" näme \U0001f483\x7f', quantum_beats=16, temperature=0.1 + 0.2),
        stage=StageConfig(width=1920, height=1080, palette="neon", hud=False, latency_s=0.055),
    )
    assert _again(s, tmp_path) == s
    assert "fps" not in as_toml(s, "x")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_of_ours_survives_it(name: str, tmp_path: Path) -> None:
    s = settings(name, environ={})
    assert _again(replace(s), tmp_path) == s
