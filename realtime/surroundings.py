# ruff: noqa: PLC0415
"""What is around the show on this machine: sound inputs and their level, a display, the network to ourselves.

Shapes   none; each check gives its state, what it found, and what to install or do.
Threads  main only.
Source   our own. A check imports what it tries, so that a missing part costs one line and not the command.
"""

from __future__ import annotations

import math
import os
import socket
import sys
import time
import warnings

OK, NOTE, MISSING = "ok", "note", "missing"
LEVEL_S = 2.0
FIRST_BLOCK_S = 3.0

Found = tuple[str, str, str]
"""State, what was found, what to install or do."""


def inputs() -> Found:
    """PortAudio, and every input that it lists."""
    from .devices import NO_INPUT, inputs, portaudio

    library = portaudio().get_portaudio_version()[1].split(",")[0]
    found = inputs()
    if not found:
        what, _, then = NO_INPUT.rpartition(": ")
        return NOTE, f"{library}, {what}", then
    names = ", ".join(f"{i.index} {i.name}" + " (default)" * i.default + " (loopback)" * i.loopback for i in found)
    return OK, f"{library}, {names}", ""


def level() -> Found:
    """How loud the system's own input is, over two seconds."""
    import numpy as np

    from audio2pose.errors import DeviceError

    from .capture import DeviceSource
    from .devices import inputs
    from .handoff import HopRing
    from .sources import StreamClock

    if not inputs():
        return NOTE, "nothing to listen to", ""
    try:
        source = DeviceSource(required=True)
        ring, clock = HopRing(round((LEVEL_S + 1.0) * source.sample_rate_hz)), StreamClock()
        source.start(ring, clock)
    except DeviceError as error:
        return MISSING, *error.parts
    wanted = round(LEVEL_S * source.sample_rate_hz)
    deadline_s = time.monotonic() + FIRST_BLOCK_S + LEVEL_S
    while ring.waiting_frames < wanted and time.monotonic() < deadline_s:
        time.sleep(0.02)
    name = source.name
    source.stop()
    sound = np.zeros(wanted, np.float32)
    n = ring.read(sound)
    if n < wanted:
        return MISSING, f"'{name}' sent {n} of {wanted} samples", "look at the sound server and at the cable"
    peak_db, rms_db = _db(float(np.abs(sound).max())), _db(float(np.sqrt(np.mean(np.square(sound)))))
    what = f"'{name}' at {source.sample_rate_hz} Hz, input latency {1000 * source.latency_s:.0f} ms, "
    if peak_db == -math.inf:
        return NOTE, what + "digital silence", "unmute it, or choose another by --device"
    what += f"peak {peak_db:.0f} dB, mean {rms_db:.0f} dB"
    return (NOTE, what, "turn the input down: it clips") if peak_db > -0.1 else (OK, what, "")


def _db(level: float) -> float:
    return 20.0 * math.log10(level) if level > 0.0 else -math.inf


def display() -> Found:
    """The screens that a window can be shown on."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return NOTE, "no display: live draws offscreen", "start it from a desktop, or give --record, --send or --duration"
    import glfw

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if not glfw.init():
            return MISSING, "glfw finds no display", "apt-get install libgl1 libx11-6"
    try:
        screens = []
        for monitor in glfw.get_monitors():
            size, rate_hz = glfw.get_video_mode(monitor).size, glfw.get_video_mode(monitor).refresh_rate
            screens.append(f"{size.width}x{size.height} at {rate_hz} Hz")
    finally:
        glfw.terminate()
    return OK, ", ".join(screens) or "a display without a monitor", ""


def osc() -> Found:
    """One packet to ourselves, built, sent, received and read."""
    from pythonosc.osc_message import OscMessage
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder("/dance/tempo")
    builder.add_arg(120.0, "f")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(1.0)
        began_s = time.perf_counter()
        out.sendto(builder.build().dgram, ours.getsockname())
        try:
            packet = ours.recv(2048)
        except TimeoutError:
            return MISSING, "a packet to ourselves did not come back", "allow UDP on 127.0.0.1 in the firewall"
        took_ms = 1000.0 * (time.perf_counter() - began_s)
    message = OscMessage(packet)
    if (message.address, message.params) != ("/dance/tempo", [120.0]):
        return MISSING, "a packet to ourselves came back changed", "pip install --upgrade python-osc"
    return OK, f"a packet to ourselves came back in {took_ms:.1f} ms", ""
