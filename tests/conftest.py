"""Fixtures that every room shares: where the real music and motion lie, how a missing real part is told, commands called."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from audio2pose.__main__ import main

Answer = tuple[int, str, str]

# Chosen before the first import of vispy: no display is needed, and none is used.
os.environ.setdefault("EGL_PLATFORM", "surfaceless")
# A run in the background of a script ignores Ctrl-C, and so would every command that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


REALTIME = Path(__file__).parent / "realtime"
OTHERS_NICE = 10


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What keeps to the clock comes first and, where tests run two at a time, never two at once."""
    items.sort(key=lambda item: REALTIME not in item.path.parents)
    for item in items:
        if REALTIME in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("realtime"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Beside what keeps to the clock, all else gives way."""
    beside = "PYTEST_XDIST_WORKER" in os.environ and REALTIME not in item.path.parents
    if beside and hasattr(os, "nice") and os.nice(0) < OTHERS_NICE:
        os.nice(OTHERS_NICE - os.nice(0))


def _missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}: CI must have it")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def need() -> Callable[[bool, str], None]:
    """`need(ok, reason)`: skips where a real part is missing, fails instead when CI=true."""

    def check(ok: bool, reason: str) -> None:
        if not ok:
            _missing(reason)

    return check


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Folder with real music, beats and motion: AUDIO2POSE_TESTDATA, else the sibling folder of the checkout."""
    named = os.environ.get("AUDIO2POSE_TESTDATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "testdata"
    if not (folder / "music").is_dir():
        _missing("no test data: set AUDIO2POSE_TESTDATA to a folder with music/, beats/ and motion/")
    return folder


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`command("render", song, ...)` -> exit code, stdout, stderr."""

    def call(*argv: object) -> Answer:
        capsys.readouterr()
        code = main([str(a) for a in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return call
