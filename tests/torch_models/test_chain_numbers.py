"""Chains in half precision, and in two directions: the scale of what is carried, and the lag that is judged."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.torch_models.decompose import decompose


class Scaled(torch.autograd.Function):
    """Halves a state, and multiplies its gradient by something else."""

    @staticmethod
    def forward(ctx, h, factor):
        ctx.factor = factor
        return h * 0.5

    @staticmethod
    def backward(ctx, d):
        return d * ctx.factor, None


class Grows(nn.Module):
    def __init__(self, dtype, factor):
        super().__init__()
        self.cell, self.factor = nn.RNNCell(2, 4, False, "relu", dtype=dtype), factor
        for W in self.cell.parameters():
            nn.init.constant_(W, 0.25)

    def forward(self, x):
        h = None
        for x_t in x:
            h = self.cell(x_t, None if h is None else Scaled.apply(h, self.factor))
        return h.sum()


@pytest.mark.parametrize("factor", [2.0**-8, 2.0**8])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_signal_leaves_the_range_of_the_type_and_is_still_measured(dtype, factor):
    """One step is W_R = 1/4 everywhere, of eigenvalue 1: the signal goes on by the factor alone."""
    parts = decompose(Grows(dtype, factor), torch.ones(40, 3, 2, dtype=dtype), lambda m, x: m(x))
    log = parts.profiles[0].log10_norm
    assert len(log) == 40
    assert np.allclose(np.diff(log[:25]), np.log10(factor), atol=1e-2)


def test_steps_in_two_directions_are_judged_at_half_of_their_chain():
    class Chunks(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.rnn = nn.GRU(2, 4, bidirectional=True, dtype=torch.float64)

        def forward(self, x):
            state, total = None, 0.0
            for part in x.split(1):
                out, state = self.rnn(part, state)
                total = total + (out**2).sum()
            return total

    report = bptt.diagnose(Chunks(), torch.randn(9, 3, 2).double(), lambda m, x: m(x))
    assert {layer.needed_lag for layer in report.layers.values()} == {4}
