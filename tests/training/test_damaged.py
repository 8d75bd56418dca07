"""A checkpoint that is not what it says is refused with one line, whatever is wrong with it."""

import json

import numpy as np
import pytest

import bptt
from bptt import errors, files, training


@pytest.fixture
def checkpoint(text, tmp_path):
    size = len(text.characters)
    net = bptt.Network.init(size, 8, size, cell="lstm", rng=0)
    path = tmp_path / "run.safetensors"
    training.train(net, text, updates=3, checkpoint=path)
    return net, path, *files.read_tensors(path)


def damaged_runs(notes):
    run = json.loads(notes["run"])
    return {
        "not JSON": "{",
        "a list": "[1, 2]",
        "history of numbers": json.dumps(run | {"history": [1]}),
        "updates is a word": json.dumps(run | {"updates": "x"}),
        "updates is negative": json.dumps(run | {"updates": -5}),
        "settings is a number": json.dumps(run | {"settings": 3}),
    }


@pytest.mark.parametrize(
    "kind",
    ["not JSON", "a list", "history of numbers", "updates is a word", "updates is negative",
     "settings is a number"],
)  # fmt: skip
def test_damaged_note(kind, checkpoint, text):
    net, path, tensors, notes = checkpoint
    files.write_tensors(path, tensors, notes | {"run": damaged_runs(notes)[kind]})
    with pytest.raises(errors.FileError, match="expected a readable note 'run'"):
        training.train(net, text, updates=9, checkpoint=path, resume=True)


def test_a_checkpoint_of_an_older_version(checkpoint, text):
    """Before, the number of updates stood under another name, and no format was noted."""
    net, path, tensors, notes = checkpoint
    run = json.loads(notes["run"])
    old = {"done": run["updates"]} | {
        k: v for k, v in run.items() if k not in ("updates", "format")
    }
    files.write_tensors(path, tensors, notes | {"run": json.dumps(old)})
    with pytest.raises(
        errors.FileError, match=r"expected a checkpoint in format 2, got format 1\. Start a new run"
    ) as error:
        training.train(net, text, updates=9, checkpoint=path, resume=True)
    assert "\n" not in str(error.value)
    assert bptt.Network.load(path)[0].parameters().keys() == net.parameters().keys()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimiser.m.W_R": None}, "without optimiser.m.W_R"),
        ({"optimiser.m.W_R": np.zeros((2, 2), "f4")}, "optimiser.m.W_R: expected shape"),
        ({"optimiser.m.W_R": np.zeros((32, 8), "i4")}, "optimiser.m.W_R: expected float32"),
        ({"carried.0.1": None}, "without carried.0.1"),
        ({"carried.0.0": np.full((32, 8), np.nan, "f4")}, "carried.0.0: expected finite"),
        ({"W_R": None}, "without W_R"),
        ({"W_O": np.zeros((3, 8), "f4")}, "expected"),
    ],
)
def test_damaged_arrays(change, message, checkpoint, text):
    net, path, tensors, notes = checkpoint
    tensors = {k: v for k, v in (tensors | change).items() if v is not None}
    files.write_tensors(path, tensors, notes)
    with pytest.raises(errors.BpttError, match=message):
        training.train(net, text, updates=9, checkpoint=path, resume=True)


def test_no_optimiser_at_all(checkpoint, text):
    net, path, tensors, notes = checkpoint
    files.write_tensors(path, {k: v for k, v in tensors.items() if "optim" not in k}, notes)
    with pytest.raises(errors.FileError, match="without the optimiser's state"):
        training.train(net, text, updates=9, checkpoint=path, resume=True)


def test_fewer_updates_than_made(checkpoint, text):
    net, path, *_ = checkpoint
    with pytest.raises(
        errors.OptionError, match="updates: expected at least 3, the number made so far, got 2"
    ):
        training.train(net, text, updates=2, checkpoint=path, resume=True)


def test_another_text_of_the_same_name(checkpoint, text):
    from bptt.data import Text

    net, path, *_ = checkpoint
    other = Text.of("".join(text.characters) * 50, text.name)
    with pytest.raises(errors.OptionError, match=r"text: expected .*as the run began"):
        training.train(net, other, updates=9, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("note", "value"),
    [
        ("loss_at", "abc"),
        ("loss_at", ""),
        ("levels", "qrnn"),
        ("levels", ""),
        ("levels", "gru+gru+gru"),
    ],
)
def test_damaged_description(note, value, checkpoint):
    _, path, tensors, notes = checkpoint
    files.write_tensors(path, tensors, notes | {note: value})
    with pytest.raises(errors.FileError, match=r"run\.safetensors: expected"):
        bptt.Network.load(path)


def test_history_is_the_same_after_a_resume(text, tmp_path):
    """A run stopped between two entries of the history goes on with the losses since the last."""
    size = len(text.characters)
    net = bptt.Network.init(size, 8, size, rng=0)
    whole = training.train(net, text, updates=70)

    class Stop(Exception):
        pass

    def stop(progress):
        if progress.done == 35:
            raise Stop

    with pytest.raises(Stop):
        training.train(
            net, text, updates=70, checkpoint=tmp_path / "a", checkpoint_every=30, progress=stop
        )
    resumed = training.train(net, text, updates=70, checkpoint=tmp_path / "a", resume=True)
    assert resumed.history == whole.history
