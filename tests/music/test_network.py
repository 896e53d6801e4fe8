"""The network: one hop at a time it tells what the whole computed at once tells, and no file can make it do anything else."""

from __future__ import annotations

import io
import math
import pickle
import tracemalloc
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.errors import LibraryError
from audio2pose.music import network
from audio2pose.music.network import BEAT, N_TEMPI, TEMPO, Network, Weights, read_weights, shipped_weights, tempo_classes_bpm
from audio2pose.music.spectrum import N_BANDS
from tests.golden.hearing import regenerate
from tests.music.sounds import HOP_S

N_IN, N_OUT = 2 * N_BANDS, TEMPO + N_TEMPI
Arrays = dict[str, np.ndarray]


def random_arrays(width: int, layers: int, seed: int = 0) -> Arrays:
    """Arrays of a network of that size; every unit's sum is about 1."""
    rng = np.random.default_rng(seed)
    shapes = {
        "w_in": (N_IN, width), "b_in": (width,), "w_gate": (layers, 3, width, 2 * width), "b_gate": (layers, 2 * width),
        "w_mix": (layers, width, width), "b_mix": (layers, width), "w_out": (width, N_OUT), "b_out": (N_OUT,),
    }  # fmt: skip
    return {
        name: (rng.normal(0.0, 1.0, s) / math.sqrt(math.prod(s[-3:-1]) or 1)).astype(np.float32) for name, s in shapes.items()
    }


def arrays_of(weights: Weights) -> Arrays:
    return {name: np.array(getattr(weights, name)) for name in random_arrays(1, 1)}


def music_like(n_hops: int, seed: int = 1, level: float = 8.0) -> F32:
    """(T, B) bands with a pulse of two a second over a noisy ground."""
    rng = np.random.default_rng(seed)
    pulse = np.exp(-(np.arange(n_hops) % 50) / 6.0)[:, None] * rng.uniform(0.3, 1.0, N_BANDS)
    return np.asarray(level * (pulse + 0.1 * rng.random((n_hops, N_BANDS))), np.float32)


def streamed(net: Network, bands: F32) -> F32:
    return np.array([net.process(hop).copy() for hop in bands])


def at_once(w: Weights, bands: F32) -> F64:
    """(T, 2 + C) logits of *bands* (T, B): the whole stretch through one layer after the other, in double precision."""
    a = {name: array.astype(np.float64) for name, array in arrays_of(w).items()}
    keep, level, levels = math.exp(-HOP_S / 4.0), 0.0, []
    for hop in bands:
        level = max(float(hop.mean(dtype=np.float64)), level * keep, 3e-3)
        levels.append(level)
    loud = np.log1p(50.0 * bands / np.array(levels)[:, None])
    before = np.concatenate([np.zeros((2, N_BANDS)), loud[:-2]])
    h = np.maximum(np.hstack([0.5 * loud - 0.6, np.maximum(loud - before, 0.0)]) @ a["w_in"] + a["b_in"], 0.0)
    skip = np.zeros_like(h)
    width = h.shape[1]
    for layer in range(len(a["b_mix"])):
        z = np.zeros((len(h), 2 * width)) + a["b_gate"][layer]
        for tap in range(3):
            back = (2 - tap) * 2**layer
            z += np.concatenate([np.zeros((back, width)), h])[: len(h)] @ a["w_gate"][layer, tap]
        z = z / (1.0 + np.abs(z))
        r = (z[:, :width] * (0.5 + 0.5 * z[:, width:])) @ a["w_mix"][layer] + a["b_mix"][layer]
        h, skip = h + r, skip + r
    return np.asarray(np.maximum(skip, 0.0) @ a["w_out"] + a["b_out"])


def saved(arrays: Arrays) -> io.BytesIO:
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return file


@pytest.fixture(scope="module")
def shipped() -> Weights:
    return shipped_weights()


def test_in_silence_the_logits_come_to_rest_and_tell_no_beat(shipped: Weights) -> None:
    told = streamed(Network(shipped, HOP_S), np.zeros((2300, N_BANDS), np.float32))
    assert np.isfinite(told).all()
    # A layer's past is all silence after two of its dilations: from there on nothing can change.
    assert np.array_equal(told[2100], told[-1])
    assert told[-1, BEAT] < 0.0


