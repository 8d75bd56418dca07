"""The gate that lets a step of one's own keep its state: found in the graph, and set by the line of code in the advice."""

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from torch import nn

import bptt

I, H, T, LAG = 3, 6, 30, 20


class Loop(nn.Module):
    def __init__(self, cell, parts):
        super().__init__()
        self.cell, self.parts = cell, parts

    def forward(self, x):
        h = x.new_zeros(x.shape[1], H)
        state = (h,) * self.parts if self.parts > 1 else h
        for x_t in x:
            state = self.cell(x_t, state)
        return state[0] if self.parts > 1 else state


class LSTM(nn.Module):
    """By hand; the gates through one logistic or apart, before it a norm or none."""

    def __init__(self, norm, together):
        super().__init__()
        self.F, self.R = nn.Linear(I, 4 * H), nn.Linear(H, 4 * H)
        self.norm, self.together = nn.LayerNorm(4 * H) if norm else nn.Identity(), together

    def forward(self, x, state):
        h, c = state
        z = self.norm(self.F(x) + self.R(h))
        if self.together:
            i, f, o = torch.sigmoid(z[:, : 3 * H]).chunk(3, 1)
        else:
            i, f, o = (torch.sigmoid(part) for part in z[:, : 3 * H].split(H, 1))
        c = f * c + i * torch.tanh(z[:, 3 * H :])
        return o * torch.tanh(c), c


class GRU(nn.Module):
    """By hand, with one of the ways in which its last line is written."""

    def __init__(self, last):
        super().__init__()
        self.F, self.R = nn.Linear(I, 2 * H), nn.Linear(H, 2 * H, bias=False)
        self.new, self.last = nn.Linear(I + H, H), last

    def forward(self, x, h):
        r, z = torch.sigmoid(self.F(x) + self.R(h)).split(H, 1)
        return self.last(z, h, torch.tanh(self.new(torch.cat([x, r * h], 1))))


class Plain(nn.Module):
    """A reset gate alone keeps nothing."""

    def __init__(self):
        super().__init__()
        self.gate, self.new = nn.Linear(I, H), nn.Linear(I + H, H)

    def forward(self, x, h):
        return torch.tanh(self.new(torch.cat([x, torch.sigmoid(self.gate(x)) * h], 1)))


# What lets it keep its state: the parameters, from where to where; the sign of its number.
KEPT = 0.1 ** (1 / LAG)
NUMBER = float(np.log(KEPT / (1 - KEPT)))
GATES = {
    "LSTM": (lambda: LSTM(False, False), 2, ["F.bias", "R.bias"], 1),
    "LSTM, one logistic": (lambda: LSTM(False, True), 2, ["F.bias", "R.bias"], 1),
    "LSTM with a norm": (lambda: LSTM(True, False), 2, ["norm.bias"], 1),
    "(1 - z) n + z h": (lambda: GRU(lambda z, h, n: (1 - z) * n + z * h), 1, ["F.bias"], 1),
    "z n + (1 - z) h": (lambda: GRU(lambda z, h, n: z * n + (1 - z) * h), 1, ["F.bias"], -1),
    "n + z (h - n)": (lambda: GRU(lambda z, h, n: n + z * (h - n)), 1, ["F.bias"], 1),
    "h + z (n - h)": (lambda: GRU(lambda z, h, n: h + z * (n - h)), 1, ["F.bias"], -1),
    "lerp": (lambda: GRU(lambda z, h, n: torch.lerp(h, n, z)), 1, ["F.bias"], -1),
}


def diagnosed(model):
    x = torch.randn(T, 4, I, generator=torch.Generator().manual_seed(0))

    def loss(model, x):
        return model(x).square().sum()

    return bptt.diagnose(model, x, loss, needed_lag=LAG, recurrent="cell", progress=False)


@pytest.mark.parametrize("name", GATES)
def test_the_line_of_code_sets_the_gate_and_is_not_repeated(name):
    make, parts, biases, sign = GATES[name]
    torch.manual_seed(0)
    model = Loop(make(), parts)
    before = {of: value.clone() for of, value in model.named_parameters()}
    report = diagnosed(model)
    assert report.verdict == "vanishing"
    advice = report.diagnosis.decisive.advice[0]
    assert advice.number == pytest.approx(sign * NUMBER)
    exec(advice.code, {"model": model})
    for of, value in model.named_parameters():
        expected = before[of]
        if of.removeprefix("cell.") in biases:
            number = sign * NUMBER if of.removeprefix("cell.") == biases[0] else 0.0
            expected[H : 2 * H] = number
        torch.testing.assert_close(value.detach(), expected, rtol=1e-3, atol=1e-6)
    again = diagnosed(model)
    assert again.verdict == "steady"
    assert not any(advice.code for advice in again.diagnosis.decisive.advice)


def test_what_is_so_already_is_not_advised():
    """A gate that is open, and W_R such that the signal vanishes by another way than the state's own."""
    torch.manual_seed(0)
    model = Loop(GRU(lambda z, h, n: 0.5 * (z * h) + (1 - z) * n), 1)
    with torch.no_grad():
        model.cell.F.bias[H:] = 9.0
    advice = diagnosed(model).diagnosis.decisive.advice
    assert not any(each.code for each in advice)
    assert "Let a step pass on" in advice[0].sentence


def test_a_reset_gate_is_none_that_keeps():
    torch.manual_seed(0)
    advice = diagnosed(Loop(Plain(), 1)).diagnosis.decisive.advice
    assert [each.code for each in advice] == [""]
    assert "Let a step pass on" in advice[0].sentence


class Subtracted(nn.Module):
    """A threshold: it is taken from what comes in, so that a larger one closes the gate."""

    def __init__(self):
        super().__init__()
        self.F, self.new = nn.Linear(I, H, bias=False), nn.Linear(I + H, H)
        self.threshold = nn.Parameter(torch.zeros(H))

    def forward(self, x, h):
        z = torch.sigmoid(self.F(x) - self.threshold)
        return z * h + (1 - z) * torch.tanh(self.new(torch.cat([x, h], 1)))


def test_a_parameter_that_closes_the_gate_is_no_bias_to_raise():
    torch.manual_seed(0)
    advice = diagnosed(Loop(Subtracted(), 1)).diagnosis.decisive.advice
    assert not any(each.code for each in advice)
