"""A layer of PyTorch's and ours with the same weights, and one pass of each."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

import bptt

KINDS = ("RNN", "RELU", "GRU", "LSTM")


def pair(kind, *sizes, **options):
    """(PyTorch's, ours): "RELU" is an RNN with relu, a name that ends in "Cell" a cell."""
    if kind.startswith("RELU"):
        kind, options = kind.replace("RELU", "RNN"), {**options, "nonlinearity": "relu"}
    theirs, ours = (getattr(package, kind)(*sizes, **options) for package in (nn, bptt.nn))
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def tensors(value):
    """The tensors of what a layer returns."""
    if isinstance(value, PackedSequence):
        return [value.data]
    return [value] if isinstance(value, torch.Tensor) else [t for v in value for t in tensors(v)]


def one_pass(module, x, states, packed=None, seed=0):
    """What comes out and every gradient, by name.

    Args:
        module: the layer.
        x: its inputs.
        states: the initial ones.
        packed: makes a packed sequence of x, or None.
        seed: of the dropout.
    """
    x = x.clone().requires_grad_()
    states = [state.clone().requires_grad_() for state in states]
    hx = None if not states else tuple(states) if len(states) > 1 else states[0]
    torch.manual_seed(seed)
    out = tensors(module(x if packed is None else packed(x), hx))
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(o.shape, generator=generator, dtype=o.dtype) for o in out]
    sum((o * w).sum() for o, w in zip(out, weights, strict=True)).backward()
    found = {f"output {n}": o.detach() for n, o in enumerate(out)}
    found |= {f"state {n}": s.grad for n, s in enumerate(states)} | {"x": x.grad}
    return found | {name: p.grad for name, p in module.named_parameters()}


def by_our_loops(out):
    """Whether the compiled loops computed it, by what autograd knows of it."""
    return "_Run" in tensors(out)[0].grad_fn.name()