@pytest.mark.parametrize(("width", "layers"), [(32, 10), (8, 3), (1, 1), (5, 12)])
def test_hop_by_hop_tells_what_all_at_once_tells(width: int, layers: int) -> None:
    weights, bands = Weights(**random_arrays(width, layers)), music_like(2200)
    whole = at_once(weights, bands)
    assert np.abs(streamed(Network(weights, HOP_S), bands) - whole).max() < 1e-5 * max(1.0, np.abs(whole).max())


def test_the_shipped_network_tells_hop_by_hop_what_it_tells_all_at_once(shipped: Weights) -> None:
    bands = music_like(2200)
    whole = at_once(shipped, bands)
    assert np.abs(streamed(Network(shipped, HOP_S), bands) - whole).max() < 1e-5 * max(1.0, np.abs(whole).max())


def test_what_comes_changes_nothing_of_what_was_told_before(shipped: Weights) -> None:
    bands = music_like(300)
    other = bands.copy()
    other[200, 20:30] += 5.0
    told, changed = (streamed(Network(shipped, HOP_S), b) for b in (bands, other))
    assert np.array_equal(told[:200], changed[:200])
    assert not np.array_equal(told[200], changed[200])


def test_a_hop_is_remembered_as_far_as_the_layers_look_back_and_no_further() -> None:
    weights, bands = Weights(**random_arrays(24, 6)), music_like(400)
    other = bands.copy()
    other[103, 20:30] *= 0.5  # not the loudest hop: the running level stays as it was
    told, changed = (streamed(Network(weights, HOP_S), b) for b in (bands, other))
    differs = np.flatnonzero((told != changed).any(axis=1))
    # The layers' taps, and two hops for how far each band has risen.
    assert differs[0] == 103
    assert differs[-1] == 103 + sum(2 * 2**layer for layer in range(6)) + 2


def test_in_pieces_and_after_reset_it_tells_the_same_bits(shipped: Weights) -> None:
    bands = music_like(700)
    net = Network(shipped, HOP_S)
    whole = streamed(net, bands)
    net.reset()
    assert not net.logits.any()
    assert np.array_equal(np.concatenate([streamed(net, bands[:333]), streamed(net, bands[333:])]), whole)


def test_music_that_is_12_db_louder_is_heard_alike_from_its_start(shipped: Weights) -> None:
    bands = music_like(600)
    told, louder = (streamed(Network(shipped, HOP_S), b) for b in (bands, bands * np.float32(4.0)))
    assert np.abs(told - louder).max() < 1e-3


@pytest.mark.parametrize("gain", [4.0, 0.25])
def test_where_the_level_changes_by_12_db_it_hears_alike_again_once_the_level_has_settled(
    shipped: Weights, gain: float
) -> None:
    bands = music_like(3200)
    other = bands.copy()
    other[400:] *= np.float32(gain)
    told, changed = (streamed(Network(shipped, HOP_S), b) for b in (bands, other))
    # The level falls by 12 dB in 5.5 s, and the layers look back 20 s.
    assert np.abs(told[3050:] - changed[3050:]).max() < 1e-3


def test_the_tempo_classes_are_even_in_octaves_and_reach_beyond_every_tempo_that_is_told() -> None:
    classes = tempo_classes_bpm()
    assert np.allclose(np.diff(np.log2(classes)), math.log2(230.0 / 50.0) / (N_TEMPI - 1))
    assert classes[0] < 55.0 < 215.0 < classes[-1]


def test_the_shipped_weights_weigh_less_than_400_kb() -> None:
    assert len(resources.files("audio2pose.music").joinpath("hearing.npz").read_bytes()) < 400_000


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    arrays = random_arrays(6, 4)
    np.savez(tmp_path / "w.npz", **arrays)
    for file in (saved(arrays), tmp_path / "w.npz"):
        read = read_weights(file)
        assert all(np.array_equal(getattr(read, name), array) for name, array in arrays.items())


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("w_in", (N_IN - 1, 6)), ("b_in", (7,)), ("w_gate", (4, 2, 6, 12)), ("w_gate", (4, 3, 6, 6)), ("b_gate", (3, 12)),
        ("w_mix", (4, 6, 7)), ("b_mix", (6,)), ("b_mix", (0, 0)), ("b_mix", (4, 6, 1)), ("w_out", (6, N_OUT + 1)),
        ("b_out", ()),
    ],
)  # fmt: skip
def test_arrays_of_another_shape_are_refused(name: str, shape: tuple[int, ...]) -> None:
    arrays = random_arrays(6, 4) | {name: np.zeros(shape, np.float32)}
    with pytest.raises(LibraryError, match="install audio2pose again"):
        read_weights(saved(arrays))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", list(random_arrays(1, 1)))
