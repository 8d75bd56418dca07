import numpy as np
import pytest

import bptt
from bptt import errors, files


@pytest.fixture
def net():
    return bptt.Network.init(3, 5, 4, rng=0, dtype="float64")


def test_cross_entropy_in_closed_form(net, rng):
    y = rng.integers(4, size=(6, 2))
    run = net.run(rng.normal(size=(6, 2, 3)), y)
    p = np.exp(run.o) / np.exp(run.o).sum(-1, keepdims=True)
    assert run.E == pytest.approx(-np.log(np.take_along_axis(p, y[..., None], -1)).mean())


def test_cross_entropy_of_large_logits_is_finite(net):
    W_O = np.zeros((4, 5))
    big = bptt.Network(net.layer, W_O, np.array([1e4, 0, 0, 0]))
    run = big.run(np.zeros((1, 1, 3)), [[1]])
    assert run.E == 1e4
    assert (run.do[0, 0] == [1, -1, 0, 0]).all()


def test_last_step_takes_targets_without_the_step_axis(rng):
    net = bptt.Network.init(3, 5, 4, loss_at="last", rng=0, dtype="float64")
    x, y = rng.normal(size=(6, 2, 3)), np.array([1, 3])
    assert net.run(x, y).E == net.run(x, y[None]).E
    assert not net.run(x, y).dh[:-1].any()


def test_save_and_load(net, tmp_path):
    path = net.save(tmp_path / "net.safetensors", {"who": "me"})
    again, notes = bptt.Network.load(path)
    assert notes["who"] == "me"
    assert repr(again) == repr(net)
    for name, value in net.parameters().items():
        assert (again.parameters()[name] == value).all()


@pytest.mark.parametrize("loss_at", ["last", [2, 5]])
def test_loss_steps_survive_a_file(loss_at, tmp_path):
    net = bptt.Network.init(3, 5, 4, loss_at=loss_at, loss="mse", rng=0)
    again, _ = bptt.Network.load(net.save(tmp_path / "net.safetensors"))
    assert again.loss_at == net.loss_at
    assert again.loss == "mse"


def test_own_activation_cannot_be_saved(tmp_path):
    net = bptt.Network.init(3, 5, 4, activation=(np.sin, np.cos), rng=0)
    with pytest.raises(errors.FileError, match="a pair of functions"):
        net.save(tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


def test_nothing_is_half_written(net, tmp_path, monkeypatch):
    path = net.save(tmp_path / "net.safetensors")
    before = path.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.writing.os, "fsync", full)
    with pytest.raises(errors.FileError, match="No space left on device"):
        net.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def _files(tmp_path):
    good = bptt.Network.init(3, 5, 4, rng=0).save(tmp_path / "good.safetensors").read_bytes()
    import pickle

    layer_only = files.write_tensors(tmp_path / "l", {"W_R": np.eye(2)}, {}).read_bytes()
    return {
        "cut short": good[: len(good) // 2],
        "empty": b"",
        "pickled": pickle.dumps({"W_R": 1}),
        "text": b"W_R = 1",
        "no network": layer_only,
    }


@pytest.mark.parametrize("kind", ["cut short", "empty", "pickled", "text", "no network"])
def test_files_that_are_not_what_they_say(kind, tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(_files(tmp_path)[kind])
    with pytest.raises(errors.FileError, match=r"bad\.safetensors: expected a"):
        bptt.Network.load(path)


def test_missing_file(tmp_path):
    with pytest.raises(errors.FileError, match="no such file"):
        bptt.Network.load(tmp_path / "none.safetensors")


def test_file_with_nan(net, tmp_path):
    p = net.parameters() | {"W_R": np.full((5, 5), np.nan)}
    path = files.write_tensors(tmp_path / "nan.safetensors", p, net.describe())
    with pytest.raises(errors.NonFiniteError, match=r"W_R: expected finite numbers, got nan"):
        bptt.Network.load(path)
