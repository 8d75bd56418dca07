"""What the loops do not take is PyTorch's own: its numbers, its errors, one warning at most."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

import bptt
from tests.nn.pairs import KINDS, by_our_loops, pair, tensors

ONCE = "is computed by PyTorch's own layer, because"


def same(a, b):
    for one, other in zip(tensors(a), tensors(b), strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_and_autocast(kind):
    theirs, ours = pair(kind, 3, 5)
    x = torch.randn(4, 2, 3)
    with pytest.warns(UserWarning, match=f"{ONCE} autocast chooses its types"):
        with torch.autocast("cpu", torch.bfloat16):
            same(theirs(x), ours(x))
    theirs, ours = theirs.bfloat16(), ours.bfloat16()
    same(theirs(x.bfloat16()), ours(x.bfloat16()))  # not said twice: a warning here is an error


def test_another_device():
    layer = bptt.nn.GRU(3, 5, device="meta")
    with pytest.warns(UserWarning, match=f"{ONCE} it is on meta"):
        assert layer(torch.ones(4, 2, 3, device="meta"))[0].is_meta


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_a_projection():
    theirs, ours = pair("LSTM", 3, 5, proj_size=2, num_layers=2, bidirectional=True)
    x = torch.randn(4, 2, 3)
    with pytest.warns(UserWarning, match=f"{ONCE} it has a projection"):
        same(theirs(x), ours(x))


@pytest.mark.parametrize(
    "form", ["T = 0", "B = 0", "one axis", "features", "type", "hx", "hx type", "hx axes", "whole"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_its_errors_are_the_users(kind, form):
    theirs, ours = pair(kind, 3, 5, num_layers=2)
    x, of_h, dtype = torch.randn(4, 2, 3), (2, 2, 5), torch.float32
    if form == "T = 0":
        x = torch.empty(0, 2, 3)
    elif form == "B = 0":
        x, of_h = torch.empty(4, 0, 3), (2, 0, 5)
    elif form == "one axis":
        x = torch.randn(3)
    elif form == "features":
        x = torch.randn(4, 2, 7)
    elif form == "type":
        x = x.double()
    elif form == "whole":
        x = torch.ones(4, 2, 3, dtype=torch.int64)
    of_h = {"hx": (2, 3, 5), "hx axes": (2, 5)}.get(form, of_h)
    dtype = torch.float64 if form == "hx type" else dtype
    h = torch.zeros(of_h, dtype=dtype)
    hx = (h, h) if kind == "LSTM" else h
    found = []
    for module in (theirs, ours):
        try:
            found.append([tuple(t.shape) for t in tensors(module(x, hx))])
        except Exception as error:
            found.append((type(error), str(error)))
    assert found[0] == found[1]


def test_batch_sizes_that_do_not_fit_the_rows():
    """Made by hand: what is read must lie within the rows that there are."""
    packed = nn.utils.rnn.PackedSequence(torch.ones(5, 3), torch.tensor([4, 4, 4]))
    with pytest.raises(RuntimeError):
        bptt.nn.GRU(3, 5)(packed)


def test_what_the_loops_are_not_faster_at():
    """One step of many units, and a W_R beyond the cache with few sequences; nothing is said of it."""
    for layer, T, B, ours in (
        (bptt.nn.GRU(3, 256), 1, 2, False), (bptt.nn.GRU(3, 256), 4, 2, True),
        (bptt.nn.RNN(3, 64), 1, 2, False), (bptt.nn.LSTM(3, 64), 1, 2, True),
        (bptt.nn.LSTM(3, 512), 4, 2, False), (bptt.nn.LSTM(3, 512), 4, 16, True),
    ):  # fmt: skip
        assert by_our_loops(layer(torch.ones(T, B, 3))) == ours


def test_whoever_watches_functions_sees_pytorchs():
    class Seen(TorchFunctionMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.names.append(getattr(func, "__name__", ""))
            return func(*args, **(kwargs or {}))

    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    with Seen() as seen:
        layer(x)
    assert "gru" in seen.names
    with FlopCounterMode(display=False) as flops:
        layer(x)
    assert flops.get_total_flops() >= 2 * 4 * 2 * 15 * (3 + 5)
    with bptt.nn.pytorchs_own():
        assert not by_our_loops(layer(x))
    assert by_our_loops(layer(x))


def test_a_default_device_is_no_watcher():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    with torch.device("cpu"):
        assert by_our_loops(layer(x))
    with torch.device("meta"):  # what is made elsewhere is no matter of the layer's
        assert by_our_loops(layer(x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of PyTorch's own
def test_forward_mode():
    theirs, ours = pair("GRU", 3, 5, dtype=torch.float64)
    x, way = torch.randn(4, 2, 3, dtype=torch.float64), torch.randn(4, 2, 3, dtype=torch.float64)

    def tangent(module):
        with forward_ad.dual_level():
            return forward_ad.unpack_dual(module(forward_ad.make_dual(x, way))[0]).tangent

    with pytest.warns(UserWarning, match=f"{ONCE} it is differentiated forward"):
        found = tangent(ours)
    assert torch.equal(found, tangent(theirs))


def test_a_subclass_of_tensors():
    class Marked(torch.Tensor):
        pass

    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3).as_subclass(Marked)
    with pytest.warns(UserWarning, match=f"{ONCE} its tensors are of class Marked"):
        assert isinstance(layer(x)[0], Marked)


def test_negated_views():
    layer, x = bptt.nn.GRU(3, 5), torch.ones(4, 2, 3)
    out = layer(torch._neg_view(x))[0]
    torch.testing.assert_close(out, layer(-x)[0])
