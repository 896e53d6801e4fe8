"""Flags that live and file commands share mean the same in both."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

import pytest

from audio2pose.errors import UsageError
from audio2pose.flags import overrides
from audio2pose.offline.asked import overrides as of_files
from audio2pose.offline.commands import RENDER
from audio2pose.realtime.commands import LIVE

WORDS = [
    "--size",
    "1280X720",
    "--bpm-range",
    "90:180",
    "--style",
    "house",
    "--seed",
    "4",
    "--palette",
    "ember",
    "--scene",
    "sun",
]


def test_live_and_render_read_the_same_words_alike() -> None:
    tables = []
    for command, words in ((LIVE, WORDS), (RENDER, ["song.ogg", *WORDS])):
        parser = ArgumentParser()
        command.add_arguments(parser)
        tables.append(overrides(parser.parse_args(words)))
    assert tables[0] == tables[1]
    said = {key: value for key, value in tables[0]["stage"].items() if value is not None}
    assert said == {"width": 1280, "height": 720, "palette": "ember", "scene": "sun"}
    assert tables[0]["beat"] == {"min_bpm": 90.0, "max_bpm": 180.0}
    assert tables[0]["match"] == {"style": "house", "seed": 4}


@pytest.mark.parametrize("words", [["--size", "1280"], ["--size", "axb"], ["--bpm-range", "90"], ["--bpm-range", "nan:180"]])
def test_what_is_no_pair_of_numbers_is_told_with_an_example(words: list[str]) -> None:
    parser = ArgumentParser()
    LIVE.add_arguments(parser)
    with pytest.raises(UsageError, match="write it as"):
        overrides(parser.parse_args(words))


def test_files_add_their_own_to_the_shared_flags(tmp_path: Path) -> None:
    parser = ArgumentParser()
    RENDER.add_arguments(parser)
    table = of_files(parser.parse_args(["song.ogg", "--causal", "--latency", "112", "--seed", "7", "--segment-beats", "4"]))
    assert table["dance"]["latency_s"] == 112 / 1e3
    assert (table["match"]["seed"], table["match"]["segment_beats"]) == (7, 4)
