"""Every configuration: outputs, states, every gradient, and the layout in memory, against PyTorch's own layer."""

from itertools import product

import pytest

pytest.importorskip("torch")

import torch
from torch.func import functional_call, vjp
from torch.nn.utils.rnn import pack_padded_sequence

import bptt
from tests.nn.pairs import KINDS, by_our_loops, one_pass, pair, tensors

T, B, I, H = 6, 4, 3, 5
LENGTHS = [3, 6, 1, 4]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6}
LAYERS = list(product(KINDS, (1, 2, 3), (False, True), (True, False), (False, True), (0.0, 0.3)))
FORMS = ("plain", "states", "unbatched", "packed", "sorted", "packed states")


def packing(form, batch_first):
    if form == "sorted":
        return lambda x: pack_padded_sequence(x, sorted(LENGTHS)[::-1], batch_first)
    if form.startswith("packed"):
        return lambda x: pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)
    return None


def agree(theirs, ours, dtype):
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        off = float((value - ours[name]).abs().max()) / max(1.0, float(value.abs().max()))
        assert off <= TOLERANCE[dtype], (name, off)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers(kind, form, dtype):
    torch.manual_seed(0)
    for _, layers, two, bias, batch_first, dropout in (row for row in LAYERS if row[0] == kind):
        if dropout and layers == 1:
            continue
        theirs, ours = pair(
            kind, I, H, num_layers=layers, bidirectional=two, bias=bias, batch_first=batch_first,
            dropout=dropout, dtype=dtype,
        )  # fmt: skip
        unbatched = form == "unbatched"
        shape = (T,) if unbatched else (B, T) if batch_first else (T, B)
        x = torch.randn(*shape, I, dtype=dtype)
        states = []
        if form.endswith("states"):
            of = (layers * (1 + two), *(() if unbatched else (B,)), H)
            states = [torch.randn(of, dtype=dtype) for _ in range(1 + (kind == "LSTM"))]
        packed = packing(form, batch_first)
        agree(one_pass(theirs, x, states, packed), one_pass(ours, x, states, packed), dtype)
        given = x if packed is None else packed(x)
        a, b = theirs(given), ours(given)
        assert by_our_loops(b)
        if packed is None:
            assert a[0].stride() == b[0].stride()
        with torch.no_grad():
            torch.manual_seed(0)
            first = ours.train()(given)
            torch.manual_seed(0)
            again = theirs.train()(given)
        agree(
            *({str(n): t for n, t in enumerate(out)} for out in map(tensors, (again, first))), dtype
        )


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(B,), ()], ids=["batch", "unbatched"])
@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_cells(kind, with_state, shape, bias, dtype):
    torch.manual_seed(0)
    theirs, ours = pair(f"{kind}Cell", I, H, bias=bias, dtype=dtype)
    x = torch.randn(*shape, I, dtype=dtype)
    states = [torch.randn(*shape, H, dtype=dtype) for _ in range(1 + (kind == "LSTM"))]
    states = states if with_state else []
    hx = None if not states else tuple(states) if len(states) > 1 else states[0]
    same(theirs(x, hx), ours(x, hx))  # a step alone is PyTorch's own
    names, parameters = zip(*ours.named_parameters(), strict=True)

    def step(x, states, parameters):
        hx = None if not states else tuple(states) if len(states) > 1 else states[0]
        return tensors(functional_call(ours, dict(zip(names, parameters, strict=True)), (x, hx)))

    parameters = [p.detach() for p in parameters]
    out, back = vjp(step, x, states, parameters)  # by the loops
    expected = one_pass(theirs, x, states)
    generator = torch.Generator().manual_seed(1)
    dx, dstates, dparameters = back(
        [torch.randn(o.shape, generator=generator, dtype=dtype) for o in out]
    )
    found = {f"output {n}": o.detach() for n, o in enumerate(out)}
    found |= {f"state {n}": d for n, d in enumerate(dstates)} | {"x": dx}
    agree(expected, found | dict(zip(names, dparameters, strict=True)), dtype)


def same(a, b):
    assert all(torch.equal(one, other) for one, other in zip(tensors(a), tensors(b), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_wider_than_a_register(kind):
    """Sizes that fill registers, and leave a rest."""
    torch.manual_seed(0)
    for inputs, hidden, steps, sequences in (
        (1, 1, 1, 1),
        (7, 33, 3, 2),
        (40, 70, 2, 19),
        (16, 64, 20, 1),
    ):
        theirs, ours = pair(
            kind, inputs, hidden, num_layers=2, bidirectional=True, dtype=torch.float64
        )
        x = torch.randn(steps, sequences, inputs, dtype=torch.float64)
        agree(one_pass(theirs, x, []), one_pass(ours, x, []), torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_in_any_layout(kind):
    """Transposed, expanded, sliced and with a gap between the numbers; and states and errors like that."""
    torch.manual_seed(0)
    theirs, ours = pair(kind, I, H, dtype=torch.float64)
    base = torch.randn(T, B, 2 * I, dtype=torch.float64)
    for x in (
        base[..., ::2], base[..., :I], base[..., :I].transpose(0, 1).contiguous().transpose(0, 1),
        base[:1, ..., :I].expand(T, B, I), base.permute(2, 0, 1)[:I].permute(1, 2, 0),
    ):  # fmt: skip
        states = [torch.randn(1, H, B, dtype=torch.float64).transpose(1, 2)] * (
            1 + (kind == "LSTM")
        )
        a, b = (one_pass(module, x, states) for module in (theirs, ours))
        agree(a, b, torch.float64)
    for module in (theirs, ours):
        module.zero_grad()
        module(x)[0].sum().backward()  # an error that is one number, expanded
    agree(*({n: p.grad for n, p in m.named_parameters()} for m in (theirs, ours)), torch.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_one_output_alone(kind):
    """A loss that sees the outputs, or one of the final states, and no more."""
    torch.manual_seed(0)
    theirs, ours = pair(kind, I, H, num_layers=2, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64)
    for number in range(2 + (kind == "LSTM")):
        found = []
        for module in (theirs, ours):
            module.zero_grad(set_to_none=True)
            tensors(module(x))[number].square().sum().backward()
            found.append({name: p.grad for name, p in module.named_parameters()})
        agree(*found, torch.float64)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_finite_goes_where_it_goes_in_pytorch(kind, value):
    torch.manual_seed(0)
    theirs, ours = pair(kind, I, H, dtype=torch.float64)
    x = torch.randn(T, B, I, dtype=torch.float64)
    x[2, 1, 0] = value
    for a, b in zip(tensors(theirs(x)), tensors(ours(x)), strict=True):
        torch.testing.assert_close(a, b, equal_nan=True, rtol=0, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_pytorchs_number_of_threads_is_followed(threads):
    before = torch.get_num_threads()
    torch.manual_seed(0)
    layer, x = bptt.nn.GRU(64, 128, num_layers=2), torch.randn(20, 32, 64)
    try:
        torch.set_num_threads(1)
        alone = layer(x)[0]
        torch.set_num_threads(threads)
        assert torch.equal(layer(x)[0], alone)  # the same bits
    finally:
        torch.set_num_threads(before)
