"""torch.func, torch.compile, torch.export and TorchScript."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, vmap

import bptt
from bptt.errors import OptionError
from tests.nn.pairs import KINDS, pair, tensors


def loss(module, parameters, x):
    return sum(out.square().sum() for out in tensors(functional_call(module, parameters, (x,))))


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "GRUCell", "LSTMCell"])
def test_gradients_per_sample(kind):
    """Those of each sample alone; PyTorch's own layers cannot be mapped."""
    torch.manual_seed(0)
    options = {} if kind.endswith("Cell") else {"num_layers": 2, "bidirectional": True}
    theirs, ours = pair(kind, 3, 5, dtype=torch.float64, **options)
    x = torch.randn(4, *(() if kind.endswith("Cell") else (6,)), 2, 3, dtype=torch.float64)
    parameters = dict(ours.named_parameters())
    found = vmap(grad(lambda p, x: loss(ours, p, x)), (None, 0))(parameters, x)
    for i in range(len(x)):
        theirs.zero_grad()
        sum(out.square().sum() for out in tensors(theirs(x[i]))).backward()
        for name, p in theirs.named_parameters():
            torch.testing.assert_close(found[name][i], p.grad, rtol=0, atol=1e-12)


def test_mapped_over_weights():
    torch.manual_seed(0)
    layers = [bptt.nn.GRU(3, 5, dtype=torch.float64) for _ in range(3)]
    parameters, _ = torch.func.stack_module_state(layers)
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    out = vmap(lambda p: functional_call(layers[0], p, (x,))[0])(parameters)
    for row, layer in zip(out, layers, strict=True):
        torch.testing.assert_close(row, layer(x)[0], rtol=0, atol=1e-14)


def test_jacobian():
    torch.manual_seed(0)
    theirs, ours = pair("LSTM", 2, 3, dtype=torch.float64)
    x = torch.randn(3, 1, 2, dtype=torch.float64)
    J = jacrev(lambda x: ours(x)[0])(x)
    expected = torch.autograd.functional.jacobian(lambda x: theirs(x)[0], x)
    torch.testing.assert_close(J, expected, rtol=0, atol=1e-12)


def test_gradients_of_gradients_are_refused():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    inner = grad(lambda x: layer(x)[0].sum())
    with pytest.raises(OptionError, match="create_graph: expected gradients that are taken once"):
        grad(lambda x: inner(x).square().sum())(x)


class Model(nn.Module):
    def __init__(self, package, kind):
        super().__init__()
        self.layer = getattr(package, kind)(
            3, 5, num_layers=2, batch_first=True, dtype=torch.float64
        )
        self.cell = getattr(package, f"{kind}Cell")(5, 4, dtype=torch.float64)

    def forward(self, x):
        return self.cell(self.layer(x)[0][:, -1])


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_compiled_in_one_graph(kind):
    torch.manual_seed(0)
    theirs, ours = Model(nn, kind), Model(bptt.nn, kind)
    ours.load_state_dict(theirs.state_dict())
    compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
    for shape in ((2, 6, 3), (3, 7, 3), (2, 6, 3)):
        found = []
        for model in (theirs, compiled):
            x = torch.ones(shape, dtype=torch.float64, requires_grad=True)
            model.zero_grad()
            out = tensors(model(x))
            sum(o.square().sum() for o in out).backward()
            found.append([*out, x.grad, *(p.grad.clone() for p in model.parameters())])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), theirs(x), rtol=0, atol=1e-13)


def test_others_are_not_let_in_with_ours():
    """The setting that would have Dynamo unroll PyTorch's own layers stays as it is."""
    torch.compile(bptt.nn.GRU(2, 3), fullgraph=True, backend="eager")(torch.ones(4, 2, 2))
    assert not torch._dynamo.config.allow_rnn
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(nn.GRU(2, 3), fullgraph=True, backend="eager")(torch.ones(4, 2, 2))


@pytest.mark.parametrize("strict", [False, True])
def test_exported(strict):
    torch.manual_seed(0)
    model, x = Model(bptt.nn, "LSTM").eval(), torch.randn(2, 6, 3, dtype=torch.float64)
    length = torch.export.Dim("length", min=2)
    program = torch.export.export(model, (x,), dynamic_shapes={"x": {1: length}}, strict=strict)
    assert sum("recurrent" in str(node.target) for node in program.graph.nodes) == 1
    for given in (x, torch.randn(2, 9, 3, dtype=torch.float64)):
        torch.testing.assert_close(program.module()(given), model(given), rtol=0, atol=1e-14)


def test_the_operators_are_what_they_say():
    """PyTorch's own check of an operator: schema, what comes out without computing it, and the way back."""
    from bptt.nn.operator import recurrent

    layer = bptt.nn.LSTM(2, 3, dtype=torch.float64)
    x, h = torch.ones(4, 2, 2, dtype=torch.float64), torch.zeros(1, 2, 3, dtype=torch.float64)
    args = (x, [h, h.clone()], [*layer.parameters()], [], "LSTM", 1, False, True, False)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    torch.library.opcheck(recurrent, args, test_utils=tests)


@pytest.mark.filterwarnings("ignore")  # of the tracer, and that it is an old one
def test_torchscript_has_pytorchs_own():
    model, x = Model(bptt.nn, "GRU"), torch.ones(2, 6, 3, dtype=torch.float64)
    expected = model(x)
    traced = torch.jit.trace(model, x)
    torch.testing.assert_close(traced(x), expected, rtol=0, atol=1e-13)
    scripted = torch.jit.script(model)
    torch.testing.assert_close(scripted(x), expected, rtol=0, atol=1e-13)


def test_dynamo_is_not_imported_for_those_who_do_not_compile():
    """It takes seconds. Once it is there it knows our layers."""
    code = """
import sys, torch, bptt
layer, x = bptt.nn.GRU(2, 3), torch.ones(4, 2, 2)
layer(x)[0].sum().backward()
bptt.nn.GRUCell(2, 3)(x[0])
assert "torch._dynamo" not in sys.modules
torch.compile(layer, fullgraph=True, backend="eager")(x)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
