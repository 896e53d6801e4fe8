"""One phrase looked at, and the list of all."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.data import moves
from audio2pose.data.preview import RATE_HZ, Shown, _clip, clicks

Answer = tuple[int, str, str]
SMALL = ("--size", "96x96", "--fps", "10")


def test_a_phrase_becomes_a_film_as_long_as_two_of_it(command: Callable[..., Answer], tmp_path: Path) -> None:
    code, out, err = command("library", "preview", "box_step", "-o", tmp_path / "p.mp4", "--bpm", "100", *SMALL)
    assert (code, out) == (0, ""), err
    (phrase,) = [p for p in moves.phrases() if p.name == "box_step"]
    with av.open(str(tmp_path / "p.mp4")) as film:
        for stream in (film.streams.video[0], film.streams.audio[0]):
            assert stream.duration is not None
            assert stream.time_base is not None
            assert float(stream.duration * stream.time_base) == pytest.approx(2 * phrase.beats * 0.6, abs=0.1)
        pictures = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(pictures) == round(2 * phrase.beats * 0.6 * 10)
    assert max(np.abs(b - a).mean() for a, b in pairwise(pictures)) > 0.3


def test_its_mirror_image_becomes_a_strip(command: Callable[..., Answer], tmp_path: Path) -> None:
    from PIL import Image

    code, _, err = command("library", "preview", "idle_sway", "-o", tmp_path / "p.png")
    assert code == 0, err
    assert "there is no phrase" not in err
    cells = np.asarray(Image.open(tmp_path / "p.png")).astype(int)
    assert cells.shape[2] == 3
    assert cells.std() > 5.0


def test_clicks_lie_on_the_beats_the_downbeat_s_is_higher_and_an_accent_louder() -> None:
    lib, clip = _clip("two_step_open", None, mirror=False)
    shown = Shown(lib, clip, 96.0, 16)
    sound = clicks(shown)
    step = round(60.0 / 96.0 * RATE_HZ)
    loud = [float(np.abs(sound[k * step : k * step + 1300]).max()) for k in range(16)]
    assert min(loud) > 0.1
    assert np.abs(sound[2000 : step - 100]).max() == 0.0
    accents = {int(b) % 24 for b, _ in lib.accents[: int(lib.clip_accent[1])]}
    assert min(loud[k] for k in range(16) if k in accents) > 1.2 * max(loud[k] for k in range(16) if k not in accents)
    crossings = [int((np.diff(np.sign(sound[k * step : k * step + 1300])) != 0).sum()) for k in range(4)]
    assert crossings[0] > 1.3 * crossings[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("two_step_opn", "-o", "x.mp4"), "did you mean 'two_step_open'?"),
        (("qqqq", "-o", "x.mp4"), "'audio2pose library list' tells all"),
        (("two_step_open", "-o", "x.txt"), "does not say what to write"),
        (("two_step_open", "-o", "x.mp4", "--bpm", "300"), "--bpm is 300, two_step_open is danced at"),
        (("two_step_open", "-o", "nowhere/x.mp4"), "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_told_and_nothing_is_written(
    command: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = command("library", "preview", *words)
    assert code in (2, 4, 5)
    assert told.split("'")[0] in err or told in err.replace("\n  ", ": ")
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_list_names_every_phrase_once_with_its_tags(command: Callable[..., Answer]) -> None:
    code, out, _ = command("library", "list", "--json")
    assert code == 0
    told = {row["name"]: row for row in json.loads(out)["phrases"]}
    phrases = {p.name: p for p in moves.phrases()}
    assert told.keys() == phrases.keys()
    for name, phrase in phrases.items():
        assert ("slide" in told[name]["tags"]) == phrase.slide
        assert ("mirrored" in told[name]["tags"]) == phrase.mirror
        assert (told[name]["beats"], told[name]["meter"], told[name]["style"]) == (phrase.beats, phrase.meter, phrase.style)
    code, out, _ = command("library", "list", "--style", "waltz")
    assert code == 0
    assert len(out.splitlines()) == 1 + sum(p.style == "waltz" for p in phrases.values())
    code, _, err = command("library", "list", "--style", "waltzz")
    assert code == 4
    assert "did you mean 'waltz'" in err
