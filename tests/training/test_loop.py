"""Training on real text."""

import numpy as np
import pytest

import bptt
from bptt import errors, files, training
from bptt.data import Text, tasks
from bptt.data.text import chunk, streams


def fresh(text, hidden=24, **options):
    size = len(text.characters)
    return bptt.Network.init(size, hidden, size, rng=0, **options)


def test_it_learns(text):
    network = fresh(text, 48)
    before = network.copy()
    untrained = training.bits_per_character(network, text)
    result = training.train(network, text, updates=300)
    assert untrained > np.log2(len(text.characters)) - 0.5  # no better than guessing
    # single characters' frequencies alone give 4.5 bits
    assert result.score < 3.5
    assert result.history[-1][1] < result.history[0][1]
    for name, value in network.parameters().items():
        assert (value == before.parameters()[name]).all(), "the network given was changed"


@pytest.mark.parametrize("optimiser", [training.SGD(0.5, 0.9), training.Adam(5e-3)])
def test_both_optimisers_learn(text, optimiser):
    result = training.train(fresh(text), text, updates=150, optimiser=optimiser)
    assert result.score < 4.3


def test_clipping_is_counted(text):
    never = training.train(fresh(text), text, updates=20, clip=1e9)
    always = training.train(fresh(text), text, updates=20, clip=1e-4)
    assert (never.clipped, always.clipped) == (0, 1)


def test_streams_are_carried(text):
    """Two chunks of 8 with the state carried see the same outputs as one of 16."""
    network = fresh(text)
    stream = streams(text.train, 4)
    (a, _, start), (b, _, again), (both, y, _) = (
        chunk(stream, 8, 0), chunk(stream, 8, 1), chunk(stream, 16, 0),
    )  # fmt: skip
    assert (start, again) == (True, False)
    first = network.run(text.one_hot(a), y[:8])
    second = network.run(text.one_hot(b), y[8:], first.trace.h[-1])
    whole = network.run(text.one_hot(both), y)
    assert np.allclose(np.concatenate([first.o, second.o]), whole.o, atol=1e-6)


def test_streams_keep_the_order_of_the_text(text):
    stream = streams(text.train, 7)
    n = len(stream)
    assert (stream.T.ravel() == text.train[: 7 * n]).all()
    codes, following, _ = chunk(stream, 50, 3)
    assert (codes[1:] == following[:-1]).all()
    assert (following[:, 2] == text.train[2 * n + 151 : 2 * n + 201]).all()


def test_the_end_of_the_text_starts_it_again(text):
    stream = streams(text.train[:1000], 2)
    per_pass = (len(stream) - 1) // 64
    first, wrapped = chunk(stream, 64, 0), chunk(stream, 64, per_pass)
    assert (first[0] == wrapped[0]).all()
    assert wrapped[2]


def test_held_out_text_is_not_trained_on(text):
    from bptt.data.text import _python_topics

    joined = np.concatenate([text.train, text.held_out])
    assert "".join(text.characters[c] for c in joined) == _python_topics()  # all of it, once
    assert len(text.held_out) / len(joined) == pytest.approx(0.05, abs=1e-4)


def test_bits_do_not_depend_on_the_batch_much(text):
    network = fresh(text)
    a, b = (training.bits_per_character(network, text, batch) for batch in (4, 16))
    assert a == pytest.approx(b, rel=1e-2)


def test_resume_is_bit_for_bit(text, tmp_path):
    whole = training.train(fresh(text), text, updates=40, checkpoint=tmp_path / "a")
    training.train(fresh(text), text, updates=17, checkpoint=tmp_path / "b")
    rest = training.train(fresh(text), text, updates=40, checkpoint=tmp_path / "b", resume=True)
    for name, value in whole.network.parameters().items():
        assert (rest.network.parameters()[name] == value).all()
    assert rest.score == whole.score


def test_resume_with_momentum_and_other_settings(text, tmp_path):
    path = tmp_path / "run"
    training.train(fresh(text), text, updates=5, checkpoint=path, optimiser=training.SGD(0.1, 0.9))
    with pytest.raises(errors.OptionError, match=r"lr: expected 0.1, as the run began, got 0.2"):
        training.train(
            fresh(text), text, updates=9, checkpoint=path, optimiser=training.SGD(0.2, 0.9),
            resume=True,
        )  # fmt: skip
    with pytest.raises(errors.OptionError, match="hidden: expected 24"):
        training.train(
            fresh(text, 25), text, updates=9, checkpoint=path, optimiser=training.SGD(0.1, 0.9),
            resume=True,
        )  # fmt: skip


def test_resume_needs_a_checkpoint(text, tmp_path):
    path = fresh(text).save(tmp_path / "net.safetensors")
    with pytest.raises(errors.FileError, match="a network without a run"):
        training.train(fresh(text), text, updates=9, checkpoint=path, resume=True)


