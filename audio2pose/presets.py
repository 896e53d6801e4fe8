"""Settings from presets, environment and flags, and back into a preset.

A preset (TOML) holds only what differs; an unknown section or key is an error that names the nearest one. Precedence, highest
first: flag, environment (AUDIO2POSE_SECTION_KEY), preset, default.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from audio2pose.config import Settings, nearest
from audio2pose.errors import ConfigError

Table = Mapping[str, Mapping[str, Any]]
SWITCHES = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


def preset_names() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted(p.name[:-5] for p in resources.files("audio2pose.configs").iterdir() if p.name.endswith(".toml"))


def read_preset(name_or_path: str) -> dict[str, dict[str, Any]]:
    """The table of a preset by name, or of a TOML file by path.

    Raises ConfigError where neither exists, or the file is no TOML.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if not path.is_file():
            raise ConfigError(f"no preset file {name_or_path}: give a TOML file or one of {', '.join(preset_names())}")
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"preset {name_or_path} cannot be read ({error.strerror}): allow it, or give another") from error
    else:
        entry = resources.files("audio2pose.configs") / f"{name_or_path}.toml"
        if not entry.is_file():
            raise ConfigError(f"no preset named '{name_or_path}'{nearest(name_or_path, preset_names())}")
        text = entry.read_bytes()
    try:
        table = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"preset {name_or_path} is no valid TOML ({error}): mend that line") from error
    for section, values in table.items():
        if not isinstance(values, dict):
            raise ConfigError(f"preset {name_or_path}: '{section}' stands outside a section: put it under one of "
                              f"{', '.join('[' + s + ']' for s in _sections())}")  # fmt: skip
    return table


def settings(preset: str | None = None, overrides: Table | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from defaults, then *preset*, then AUDIO2POSE_SECTION_KEY in *environ*, then *overrides* (flags; None: unset).

    Raises ConfigError that names the nearest section or key for one it does not know, or the range that was left.
    """
    merged: dict[str, dict[str, Any]] = {}
    for where, table in (
        (f"preset {preset}", read_preset(preset) if preset else {}),
        ("the environment", _from_environment(environ)),
        ("the flags", overrides or {}),
    ):
        for section, values in table.items():
            if section not in _sections():
                raise ConfigError(f"{where}: no section [{section}]{nearest(section, _sections())}")
            known = _sections()[section]
            for key, value in values.items():
                if value is None:
                    continue
                if key not in known:
                    raise ConfigError(f"{where}: no key '{key}' in [{section}]{nearest(key, known)}")
                merged.setdefault(section, {})[key] = _as(value, known[key], f"{where}: {section}.{key}")
    kinds = {f.name: f.default_factory for f in dataclasses.fields(Settings)}
    return Settings(**{s: kinds[s](**values) for s, values in merged.items()})  # type: ignore[operator,misc]


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
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)


def _sections() -> dict[str, dict[str, type]]:
    """Section -> key -> type of its default."""
    default = Settings()
    return {
        s.name: {f.name: type(getattr(getattr(default, s.name), f.name)) for f in dataclasses.fields(getattr(default, s.name))}
        for s in dataclasses.fields(Settings)
    }


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """AUDIO2POSE_SECTION_KEY; a key that its section does not know is kept, to be told with the nearest."""
    table: dict[str, dict[str, Any]] = {}
    for name, value in environ.items():
        section, _, key = name.removeprefix("AUDIO2POSE_").lower().partition("_")
        if name.startswith("AUDIO2POSE_") and section in _sections() and key and value:
            table.setdefault(section, {})[key] = value
    return table


def _as(value: Any, kind: type, where: str) -> Any:
    if isinstance(value, bool) and kind is not bool:
        raise ConfigError(f"{where} is {value}, must be a {kind.__name__}")
    if kind is bool and isinstance(value, str):
        if value.lower() not in SWITCHES:
            raise ConfigError(f"{where} is '{value}', must be one of {', '.join(SWITCHES)}: write it so")
        return SWITCHES[value.lower()]
    if kind is float and isinstance(value, int):
        if abs(value) > 1e300:
            raise ConfigError(f"{where} is far too large a number: give one that is meant")
        return float(value)
    if isinstance(value, str) and kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            raise ConfigError(f"{where} is '{value}', must be a number") from None
    if not isinstance(value, kind):
        raise ConfigError(f"{where} is {value!r}, must be a {kind.__name__}")
    return value
