"""A sub-command: what a leaf, or anyone's package, registers under the entry-point group `audio2pose.commands`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """`add_arguments` and the module around it import nothing heavy; `run` imports its room and returns an exit code."""

    name: str
    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
