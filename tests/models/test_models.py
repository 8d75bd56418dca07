"""A file or a name in, a network out that reads its data."""

import numpy as np
import pytest

import bptt
from bptt import files, models
from bptt.data import Reading, Series, tasks
from bptt.errors import OptionError
from bptt.training import train, usual_updates


def torch_file(path, inputs=3, outputs=4):
    """A GRU of 8 units with a readout, by PyTorch's names."""
    rng = np.random.default_rng(0)
    sizes = {"weight_ih_l0": (24, inputs), "weight_hh_l0": (24, 8)}
    weights = {f"rnn.{name}": rng.normal(size=size) / 4 for name, size in sizes.items()}
    weights |= {"fc.weight": rng.normal(size=(outputs, 8)), "fc.bias": np.ones(outputs)}
    return files.write_tensors(path / "w.safetensors", weights, {"format": "pt"})


def test_a_fresh_network_has_the_sizes_of_the_data():
    model = models.fresh("copy", 7, hidden=5, cell="lstm")
    assert (model.network.stack.inputs, len(model.network.b_O)) == (10, 9)
    assert (model.length, model.needed_lag, model.facts) == (7, 17, [])
    assert model.batch(3)["x"].shape == (27, 3, 10)


def test_a_saved_network_knows_what_it_was_trained_on(tmp_path):
    task = tasks.load("memorisation", 12)
    network = models.fresh("memorisation", 12, hidden=4).network
    train(network, task, updates=1, checkpoint=tmp_path / "m.safetensors")
    model = models.load(tmp_path / "m.safetensors")
    assert (model.source, model.length, model.data.name) == ("memorisation", 12, "memorisation")
    assert model.facts == [("model", "m.safetensors")]
    with pytest.raises(OptionError, match="loss_at"):  # it answers at steps of its own
        models.load(tmp_path / "m.safetensors", length=30)


def test_a_file_that_is_elsewhere_is_asked_for(tmp_path):
    network = bptt.Network.init(3, 4, 2, loss_at="last", rng=0)
    network.save(tmp_path / "m.safetensors", {"data": "mine.npz"})
    with pytest.raises(OptionError, match=r"data: expected the path of mine\.npz, which"):
        models.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("source", ["order2", "noise"])
def test_pytorchs_weights_take_the_loss_of_whatever_fits(source, tmp_path):
    inputs = {"order2": 6, "noise": 3}[source]
    model = models.load(torch_file(tmp_path, inputs), source, 20)
    assert model.from_pytorch
    assert (model.network.loss, model.network.loss_at) == ("cross_entropy", "last")
    assert model.batch(5)["x"].shape == (20, 5, inputs)
    assert dict(model.facts) == {"model": "w.safetensors", "recurrent": "rnn", "readout": "fc"}


@pytest.mark.needs("sktime")
def test_that_a_set_is_standardised_is_said_of_pytorchs_weights(tmp_path):
    model = models.load(torch_file(tmp_path, 12, 9), "vowels")
    assert dict(model.facts)["inputs"] == "standardised by the training part of the set"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "data: expected the data that"),
        ("text", "data: expected a file of sequences, or a task"),
        ("adding", "data: expected data of 3 numbers a step, as the model reads, got adding"),
    ],
)
def test_data_that_do_not_fit_pytorchs_weights(source, said, tmp_path):
    with pytest.raises(OptionError, match=said):
        models.load(torch_file(tmp_path), source)


def test_a_batch_for_pytorchs_weights_is_taken_as_it_stands(tmp_path):
    """All sequences, not scaled, nothing behind an end; numbers as well as classes."""
    x, lengths = 5 + np.ones((6, 9, 2)) / 3, np.array([4, 3, 2, 1, 4, 4, 4, 4, 4])
    inside = np.arange(4)[:, None] < lengths
    for targets in (np.arange(54).reshape(6, 9), np.ones((6, 9)), np.arange(9), np.ones(9)):
        np.savez(tmp_path / "b.npz", x=x, targets=targets, lengths=lengths)
        part = Series.load(str(tmp_path / "b.npz"), as_stored=True).held_out
        np.testing.assert_array_equal(part.x, x[:4] * inside[..., None])
        wanted = targets if targets.ndim == 1 else targets[:4] * inside
        wanted = wanted[..., None] if targets.dtype.kind == "f" else wanted
        np.testing.assert_array_equal(part.targets, wanted)
        assert part.per_step == (targets.ndim == 2)


def test_data_that_do_not_fit_a_network_of_ones_own(tmp_path):
    bptt.Network.init(5, 4, 3, loss_at="last", rng=0).save(tmp_path / "m.safetensors")
    with pytest.raises(
        OptionError, match=r"data: expected data of 5 numbers a step, .* got adding"
    ):
        models.load(tmp_path / "m.safetensors", "adding")


def test_a_table_is_read_for_pytorchs_weights_too(tmp_path):
    rows = [
        "sequence,a,b,c,target",
        *(f"{n},{n}.5,{t},7,{n % 2}" for n in range(6) for t in range(4)),
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    with pytest.raises(OptionError, match=r"which has 2 .*left out, for it only counts: b"):
        models.load(torch_file(tmp_path), str(tmp_path / "t.csv"))
    every = Reading.of("a,b,c")
    model = models.load(torch_file(tmp_path), str(tmp_path / "t.csv"), reading=every)
    batch = model.batch()
    assert batch["x"].shape == (4, 6, 3)
    assert batch["x"][2, 5].tolist() == [5.5, 2, 7]
    assert len(model.network.b_O) == 4  # the classes that it knows, not the two of the table


def test_what_is_chosen_of_a_network_that_bptt_saved_is_refused(tmp_path):
    bptt.Network.init(2, 3, 2, rng=0).save(tmp_path / "m.safetensors")
    for option in ("activation", "recurrent", "readout"):
        with pytest.raises(
            OptionError, match=f"{option}: expected none, for .* the weights of a PyTorch"
        ):
            models.load(tmp_path / "m.safetensors", "noise", **{option: "relu"})


def test_a_changed_copy_of_a_fresh_network_remembers_its_data(tmp_path):
    model = models.fresh("adding", 9, hidden=4)
    model.save(model.network, tmp_path / "c.safetensors")
    again = models.load(tmp_path / "c.safetensors")
    assert (again.source, again.length) == ("adding", 9)


def test_usual_updates_read_four_million_inputs():
    assert usual_updates(tasks.load("adding", 100), 32) == 4_000_000 // 3200
    assert usual_updates(tasks.load("adding", 4000), 400) == 20  # never fewer