def test_a_number_that_is_none_is_refused(name: str, value: float) -> None:
    arrays = random_arrays(6, 4)
    arrays[name].flat[-1] = value
    with pytest.raises(LibraryError, match=name):
        read_weights(saved(arrays))


def test_a_missing_array_is_refused() -> None:
    arrays = random_arrays(6, 4)
    del arrays["b_mix"]
    with pytest.raises(LibraryError):
        read_weights(saved(arrays))


@pytest.mark.parametrize("kind", ["U3", "c16", "M8[s]"])
def test_an_array_of_another_kind_is_refused(kind: str) -> None:
    with pytest.raises(LibraryError):
        read_weights(saved(random_arrays(6, 4) | {"b_in": np.zeros(6, kind)}))


@pytest.mark.parametrize(("width", "layers"), [(network.MOST_CHANNELS + 1, 1), (1, network.MOST_LAYERS + 1)])
def test_more_channels_or_layers_than_any_network_of_ours_are_refused(width: int, layers: int) -> None:
    with pytest.raises(LibraryError):
        read_weights(saved(random_arrays(width, layers)))


@pytest.mark.parametrize("shape", [(10**5, 10**6), (10**9, 10**9)])
def test_a_header_that_promises_more_than_any_memory_holds_is_refused(shape: tuple[int, int]) -> None:
    liar = io.BytesIO()
    np.lib.format.write_array_header_1_0(liar, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with pytest.raises(LibraryError):
        read_weights(_zipped({"w_in.npy": liar.getvalue()}))


def test_a_small_file_that_unfolds_to_gigabytes_is_refused_before_it_does() -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (25, 10**6)})
    bomb = _zipped({"w_in.npy": head.getvalue() + bytes(100 * 10**6)}, deflated=True)
    assert len(bomb.getvalue()) < 10**6
    tracemalloc.start()
    with pytest.raises(LibraryError):
        read_weights(bomb)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_pickled_objects_are_refused_and_never_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    objects = np.empty(1, object)
    objects[0] = Trap(sprung)
    for file in (saved(random_arrays(6, 4) | {"b_in": objects}), io.BytesIO(pickle.dumps(Trap(sprung)))):
        with pytest.raises(LibraryError):
            read_weights(file)
    assert not sprung.exists()


def test_a_file_cut_off_anywhere_is_refused() -> None:
    whole = saved(random_arrays(2, 2)).getvalue()
    for length in range(0, len(whole), 97):
        with pytest.raises(LibraryError):
            read_weights(io.BytesIO(whole[:length]))


@pytest.mark.parametrize("junk", [b"", b"PK", b"PK\x03\x04" + bytes(60), b"\x93NUMPY", b"weights", bytes(4096)])
def test_a_file_of_another_kind_is_refused(junk: bytes) -> None:
    with pytest.raises(LibraryError, match="install audio2pose again"):
        read_weights(io.BytesIO(junk))


def test_a_single_array_is_no_file_of_weights() -> None:
    file = io.BytesIO()
    np.save(file, np.zeros(3, np.float32))
    file.seek(0)
    with pytest.raises(LibraryError):
        read_weights(file)


@pytest.mark.parametrize("deflated", [False, True])
def test_a_damaged_file_is_refused_or_read_but_nothing_else_is_raised(deflated: bool) -> None:
    arrays = random_arrays(2, 1)
    members = {f"{name}.npy": _npy(array) for name, array in arrays.items()}
    whole = _zipped(members, deflated).getvalue()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(600):
        broken = bytearray(whole)
        # The zip's own tables stand at the end, headers at the start of each member: half of the hits go there.
        at = rng.integers(len(whole) - 700, len(whole)) if rng.random() < 0.5 else rng.integers(len(whole))
        broken[at] ^= 1 << int(rng.integers(8))
        try:
            read_weights(io.BytesIO(bytes(broken)))
        except LibraryError:
            refused += 1
    assert refused > 200


def test_the_logits_of_the_shipped_weights_are_the_golden_ones() -> None:
    golden = np.loadtxt(regenerate.LOGITS)
    told = regenerate.logits()
    assert (told[:, 0] == golden[:, 0]).all()
    assert np.abs(told - golden).max() < 1e-3, "new weights? python -m tests.golden.hearing.regenerate"


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _zipped(members: dict[str, bytes], deflated: bool = False) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    file.seek(0)
    return file
