"""A running show takes orders over OSC, tells what holds, films and logs; and the night can be danced again."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from pythonosc.osc_packet import OscPacket
from pythonosc.udp_client import SimpleUDPClient

from audio2pose.match.find import library
from tests.realtime.shows import live

SECONDS = 9.0
DISCO = library().styles.index("disco")


class Receiver:
    """Every message that comes to a port, with the moment of its coming."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port = self._socket.getsockname()[1]
        self.came: list[tuple[float, str, list[object]]] = []
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            try:
                packet = self._socket.recv(65536)
            except TimeoutError:
                continue
            now_s = time.monotonic()
            self.came += [(now_s, m.message.address, m.message.params) for m in OscPacket(packet).messages]

    def state(self, name: str) -> list[object]:
        return [params[0] for _, address, params in list(self.came) if address == f"/dance/state/{name}"]

    def wait_for(self, address: str, seconds: float = 10.0) -> list[object]:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            for _, found, params in list(self.came):
                if found == address:
                    return params
            time.sleep(0.02)
        raise AssertionError(f"no {address}; came {sorted({a for _, a, _ in self.came})}")

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self._socket.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Night:
    """One show that was ordered about, and what it left."""

    def __init__(self, folder: Path, receiver: Receiver, summary: dict[str, object], err: str) -> None:
        self.folder, self.receiver, self.summary, self.err = folder, receiver, summary, err
        self.events = [json.loads(line) for line in (folder / "e.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("night")
    receiver, port = Receiver(), _free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # films and presets of the show lie where it was started
        show = live(
            "--demo", "--no-window", "--size", "160x90", "--duration", str(SECONDS), "--dancers", "2", "--formation", "mirror",
            "--send", f"native@127.0.0.1:{receiver.port}", "--control", str(port), "--events", "e.jsonl",
            "--log", "night.a2plog", "--record", "first.npz", "--json",
        )  # fmt: skip
    desk = SimpleUDPClient("127.0.0.1", port)
    receiver.wait_for("/dance/2/root", 60.0)
    desk.send_message("/dance/ctl/info", 1)
    desk.send_message("/dance/ctl/quantize", 1)
    desk.send_message("/dance/ctl/record", 1)
    time.sleep(2.0)
    for name, value in (
        ("style", "disco"), ("scene", "sun"), ("palette", 1), ("nudge", 5.0), ("gain", -3.0), ("latency", 90.0),
        ("tap", 0), ("tap", 1),
    ):  # fmt: skip
        desk.send_message(f"/dance/ctl/{name}", value)
    time.sleep(2.5)
    desk.send_message("/dance/ctl/record", 0)
    desk.send_message("/dance/ctl/freeze", 1)
    time.sleep(1.0)
    desk.send_message("/dance/ctl/freeze", 0)
    time.sleep(0.2)
    desk.send_message("/dance/ctl/panic", [1.0])
    time.sleep(1.0)
    desk.send_message("/dance/ctl/blackout", 0)
    desk.send_message("/dance/ctl/save", 1)
    desk.send_message("/dance/ctl/tempo", "fast")
    out, err = show.communicate(timeout=60)
    receiver.close()
    assert show.returncode == 0, err
    return Night(folder, receiver, json.loads(out), err)


def test_every_order_is_told_by_the_events_and_echoed_to_who_is_sent_to(night: Night) -> None:
    told = [(e["command"], e["value"]) for e in night.events if e["event"] == "command" and e["command"] != "lead"]
    assert told == [
        ("quantize", 1.0), ("style", float(DISCO)), ("nudge", 5.0), ("gain", -3.0), ("tap", 1.0), ("freeze", 1.0),
        ("freeze", 0.0),
        ("panic", 1.0), ("panic", 0.0),
    ]  # fmt: skip
    for name, values in {
        "style": [DISCO], "nudge": [5.0], "gain": [-3.0], "scene": [1], "palette": [1], "latency": [90.0], "record": [1, 0],
        "freeze": [1, 0], "blackout": [1, 0], "panic": [1, 0], "tap": [1], "save": [1],
    }.items():  # fmt: skip
        came = [v for v in night.receiver.state(name)]
        assert came[-len(values) :] == values, (name, came)


def test_a_controller_that_asks_is_told_skeleton_styles_and_all_that_holds(night: Night) -> None:
    skeleton = json.loads(str(night.receiver.wait_for("/dance/skeleton")[0]))
    assert (len(skeleton["joints"]), len(skeleton["parents"]), skeleton["dancers"]) == (24, 24, 2)
    assert "house" in json.loads(str(night.receiver.wait_for("/dance/styles")[0]))
    assert night.receiver.state("hud")


def test_garbage_is_counted_and_told(night: Night) -> None:
    assert ("orders_refused", 1) in [(e["what"], e["count"]) for e in night.events if e["event"] == "trouble"]


def test_two_dancers_leave_with_their_own_numbers_in_mirror_image(night: Night) -> None:
    last = {}
    for _, address, params in night.receiver.came:
        if address in ("/dance/1/left_wrist", "/dance/2/right_wrist", "/dance/1/frame", "/dance/2/frame"):
            last[address] = params
    (x1, y1, z1), (x2, y2, z2) = last["/dance/1/left_wrist"], last["/dance/2/right_wrist"]
    assert (x1, y1, z1) == pytest.approx((-x2, y2, z2), abs=1e-3)  # type: ignore[operator]


def test_a_change_of_latency_moves_the_lead_of_the_dance(night: Night) -> None:
    lead = [e["value"] for e in night.events if e["event"] == "command" and e["command"] == "lead"]
    assert len(lead) == 1
    assert lead[0] >= 90.0 + 20.0
    assert night.summary["latency_ms"]["output"] == 90.0  # type: ignore[index]
    assert night.summary["latency_ms"]["ahead"] == lead[0]  # type: ignore[index]


def test_a_film_begun_in_the_show_is_as_long_as_it_ran_and_in_step(night: Night) -> None:
    (film,) = night.folder.glob("audio2pose-*.mp4")
    with av.open(film) as made:
        video, sound = made.streams.video[0], made.streams.audio[0]
        assert (video.width, video.height) == (160, 90)
        picture_s, sound_s = (float(s.duration * s.time_base) for s in (video, sound))
    assert picture_s == pytest.approx(4.5, abs=0.6)
    assert sound_s == pytest.approx(picture_s, abs=0.05)


def test_the_settings_that_held_were_written_as_a_preset(night: Night) -> None:
    from audio2pose.presets import settings

    (path,) = night.folder.glob("audio2pose-*.toml")
    kept = settings(str(path), environ={})
    assert (kept.stage.scene, kept.stage.palette, kept.match.style, kept.group.dancers) == ("sun", "neon", "disco", 2)
    assert (kept.stage.latency_s, kept.hear.gain_db, kept.match.quantum_beats) == (0.09, -3.0, 1)


def test_the_night_is_danced_again_pose_for_pose_without_its_sound(night: Night) -> None:
    show = live("--replay", str(night.folder / "night.a2plog"), "--no-window", "--record", str(night.folder / "again.npz"))
    _, err = show.communicate(timeout=90)
    assert show.returncode == 0, err
    with np.load(night.folder / "first.npz") as first, np.load(night.folder / "again.npz") as again:
        assert first["positions_m"].shape[0] == pytest.approx(100 * SECONDS, abs=2)
        for name in ("positions_m", "rotations", "root_m", "contacts", "beat_times_s", "beat_positions", "segment_ids"):
            assert first[name].tobytes() == again[name].tobytes(), name


def test_a_log_is_not_overwritten_while_it_is_read(night: Night) -> None:
    log = str(night.folder / "night.a2plog")
    show = live("--replay", log, "--log", log, "--no-window")
    _, err = show.communicate(timeout=60)
    assert show.returncode == 2
    assert "give --log another name" in err
