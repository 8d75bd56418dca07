"""The networks of the prognosis: what they are, and that the two sets have no work in common."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from experiments.ahead import ahead, compact, measured_of
from experiments.networks import KINDS, fresh
from experiments.outcomes import constant_loss, key_of, main, outcome, work_of

import bptt
from bptt.data import tasks
from experiments import reach, sets

TINY = sets.record("xor 14", "GRU, PyTorch's init", 8, 1, 0, 40, batch=8)


def test_every_network_is_of_its_own_and_no_work_is_in_both_sets():
    development = sets.adding72() + sets.tasks192() + sets.further()
    held_out = sets.held_out()
    keys = [key_of(record) for record in development + held_out + sets.text()]
    assert len(set(keys)) == len(keys)
    assert len(held_out) >= 200
    assert not {r["work"] for r in development} & {r["work"] for r in held_out}
    assert {record["layers"] for record in held_out} == {1, 2}
    assert {record["hidden"] for record in held_out} == {32, 64, 100}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_what_its_name_says(kind):
    task = tasks.xor(50)
    network = fresh(kind, task, 16, seed=3, steps=50)
    layer, words = network.layer, kind.replace(",", "").split()
    assert layer.cell.name == {"lstm": "lstm", "gru": "gru"}.get(words[0].lower(), "rnn")
    if layer.cell.choose_phi:
        assert layer.phi.name == kind.split(",")[0].replace(" ", "_")
    if "identity" in words:
        assert np.array_equal(layer.W_R, np.eye(16))
    if "bias" in words:
        gate = {"forget": "f", "update": "z"}[words[words.index("bias") - 1]]
        assert (layer.b[layer.cell.block(gate, 16)] == float(words[-1])).all()
    if "chrono" in words:
        b_f, b_i = (layer.b[layer.cell.block(gate, 16)] for gate in "fi")
        assert np.array_equal(b_f, -b_i)
        assert 0 <= b_f.min() < b_f.max() <= np.log(49)
    again = fresh(kind, task, 16, seed=3, steps=50)
    for a, b in zip(network.parameters().values(), again.parameters().values(), strict=True):
        assert np.array_equal(a, b)


def test_the_network_of_a_is_that_of_its_setting():
    task = tasks.adding(20)
    plain = bptt.Network.init(
        2, reach.HIDDEN, 1, "orthogonal", gain=1.1, loss="mse", loss_at="last", rng=2
    )
    assert np.array_equal(
        reach.network_of(task, "tanh, orthogonal × 1.1", 2).layer.W_R, plain.layer.W_R
    )


def test_the_loss_of_the_best_constant():
    assert constant_loss(tasks.adding(30)) == pytest.approx(1 / 6, rel=0.1)
    assert constant_loss(tasks.order2(30)) == pytest.approx(np.log(4), rel=0.01)


def test_a_training_stops_at_its_mark_and_goes_on_as_one_training(tmp_path):
    whole = outcome(TINY)
    assert [mark for mark, *_ in whole["curve"]] == list(range(2, 41, 2))
    assert not whole["solved"]
    learnt = outcome(sets.record("permutation 3", "GRU, PyTorch's init", 16, 1, 0, 400, rate=1e-2))
    assert learnt["solved"]
    assert learnt["at"] == learnt["curve"][-1][0] < 400
    assert learnt["curve"][-1][1] <= np.log(2) / 2 * 1.01
    assert all(loss > np.log(2) / 2 * 0.99 for _, loss, _ in learnt["curve"][:-1])
    result = bptt.training.train(
        fresh(TINY["kind"], tasks.xor(14), 8, seed=0), tasks.xor(14), updates=40, batch=8,
        optimiser=bptt.training.Adam(1e-3),
    )  # fmt: skip
    assert whole["curve"][-1][2] == pytest.approx(result.score, abs=1e-4)


def test_what_a_file_holds_is_not_trained_again(tmp_path):
    path = tmp_path / "outcomes.jsonl"
    main([TINY], path)
    first = path.read_text()
    main([TINY, TINY | {"seed": 1}], path)
    assert path.read_text().startswith(first)
    assert len(path.read_text().splitlines()) == 2


def test_a_look_ahead_is_stored_compactly_and_read_back():
    seen = ahead(TINY)
    measured = [measured_of(row) for row in seen["ahead"]]
    assert [m.update for m in measured] == [0, 0, 1, 2, 4]
    assert measured[0].blind == pytest.approx(np.log(2), rel=0.1)
    assert abs(measured[-1].agreement_mid.coherence) <= 1
    assert compact([1.23456789, None, 3]) == [1.235, None, 3]


@pytest.mark.needs("sktime")
@pytest.mark.parametrize("name", ["acsf1", "gunpoint", "basic_motions", "italy_power_demand"])
def test_real_sequences(name):
    work = work_of(sets.record(name, "", 8, 1, 0, 10))
    x, targets = work.data.train.x, work.data.train.targets
    shape = {
        "acsf1": (146, 100, 1), "gunpoint": (150, 50, 1), "basic_motions": (100, 40, 6),
        "italy_power_demand": (24, 67, 1),
    }[name]  # fmt: skip
    assert x.shape == shape
    assert x.mean((0, 1)) == pytest.approx(np.zeros(shape[2]), abs=1e-4)
    assert work.data.outputs == len(np.unique(targets)) == targets.max() + 1
