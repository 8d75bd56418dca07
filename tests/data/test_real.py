"""Labelled sequences: the packaged sets and a user's own files."""

import numpy as np
import pytest

import bptt
from bptt import errors
from bptt.data import Series, Text, load
from bptt.training import train


def fresh(series, **options):
    return bptt.Network.init(
        series.inputs,
        16,
        series.outputs,
        loss=series.loss,
        loss_at=series.loss_at,
        rng=0,
        **options,
    )


@pytest.mark.needs("sktime")
def test_vowels():
    series = load("vowels")
    assert series.train.x.shape == (26, 270, 12)
    assert (series.train.lengths.min(), series.train.lengths.max()) == (7, 26)
    assert len(series.held_out.lengths) == 370
    assert (series.outputs, series.loss, series.loss_at) == (9, "cross_entropy", "last")
    steps = np.concatenate([series.train.x[:n, b] for b, n in enumerate(series.train.lengths)])
    assert np.allclose(steps.mean(0), 0, atol=1e-4)
    assert np.allclose(steps.std(0), 1, atol=1e-4)
    result = train(fresh(series, cell="lstm"), series, updates=150)
    assert result.measure == "accuracy"
    assert result.score > 0.9


@pytest.mark.needs("sktime")
def test_acsf1():
    series = load("acsf1")
    assert series.train.x.shape == (1460, 100, 1)
    assert series.outputs == 10


@pytest.mark.needs("sktime")
def test_training_on_sequences_resumes_bit_for_bit(tmp_path):
    series = load("vowels")
    whole = train(fresh(series, cell="gru"), series, updates=12, checkpoint=tmp_path / "a")
    train(fresh(series, cell="gru"), series, updates=5, checkpoint=tmp_path / "b")
    rest = train(
        fresh(series, cell="gru"), series, updates=12, checkpoint=tmp_path / "b", resume=True
    )
    for name, value in whole.network.parameters().items():
        assert (rest.network.parameters()[name] == value).all()


def test_npz(tmp_path, rng):
    x, lengths = rng.normal(size=(9, 20, 2)), rng.integers(3, 10, size=20)
    np.savez(tmp_path / "a.npz", x=x, targets=rng.integers(3, size=20), lengths=lengths)
    series = load(str(tmp_path / "a.npz"))
    assert (len(series.train.lengths), len(series.held_out.lengths)) == (16, 4)
    assert (series.outputs, series.loss_at) == (3, "last")
    assert train(fresh(series), series, updates=3).measure == "accuracy"


def test_npz_with_a_number_per_step(tmp_path, rng):
    x = rng.normal(size=(12, 10, 2))
    np.savez(tmp_path / "a.npz", x=x, targets=x.sum(2) * 0.5)
    series = Series.load(str(tmp_path / "a.npz"), batch_first=False)
    assert (series.outputs, series.loss, series.loss_at) == (1, "mse", "every")
    result = train(fresh(series, cell="gru"), series, updates=200)
    assert result.measure == "mean squared error"
    assert result.score < 0.2


def test_csv(tmp_path, rng):
    rows = ["sequence,target,a,b"]
    for s in range(10):
        label = s % 2
        rows += [
            f"{s},{label},{label + 0.1 * rng.normal()},{rng.normal()}" for _ in range(5 + s % 3)
        ]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    series = load(str(tmp_path / "a.csv"))
    assert series.inputs == 2
    assert sorted(set(series.train.lengths)) == [5, 6, 7]
    assert (series.outputs, series.loss_at) == (2, "last")
    assert train(fresh(series), series, updates=150).score == 1.0


def test_csv_of_one_sequence(tmp_path):
    rows = ["target,a", *(f"{t % 3},{t}" for t in range(30))]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    series = load(str(tmp_path / "a.csv"))
    assert series.train.targets.shape == (30, 1)
    assert series.loss_at == "every"


def _npz(path, **arrays):
    np.savez(path, **arrays)


X = np.zeros((4, 3, 2))


def test_as_many_sequences_as_steps(tmp_path, rng):
    """16 sequences of 16 steps to train on: a target per sequence stays one per sequence."""
    x = rng.normal(size=(16, 20, 2))
    np.savez(tmp_path / "a.npz", x=x, targets=rng.normal(size=20))
    series = load(str(tmp_path / "a.npz"))
    assert series.train.x.shape[:2] == (16, 16)
    assert train(fresh(series), series, updates=2, batch=5).measure == "mean squared error"