def test_divergence_names_the_update(text):
    with pytest.raises(
        errors.NonFiniteError, match=r"update \d+: expected a finite loss|h: expected"
    ):
        training.train(
            fresh(text, activation="relu"), text, updates=200, clip=None,
            optimiser=training.SGD(1e4, 0.9),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"updates": 0}, "updates"),
        ({"clip": 0}, "clip"),
        ({"batch": 0}, "batch"),
        ({"batch": 10**7}, "batch"),
        ({"length": 0}, "length"),
        ({"length": 10**6}, "length"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"updates": 2.5}, "updates"),
        ({"updates": True}, "updates"),
        ({"batch": 2.5}, "batch"),
        ({"length": 2.5}, "length"),
        ({"window": 70.5}, "window"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"checkpoint_every": 0.5}, "checkpoint_every"),
        ({"evaluate_every": 0.5}, "evaluate_every"),
        ({"evaluate_every": 1, "patience": 1.5}, "patience"),
    ],
)
def test_refused(text, options, name):
    with pytest.raises(errors.OptionError, match=f"^{name}: expected"):
        training.train(fresh(text), text, **options)


def test_floats_that_are_whole_are_taken(text, tmp_path):
    """As NumPy users expect; what is kept of the run is the same as with integers."""
    whole = {
        "updates": 4,
        "length": 16,
        "window": 24,
        "batch": 4,
        "evaluate_every": 2,
        "patience": 9,
    }
    path, other = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    training.train(fresh(text), text, checkpoint=path, checkpoint_every=2, **whole)
    floats = {name: float(value) for name, value in whole.items()}
    training.train(fresh(text), text, checkpoint=other, checkpoint_every=2.0, seed=0.0, **floats)
    (tensors, notes), (others, other_notes) = files.read_tensors(path), files.read_tensors(other)
    assert notes == other_notes
    assert tensors.keys() == others.keys()
    assert all(np.array_equal(tensors[name], others[name]) for name in tensors)


@pytest.mark.parametrize("batch", [0, 2.5])
def test_pieces_to_score_are_a_whole_number(text, batch):
    with pytest.raises(errors.OptionError, match=r"^batch: expected a whole number from 1"):
        training.bits_per_character(fresh(text), text, batch=batch)


def test_network_must_fit_the_text(text):
    with pytest.raises(errors.OptionError, match="one per character"):
        training.train(bptt.Network.init(5, 4, 5, rng=0), text)


def test_own_text(tmp_path):
    path = tmp_path / "rhyme.txt"
    path.write_text("the cat sat on the mat. " * 200, "utf-8")
    text = Text.load(str(path))
    assert text.characters == " .acehmnost"
    assert training.train(fresh(text), text, updates=200).score < 0.5


def test_own_text_refused(tmp_path):
    short, binary = tmp_path / "short.txt", tmp_path / "binary.txt"
    short.write_text("abc")
    binary.write_bytes(b"\xff\xfe" * 1000)
    for source, message in [
        (str(short), "at least 1,000 characters"),
        (str(binary), "UTF-8"),
        (str(tmp_path / "none.txt"), "no such file"),
    ]:
        with pytest.raises(errors.FileError, match=message):
            Text.load(source)


def test_unknown_characters_refused(text):
    with pytest.raises(errors.FileError, match="the model's 3 characters"):
        Text.of("abcd" * 300, "x", "abc")


def test_numbers_of_numpy_are_kept_in_a_checkpoint(tmp_path):
    """The same run, with Python's numbers and with NumPy's."""
    task, paths = tasks.load("adding", 10), [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for number, path in zip((float, np.float32), paths, strict=True):
        training.train(
            bptt.Network.init(2, 4, 1, loss="mse", loss_at="last", rng=0), task, updates=3,
            clip=number(0.5), omega=number(0.25), optimiser=training.Adam(lr=number(0.125)),
            evaluate_every=1, until=number(0), checkpoint=path,
        )  # fmt: skip
    (python, of_python), (numpy, of_numpy) = map(files.read_tensors, paths)
    assert of_python == of_numpy
    assert all(np.array_equal(value, numpy[name]) for name, value in python.items())


def test_no_number_to_stop_at_and_no_file_to_resume_are_refused():
    task = tasks.load("adding", 10)
    net = bptt.Network.init(2, 4, 1, loss="mse", loss_at="last", rng=0)
    for wrong in (np.nan, True):
        with pytest.raises(errors.OptionError, match=r"^until: expected a finite number"):
            training.train(net, task, updates=1, evaluate_every=1, until=wrong)
    with pytest.raises(errors.OptionError, match=r"^checkpoint: expected the file of the run"):
        training.train(net, task, updates=1, resume=True)
