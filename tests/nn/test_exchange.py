"""Layers changed in place and back: parameters, hooks, files and copies stay; what cannot be changed is left and said."""

import copy
import io
import pickle

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError
from bptt.kernels import pool, whole_layer
from tests.nn.pairs import by_our_loops


class Own(nn.GRU):
    def forward(self, x, hx=None):
        return super().forward(2 * x, hx)


class Named(nn.GRU):
    pass


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 5, num_layers=2, batch_first=True)
        self.steps = nn.ModuleList([nn.GRUCell(5, 4), nn.RNNCell(4, 4, nonlinearity="relu")])
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        out, _ = self.encoder(x)
        h = self.steps[0](out[:, -1])
        return self.head(self.steps[1](h))


def test_in_place_and_back():
    torch.manual_seed(0)
    model, x = Model().double(), torch.randn(2, 6, 3, dtype=torch.float64)
    parameters, state = list(model.parameters()), copy.deepcopy(model.state_dict())
    before = model(x)
    done = bptt.accelerate(model)
    assert done.changed == {"encoder": "bptt.nn.LSTM"}
    assert done.left == dict.fromkeys(
        ("steps.0", "steps.1"), "one step of a cell is as fast in PyTorch"
    )
    assert repr(done).splitlines() == [
        "encoder: now bptt.nn.LSTM",
        "steps.0: left, one step of a cell is as fast in PyTorch",
        "steps.1: left, one step of a cell is as fast in PyTorch",
    ]
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
    assert by_our_loops(model.encoder(x))
    torch.testing.assert_close(model(x), before, rtol=0, atol=1e-14)
    again = bptt.accelerate(model)
    assert not again.changed
    assert again.left["encoder"] == "it is ours already"
    assert isinstance(model.encoder, nn.LSTM)
    back = bptt.restore(model)
    assert back.changed == {"encoder": "torch.nn.LSTM"}
    assert type(model.encoder) is nn.LSTM
    assert torch.equal(model(x), before)
    assert all(torch.equal(a, state[n]) for n, a in model.state_dict().items())


def test_the_model_itself_is_a_layer():
    layer = nn.GRU(2, 3)
    assert bptt.accelerate(layer).changed == {"": "bptt.nn.GRU"}
    assert repr(bptt.restore(layer)) == "the model: now torch.nn.GRU"


def test_what_is_left_is_said():
    replaced = nn.GRU(2, 3)
    replaced.forward = lambda x, hx=None: (x, hx)
    computed = nn.utils.parametrizations.weight_norm(nn.GRU(2, 3), "weight_hh_l0")
    model = nn.ModuleDict({
        "own": Own(2, 3), "named": Named(2, 3), "replaced": replaced, "computed": computed,
        "projected": nn.LSTM(2, 3, proj_size=2), "short": nn.LSTM(2, 3, dtype=torch.bfloat16),
        "away": nn.RNN(2, 3, device="meta"), "head": nn.Linear(2, 2),
    })  # fmt: skip
    done = bptt.accelerate(model)
    assert not done.changed
    assert done.left == {
        "own": "a Own computes by itself",
        "named": "a Named is a class of its own",
        "replaced": "its forward was replaced",
        "computed": "its weights are computed from others",
        "projected": "its projection is computed by PyTorch",
        "short": "its numbers are bfloat16",
        "away": "it is on meta",
    }
    assert "own: left, a Own computes by itself" in repr(done)


def test_a_model_without_layers():
    assert repr(bptt.accelerate(nn.Linear(2, 2))).startswith("no recurrent layer")
    with pytest.raises(OptionError, match=r"model: expected a torch.nn.Module, got str"):
        bptt.accelerate("model")


def test_hooks_stay():
    layer, seen = nn.GRU(2, 3), []
    layer.register_forward_pre_hook(lambda module, args: seen.append("before"))
    layer.register_forward_hook(lambda module, args, out: seen.append("after"))
    layer.register_full_backward_hook(lambda module, *grads: seen.append("back"))
    layer.weight_hh_l0.register_post_accumulate_grad_hook(lambda p: seen.append("grad"))
    bptt.accelerate(layer)
    layer(torch.ones(4, 2, 2, requires_grad=True))[0].sum().backward()
    assert sorted(seen) == ["after", "back", "before", "grad"]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(copied):
    torch.manual_seed(0)
    layer, x = bptt.nn.GRU(2, 3, num_layers=2), torch.randn(4, 2, 2)
    layer(x)
    same = copied(layer)
    assert type(same) is bptt.nn.GRU
    assert torch.equal(same(x)[0], layer(x)[0])
    with torch.no_grad():
        same.weight_hh_l1.zero_()
    assert not torch.equal(same(x)[0], layer(x)[0])


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM", "RNNCell", "GRUCell", "LSTMCell"])
def test_files_both_ways(kind):
    ours, theirs = getattr(bptt.nn, kind)(2, 3), getattr(nn, kind)(2, 3)
    for a, b in ((ours, theirs), (theirs, ours)):
        file = io.BytesIO()
        torch.save(a.state_dict(), file)
        file.seek(0)
        b.load_state_dict(torch.load(file, weights_only=True))
    assert repr(ours) == repr(theirs)


def test_weights_that_are_computed_or_put_in_their_place_act():
    torch.manual_seed(0)
    x = torch.randn(4, 2, 2, dtype=torch.float64)
    found = []
    for package in (nn, bptt.nn):
        torch.manual_seed(0)
        normed = package.GRU(2, 3, dtype=torch.float64)
        normed = nn.utils.parametrizations.weight_norm(normed, "weight_hh_l0")
        functional = package.GRU(2, 3, dtype=torch.float64)
        doubled = {name: 2 * p.detach() for name, p in functional.named_parameters()}
        assigned = package.GRU(2, 3, dtype=torch.float64)
        assigned(x)
        assigned.weight_hh_l0 = nn.Parameter(torch.eye(9, 3, dtype=torch.float64))
        other = package.LSTM(2, 3)
        other(x.float())
        other.double()
        out = [
            normed(x)[0], torch.func.functional_call(functional, doubled, (x,))[0], functional(x)[0],
            assigned(x)[0], other(x)[0],
        ]  # fmt: skip
        out[0].sum().backward()
        found.append([o.detach() for o in out] + [p.grad for p in normed.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)


def test_old_weight_norm():
    torch.manual_seed(0)
    with pytest.warns(FutureWarning):
        layer = nn.utils.weight_norm(nn.GRU(2, 3), "weight_hh_l0")
    x = torch.randn(4, 2, 2)
    before = layer(x)[0]
    assert bptt.accelerate(layer).changed
    torch.testing.assert_close(layer(x)[0], before)
    layer(x)[0].sum().backward()
    assert layer.weight_hh_l0_g.grad.abs().max() > 0


def test_a_step_saves_into_the_memory_of_the_one_before():
    """Fresh pages cost a sixth of a step of a large layer. They are given back once the model is PyTorch's own again."""
    model, x = nn.ModuleDict({"rnn": nn.LSTM(8, 64)}), torch.randn(50, 16, 8)
    bptt.accelerate(model)

    def step():
        """Where what it saved is, which is more than all else."""
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
            model["rnn"](x)[0].sum().backward()
        return max(saved, key=torch.numel).data_ptr()

    pool.release()
    places = [step() for _ in range(4)]
    assert len(set(places)) == 1
    assert pool.idle() >= 4 * whole_layer.numbers_saved(2, 50 * 16, 64, 1, 1)
    bptt.restore(model)
    assert pool.idle() == 0
