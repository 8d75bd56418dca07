"""What autograd promises of a layer: changes in place are found, a gradient is had again, frozen weights get none."""

import gc

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import bptt
from bptt.errors import OptionError
from tests.nn.pairs import KINDS, by_our_loops, pair, tensors


def batch(*shape):
    torch.manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_changed_between_the_passes_is_found(kind):
    _, layer = pair(kind, 3, 5, dtype=torch.float64)
    out = tensors(layer(batch(4, 2, 3)))[0]
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


def test_an_input_changed_between_the_passes_is_found():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    out = layer(x)[0]
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_may_be_changed_in_place(kind):
    theirs, ours = pair(kind, 3, 5, num_layers=2, dtype=torch.float64)
    found = []
    for layer in (theirs, ours):
        out, *states = tensors(layer(batch(4, 2, 3)))
        out.mul_(2)
        states[-1].add_(1)
        (out.square().sum() + states[0].sum()).backward()
        found.append([p.grad for p in layer.parameters()])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_a_gradient_is_had_twice_from_one_graph():
    layer, x = bptt.nn.GRU(3, 5, dtype=torch.float64), batch(4, 2, 3)
    out = layer(x)[0]
    first = torch.autograd.grad(out.sum(), layer.weight_hh_l0, retain_graph=True)[0]
    again = torch.autograd.grad(out.sum(), layer.weight_hh_l0)[0]
    assert torch.equal(first, again)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        out.sum().backward()


def test_frozen_parameters_get_no_gradient():
    theirs, ours = pair("LSTM", 3, 5, num_layers=2, dtype=torch.float64)
    found = []
    for layer in (theirs, ours):
        layer.requires_grad_(False)
        layer.weight_hh_l0.requires_grad_(True)
        layer(batch(4, 2, 3))[0].square().sum().backward()
        assert layer.weight_ih_l0.grad is None
        found.append(layer.weight_hh_l0.grad)
    torch.testing.assert_close(*found, rtol=0, atol=1e-12)
    ours.requires_grad_(False)
    assert not ours(batch(4, 2, 3))[0].requires_grad


def test_the_bias_gradients_are_not_one_tensor():
    layer = bptt.nn.RNN(3, 5)
    layer(torch.ones(4, 2, 3))[0].sum().backward()
    layer.bias_ih_l0.grad.zero_()
    assert layer.bias_hh_l0.grad.abs().max() > 0


def test_no_gradient_where_none_is_asked_for():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    with torch.no_grad():
        assert not layer(x)[0].requires_grad
    with torch.inference_mode():
        out, h = layer(x, layer(x)[1])
    assert out.is_inference()
    assert h.is_inference()


def test_gradients_of_gradients_are_refused_with_the_way_to_them():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3, requires_grad=True)
    (once,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
    with pytest.raises(
        OptionError, match=r"bptt\.restore\(model\) gives PyTorch's own layers back"
    ):
        once.square().sum().backward()
    bptt.restore(layer)
    (once,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
    once.square().sum().backward()


def test_the_gradient_by_numbers():
    torch.manual_seed(0)
    for kind in KINDS[:1] + KINDS[2:]:
        _, layer = pair(kind, 2, 3, num_layers=2, bidirectional=True, dtype=torch.float64)
        x = batch(3, 2, 2).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, layer=layer: tensors(layer(x)), (x,))


def test_many_gradients_at_once():
    theirs, ours = pair("GRU", 2, 3, dtype=torch.float64)
    rows = []
    for layer in (theirs, ours):
        x = batch(3, 1, 2).requires_grad_()
        out = layer(x)[0].flatten()
        eye = torch.eye(len(out), dtype=torch.float64)
        rows.append(torch.autograd.grad(out, x, eye, is_grads_batched=True)[0])
    torch.testing.assert_close(*rows, rtol=0, atol=1e-13)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed(reentrant):
    torch.manual_seed(0)
    layer, x = (
        bptt.nn.LSTM(3, 5, num_layers=2, dropout=0.5),
        torch.ones(4, 2, 3, requires_grad=True),
    )
    torch.manual_seed(1)
    layer(x)[0].sum().backward()
    plain, x.grad = x.grad, None
    torch.manual_seed(1)
    checkpoint(layer, x, use_reentrant=reentrant)[0].sum().backward()
    assert torch.equal(x.grad, plain)


def test_saved_tensors_are_seen_by_hooks():
    layer, x, seen = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3), []

    def pack(tensor):
        seen.append(tensor.numel())
        return tensor.clone()

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = layer(x)[0]
    out.sum().backward()
    assert sum(seen) >= 4 * 2 * 5 * 4  # the gates too


def test_dropout_draws_what_pytorch_draws():
    """The same masks from the same seed, and the same random numbers behind them."""
    theirs, ours = pair("GRU", 3, 5, num_layers=3, dropout=0.5, dtype=torch.float64)
    found = []
    for layer in (theirs, ours):
        torch.manual_seed(3)
        found.append((layer(batch(4, 2, 3))[0], torch.rand(2)))
    torch.testing.assert_close(*(out for out, _ in found), rtol=0, atol=1e-13)
    assert torch.equal(*(rest for _, rest in found))


def count_tensors():
    return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())


@pytest.mark.long
def test_ten_thousand_calls_leak_nothing():
    resource = pytest.importorskip("resource")
    layer, cell = bptt.nn.LSTM(8, 16), bptt.nn.GRUCell(8, 16)
    x = torch.ones(5, 4, 8)

    def calls(count):
        for _ in range(count):
            out, _ = layer(x)
            (out.sum() + cell(x[0]).sum()).backward()
            layer.zero_grad()
            with torch.no_grad():
                layer(x)

    calls(500)
    gc.collect()
    tensors_before = count_tensors()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(10_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    gc.collect()
    assert count_tensors() <= tensors_before + 5
    assert grown < 20_000  # KB; what a call saves, 10,000 times, is 140,000


def test_a_tensor_that_is_let_go_of_goes():
    """No circle of references: nothing waits for the garbage collector."""
    import weakref

    layer = bptt.nn.GRU(3, 5)
    gc.disable()
    try:
        out, h = layer(torch.ones(4, 2, 3))
        assert by_our_loops(out)
        gone = weakref.ref(out.grad_fn)
        del out, h
        assert gone() is None
    finally:
        gc.enable()


def test_a_learned_initial_state():
    theirs, ours = pair("GRU", 3, 5, dtype=torch.float64)
    h0 = nn.Parameter(batch(1, 1, 5))
    found = []
    for layer in (theirs, ours):
        out = layer(batch(4, 2, 3), h0.expand(1, 2, 5))[0]
        found.append(torch.autograd.grad(out.square().sum(), h0)[0])
    torch.testing.assert_close(*found, rtol=0, atol=1e-13)
    assert by_our_loops(ours(batch(4, 1, 3), h0))
