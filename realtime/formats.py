"""Which channels of an input are heard, and at which rate and channel count it is opened.

Shapes   none; channels count from 1 for people and from 0 inside.
Threads  main, or the source's while no stream is open.
Source   our own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audio2pose.errors import DeviceError, UsageError

from .devices import InputInfo, portaudio, quiet_drivers

RATES_HZ = (48_000, 44_100, 96_000, 88_200, 32_000, 22_050, 16_000, 192_000)
INVALID_RATE = -9997
"""PortAudio's number for it."""


def channel_numbers(text: str) -> tuple[int, ...]:
    """'1,2' -> (1, 2): what `--channels` takes. Raises UsageError for what is no list of numbers from 1 on."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"--channels is '{text}', must be numbers from 1 on: write it like 1 or 1,2")
    return tuple(dict.fromkeys(int(part) for part in parts))


def chosen_channels(channels: Sequence[int] | None, info: InputInfo) -> tuple[int, ...]:
    """Indices from 0 of the columns to mix."""
    if channels is None:
        return tuple(range(min(info.channels, 2)))
    wrong = [c for c in channels if not 1 <= c <= info.channels]
    if wrong or not channels:
        raise UsageError(
            f"the sound input '{info.name}' has no channel {', '.join(map(str, wrong))}, its channels are 1 to "
            f"{info.channels}: choose among them with --channels"
        )
    return tuple(c - 1 for c in channels)


def open_format(info: InputInfo, least_channels: int, rate_hz: int | None) -> tuple[int, int]:
    """The first rate and channel count that the device takes: its own rate and what we need, where it can."""
    sounddevice = portaudio()
    last: Exception | None = None
    with quiet_drivers():
        for rate, channels in _formats(info, least_channels, rate_hz):
            try:
                sounddevice.check_input_settings(info.index, channels, "float32", samplerate=rate)
            except sounddevice.PortAudioError as error:
                last = last or error
            else:
                return rate, channels
    if rate_hz and last is not None and INVALID_RATE in last.args:
        raise DeviceError(
            f"the sound input '{info.name}' does not take {rate_hz} Hz, the rate of this show: start it anew to hear this "
            "input at its own rate, or choose another by --device"
        )
    raise no_open(info, last)


def _formats(info: InputInfo, least_channels: int, rate_hz: int | None) -> Iterator[tuple[int, int]]:
    # Two at least: a sound server that is asked for one channel gives the mix of all, and not the first.
    counts = dict.fromkeys((max(least_channels, min(info.channels, 2)), info.channels))
    for rate in (rate_hz,) if rate_hz else dict.fromkeys((info.default_rate_hz, *RATES_HZ)):
        for channels in counts:
            yield rate, channels


def no_open(info: InputInfo, error: Exception | None) -> DeviceError:
    """What to tell of an input that is there and does not open."""
    what = str(error).replace(": ", ", ")
    return DeviceError(
        f"the sound input '{info.name}' does not open ({what}): close what else uses it, or choose another by --device"
    )
