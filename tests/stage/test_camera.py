"""Where the camera stands and what it sees."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.stage import camera

from .poses import rest

SIZES = [(1280, 720), (640, 640), (720, 1280), (1920, 1080)]


def seen(point: tuple[float, float, float], lens: np.ndarray) -> np.ndarray:
    out = np.zeros(3, np.float32)
    camera.project(np.array(point, np.float32), lens, out)
    return out


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_standing_dancer_is_whole_in_the_picture_with_arms_stretched_out(width: int, height: int) -> None:
    for t_s in (0.0, 12.0, 36.0):
        lens = camera.lens(np.zeros(3, np.float32), 0.0, t_s, width, height)
        for x, y, z in rest():
            at = seen((x, y, z), lens)
            assert 0.03 * width < at[0] < 0.97 * width
            assert 0.06 * height < at[1] < 0.94 * height


def test_a_dancer_takes_two_thirds_of_the_height_of_a_wide_picture() -> None:
    lens = camera.lens(np.zeros(3, np.float32), 0.0, 0.0, 1280, 720)
    share = (seen((0.0, 1.72, 0.0), lens)[1] - seen((0.0, 0.0, 0.0), lens)[1]) / 720
    assert 0.60 < share < 0.70


def test_the_left_hand_of_a_dancer_who_faces_us_is_on_our_right_and_up_is_up() -> None:
    lens = camera.lens(np.zeros(3, np.float32), 0.0, 0.0, 1280, 720)
    assert seen((0.5, 1.0, 0.0), lens)[0] > 640 > seen((-0.5, 1.0, 0.0), lens)[0]
    assert seen((0.0, 1.5, 0.0), lens)[1] > seen((0.0, 0.5, 0.0), lens)[1]
    assert seen((0.0, 1.0, 0.5), lens)[2] < seen((0.0, 1.0, -0.5), lens)[2]


def test_the_orbit_is_a_function_of_stream_time_within_eight_degrees() -> None:
    angles = []
    for t_s in np.linspace(0.0, 96.0, 97):
        eye = camera.lens(np.zeros(3, np.float32), 0.0, float(t_s), 640, 640)[:3]
        angles.append(np.degrees(np.arctan2(eye[0], eye[2])))
        again = camera.lens(np.zeros(3, np.float32), 0.0, float(t_s), 640, 640)[:3]
        assert (eye == again).all()
    assert np.max(np.abs(angles)) == pytest.approx(8.0, abs=0.05)
    assert np.max(np.abs(np.diff(angles))) < 1.2


@pytest.mark.parametrize("fps", [24, 60, 144])
def test_half_of_the_way_is_followed_in_a_half_life_at_any_frame_rate(fps: int) -> None:
    centre, target = np.zeros(3, np.float32), np.array([0.2, 0.0, 0.0], np.float32)
    frames = round(camera.FOLLOW_HALF_LIFE_S * fps)
    for _ in range(frames):
        centre = camera.follow(centre, target, camera.FOLLOW_HALF_LIFE_S / frames)
    assert centre[0] == pytest.approx(0.1, abs=1e-4)


def test_a_dancer_who_runs_never_gets_away_from_the_camera() -> None:
    centre = camera.follow(np.zeros(3, np.float32), np.array([3.0, 0.0, 0.0], np.float32), 0.001)
    assert centre[0] == pytest.approx(3.0 - camera.LAG_M, abs=1e-4)


def test_what_lies_behind_the_eye_has_no_infinite_place() -> None:
    lens = camera.lens(np.zeros(3, np.float32), 0.0, 0.0, 640, 640)
    assert np.isfinite(seen((0.0, 1.0, 50.0), lens)).all()
