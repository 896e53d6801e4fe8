"""What else could be danced: the best segments for each beat, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.match.cost import TERMS

Run = Callable[..., tuple[int, str, str]]


def found(command: Run, *words: object) -> dict:
    code, out, err = command("search", *words, "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["schema"] == 1
    return document


def test_each_beat_has_the_k_best_cheapest_first_with_every_term(demo: Path, command: Run) -> None:
    document = found(command, demo, "--top-k", "3", "--end", "8")
    places = document["places"]
    assert len(places) >= 14
    for place in places:
        costs = [b["cost"] for b in place["best"]]
        assert len(costs) == 3
        assert costs == sorted(costs)
        assert len({b["clip"].rstrip("~") for b in place["best"]}) == 3
        for best in place["best"]:
            assert tuple(best["terms"]) == TERMS
            assert sum(best["terms"].values()) == pytest.approx(best["cost"], abs=2e-3)
            assert best["terms"]["pose"] == best["terms"]["velocity"] == best["terms"]["contact"] == 0.0
    assert np.diff([p["time_s"] for p in places]) == pytest.approx(60 / 122, abs=0.01)
    on_bar = [p["best"][0]["start_beat"] % 4 for p in places if p["position"] == 1.0]
    assert on_bar.count(0) >= len(on_bar) - 1


@pytest.mark.parametrize(("step", "parts"), [("8th", 2), ("16th", 4)])
def test_a_finer_resolution_adds_places_between(demo: Path, command: Run, step: str, parts: int) -> None:
    beats = found(command, demo, "--top-k", "1", "--end", "4")["places"]
    fine = found(command, demo, "--top-k", "1", "--end", "4", "--resolution", step)["places"]
    assert len(fine) == parts * (len(beats) - 1) + 1
    assert [p["time_s"] for p in fine[::parts]] == [p["time_s"] for p in beats]


def test_after_a_segment_the_join_counts_and_its_style_is_kept_to(demo: Path, command: Run) -> None:
    fresh = found(command, demo, "--top-k", "5", "--end", "4")["places"][-1]["best"]
    after = found(command, demo, "--top-k", "5", "--end", "4", "--after", "two_step_open@0")["places"][-1]["best"]
    assert [b["id"] for b in fresh] != [b["id"] for b in after]
    assert max(b["terms"]["pose"] for b in after) > 0.0
    only = found(command, demo, "--top-k", "4", "--end", "4", "--style", "waltz")["places"][-1]["best"]
    assert {b["style"] for b in only} == {"waltz"}


def test_a_film_shows_them_side_by_side_with_the_song(demo: Path, tmp_path: Path, command: Run) -> None:
    out = tmp_path / "s.mp4"
    code, table, err = command("search", demo, "--top-k", "4", "--end", "3", "-o", out, "--size", "128x128", "--fps", "5")
    assert code == 0, err
    assert "rate" in table
    with av.open(str(out)) as film:
        assert film.streams.audio
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(pictures) == 15
    tiles = [pictures[7][y : y + 64, x : x + 64] for y in (0, 64) for x in (0, 64)]
    assert min(np.abs(a - b).mean() for k, a in enumerate(tiles) for b in tiles[:k]) > 0.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--top-k", "0"), "--top-k is 0"),
        (("--resolution", "32th"), "--resolution is '32th'"),
        (("--after", "two_step_opn@0"), "has no segment"),
        (("-o", "x.png"), "is no video"),
        (("--top-k", "12", "-o", "x.mp4"), "9 at most"),
    ],
)
def test_what_cannot_be_searched_is_told(demo: Path, command: Run, words: tuple[str, ...], told: str) -> None:
    code, out, err = command("search", demo, *words)
    assert code in (2, 4)
    assert told in err
    assert out == ""