def test_csv_from_a_spreadsheet(tmp_path):
    """With a byte-order mark, spaces in the header and a constant column."""
    rows = ["sequence, target ,a,b", *(f"{s},{s % 2},{s},0.1" for s in range(8) for _ in range(5))]
    (tmp_path / "a.csv").write_text("\n".join(rows), "utf-8-sig")
    series = load(str(tmp_path / "a.csv"))
    assert series.train.x.shape == (5, 7, 2)
    assert np.abs(series.held_out.x[..., 1]).max() < 1e-6


def test_few_sequences_are_not_held_out(tmp_path, rng):
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(9, 3, 2)), targets=np.arange(3))
    series = load(str(tmp_path / "a.npz"))
    assert not series.apart
    assert len(series.held_out.lengths) == 3


@pytest.mark.needs("sktime")
def test_float64_networks_learn_sequences_too():
    series = load("vowels")
    assert train(fresh(series, dtype="float64"), series, updates=3).score > 0


def test_other_sequences_of_the_same_shape_are_not_resumed_on(tmp_path, rng):
    path, run = tmp_path / "a.npz", tmp_path / "run"
    np.savez(path, x=rng.normal(size=(9, 10, 2)), targets=np.arange(10) % 3)
    series = load(str(path))
    train(fresh(series), series, updates=2, checkpoint=run)
    np.savez(path, x=rng.normal(size=(9, 10, 2)), targets=np.arange(10) % 3)
    with pytest.raises(errors.OptionError, match=r"data: expected .*as the run began"):
        train(fresh(series), load(str(path)), updates=4, checkpoint=run, resume=True)


def test_mean_squared_error_is_per_step(tmp_path, rng):
    x, lengths = rng.normal(size=(12, 10, 2)), np.array([12, 3, 5, 7, 9, 2, 4, 12, 3, 11])
    np.savez(tmp_path / "a.npz", x=x, targets=rng.normal(size=(12, 10)), lengths=lengths)
    series = load(str(tmp_path / "a.npz"))
    net = fresh(series)
    held = series.held_out
    o = net.run(**held.arguments()).o
    inside = np.arange(len(held.x))[:, None] < held.lengths
    exact = np.square(o - held.targets)[inside].mean()
    from bptt.training.sources import SeriesSource

    assert SeriesSource(series, 4).score(net) == pytest.approx(exact, rel=1e-6)


BAD = {
    "cut short.npz": b"PK\x03\x04" + bytes(60),
    "an array.npz": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"
    + b" " * 59
    + b"\n"
    + bytes(8),
    "huge.csv": b"target,a\n0,1e300\n",
    "missing.npz": None,
    "junk.npz": b"not a zip file",
    "missing.csv": None,
    "empty.csv": b"",
    "no target.csv": b"a,b\n1,2\n",
    "words.csv": b"target,a\n0,one\n",
    "short row.csv": b"target,a\n0\n",
    "nan.csv": b"target,a\n0,nan\n",
    "binary.csv": b"\xff\xfe\x00",
    "no x.npz": {"targets": np.zeros(3)},
    "no targets.npz": {"x": X},
    "one axis.npz": {"x": X[0, 0], "targets": np.zeros(2)},
    "other targets.npz": {"x": X, "targets": np.zeros(5)},
    "nan.npz": {"x": X * np.nan, "targets": np.zeros(3, int)},
    "long.npz": {"x": X, "targets": np.zeros(3, int), "lengths": [4, 5, 1]},
    "objects.npz": {"x": np.array([[[None]]]), "targets": np.zeros(1)},
    "negative.npz": {"x": X, "targets": np.array([-1, 0, 1])},
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_not_what_they_say(name, tmp_path):
    path, content = tmp_path / name, BAD[name]
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.savez(path, **content)
    with pytest.raises(errors.FileError, match=": expected ") as caught:
        load(str(path))
    assert name in str(caught.value)


def test_other_endings_are_texts(tmp_path):
    (tmp_path / "poem").write_text("so much depends upon a red wheel barrow " * 40)
    assert isinstance(load(str(tmp_path / "poem")), Text)
    with pytest.raises(errors.OptionError, match="data: expected text, vowels, acsf1"):
        Series.load("poem")


@pytest.mark.needs("sktime")
def test_a_network_that_does_not_fit():
    with pytest.raises(errors.OptionError, match="network: expected"):
        train(bptt.Network.init(3, 4, 9, loss_at="last", rng=0), load("vowels"))


def test_bidirectional_text_is_refused(text):
    size = len(text.characters)
    net = bptt.Network.init(size, 4, size, cell="gru", bidirectional=True, rng=0)
    with pytest.raises(
        errors.OptionError, match="would read the characters that are to be predicted"
    ):
        train(net, text)
