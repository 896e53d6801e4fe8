"""Settings as the text of a preset: only what differs from the defaults, so that a newer version's defaults still count."""

from __future__ import annotations

import dataclasses
import json

from audio2pose.config import Settings


def differences(settings: Settings) -> dict[str, dict[str, bool | int | float | str]]:
    """Section -> key -> value of everything in *settings* that is no default."""
    default, found = Settings(), {}
    for section in dataclasses.fields(Settings):
        ours, theirs = getattr(settings, section.name), getattr(default, section.name)
        changed = {
            f.name: getattr(ours, f.name) for f in dataclasses.fields(ours) if getattr(ours, f.name) != getattr(theirs, f.name)
        }
        if changed:
            found[section.name] = changed
    return found


def as_toml(settings: Settings, heading: str) -> str:
    """The preset that gives *settings* again, under a comment of one line."""
    lines = [f"# {heading}"]
    for section, values in differences(settings).items():
        lines += ["", f"[{section}]"]
        lines += [f"{key} = {_literal(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON's strings are TOML's basic strings, and repr gives a number back to the last bit.
    return json.dumps(value) if isinstance(value, str) else repr(value)
