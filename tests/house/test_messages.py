"""Errors say what is wrong on one line and what to do on another: read out of every message in the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio2pose.__main__ import main
from audio2pose.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
FAMILY = {"UsageError", "ConfigError", "DeviceError", "SongError", "CorpusError", "LibraryError", "OutputError", "_must"}
STAND_INS = {
    "where": "the environment: dance.latency_s",
    "message": "x is 1, must be 2: take 2",
    "NO_INPUT": "no input: plug one in",
}
ADVICE = {
    "add", "allow", "apt-get", "begin", "build", "change", "check", "choose", "close", "convert", "copy", "cut", "did",
    "draw", "end", "free", "give", "install", "leave", "make", "measure", "mend", "mix", "move", "of", "one", "open",
    "or", "pip", "plug", "put", "raise", "record", "rename", "render", "repair", "resample", "save", "see", "shorten",
    "start", "swap", "take", "tell", "try", "use", "widen", "write",
}  # fmt: skip


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(v) for v in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(inner, ast.Name):
        return STAND_INS.get(inner.id, "x")
    return ": one of a, b" if isinstance(inner, ast.Call) and getattr(inner.func, "id", "") == "nearest" else "x"


def _messages() -> Iterator[tuple[str, str]]:
    for folder in ("audio2pose", "realtime", "offline", "data"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FAMILY and node.args:
                    yield f"{path.name}:{node.lineno}", _text(node.args[-1])


def test_what_to_do_is_advice_wherever_a_message_is_parted() -> None:
    parted = 0
    for place, message in _messages():
        what, then = ConfigError(message).parts
        assert what, place
        if then:
            parted += 1
            assert then.split()[0] in ADVICE, (place, what, then)
            assert len(what.split()) > 2 or ":" not in message[: len(what)], (place, what, then)
    assert parted > 100


@pytest.mark.parametrize(
    ("message", "what", "then"),
    [
        ("there is no file a: b.ogg: check the name", "there is no file a: b.ogg", "check the name"),
        ("the environment: beat.min_bpm is 'x', must be a number", None, ""),
        ("match.segment_beats is 5, must be 1 or 2 (0: two bars)", None, ""),
        ("preset a: no key 'b' in [c]: did you mean 'd'?", "preset a: no key 'b' in [c]", "did you mean 'd'?"),
        ("no advice at all", None, ""),
    ],
)
def test_a_message_is_parted_before_its_advice(message: str, what: str | None, then: str) -> None:
    assert ConfigError(message).parts == (message if what is None else what, then)


def test_a_wrong_word_in_the_environment_is_told_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIO2POSE_DANCE_LATENCY_S", "abc")
    assert main(["render", "x.ogg", "-o", "a.npz"]) == 2
    assert capsys.readouterr().err == (
        "audio2pose: the environment: dance.latency_s is 'abc', must be a number\n  see: audio2pose render --help\n"
    )
