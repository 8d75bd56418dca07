"""What is special in a package, against a calculation of its own."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import bptt
from tests.third_party import agents, series

pytestmark = pytest.mark.filterwarnings("default")  # deprecations and hints of the packages


def test_an_agents_lags_are_those_of_a_weight_per_step():
    """G_k = Σ_t dE_t/dW_{t-k}, with a copy W_s of the recurrent weights in each step and E_t the loss of step t."""
    setup = agents.cleanrl_agent()
    agent, (x, done, returns) = setup.model, setup.batch
    T, B = 32, 4
    report = bptt.diagnose(agent, setup.batch, setup.loss)
    copies = [agent.lstm.weight_hh_l0.detach().clone().requires_grad_() for _ in range(T)]
    hidden = agent.network(x).view(T, B, -1)
    h = c = torch.zeros(1, B, 16)
    values = []
    for s in range(T):
        kept = (1 - done.view(T, B)[s]).view(1, B, 1)
        out, (h, c) = torch.func.functional_call(
            agent.lstm, {"weight_hh_l0": copies[s]}, (hidden[s][None], (kept * h, kept * c))
        )
        values.append(agent.critic(out[0])[:, 0])
    expected = np.zeros((T, *copies[0].shape))
    for t in range(T):
        E_t = 0.5 * ((values[t] - returns.view(T, B)[t]) ** 2).sum() / (T * B)
        grads = torch.autograd.grad(E_t, copies[: t + 1], retain_graph=True)
        for s, grad in enumerate(grads):
            expected[t - s] += grad.numpy()
    norm = np.linalg.norm(expected, axis=(1, 2))
    # float32; the smallest lags lie nine decades below the first.
    np.testing.assert_allclose(report.layers["lstm.0"].profile.norm, norm, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("reset", ["none", "subtract", "zero"])
def test_a_spiking_cells_lags_are_those_of_a_weight_per_step(reset):
    """The same for snnTorch: the state of its second cell, with the threshold taken off or set to zero."""
    pytest.importorskip("snntorch", reason="pip install snntorch")
    setup = series.slstm(reset)
    report = bptt.diagnose(setup.model, setup.batch, setup.loss)
    net, (x, y) = setup.model, setup.batch
    T, cell = len(x), net.second.lstm_cell
    copies = [cell.weight_hh.detach().clone().requires_grad_() for _ in range(T)]
    W = cell._parameters.pop("weight_hh")
    states, membranes = [net.first.reset_mem(), net.second.reset_mem()], []
    for s in range(T):
        cell.weight_hh = copies[s]
        spikes, *states[0] = net.first(x[s], *states[0])
        states[1] = net.second(spikes, *states[1])[1:]
        membranes.append(states[1][1])
    del cell.weight_hh
    cell.weight_hh = W
    mean = torch.stack(membranes).mean(0)
    of_mean = torch.autograd.grad(
        torch.nn.functional.cross_entropy(mean, y), mean, retain_graph=True
    )[0]
    expected = np.zeros((T, *W.shape))
    for t in range(T):
        # Only what the loss itself sends to step t: the membrane's part of the mean.
        grads = torch.autograd.grad(
            membranes[t], copies[: t + 1], of_mean / T, retain_graph=True, allow_unused=True
        )
        for s, grad in enumerate(grads):
            expected[t - s] += 0 if grad is None else grad.numpy()
    norm = np.linalg.norm(expected, axis=(1, 2))
    lags = report.layers["second.lstm_cell.0"].profile.norm
    np.testing.assert_allclose(lags, norm, rtol=1e-3, atol=1e-9)


class Fed(torch.nn.Module):
    """An encoder of nine steps, then six forecasts, each written into the next input, as in
    pytorch-forecasting's RecurrentNetwork in eval mode."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = torch.nn.LSTM(3, 5, batch_first=True), torch.nn.Linear(5, 1)

    def forward(self, past, future):
        states = self.rnn(past)[1]
        forecasts = []
        for t in range(6):
            x = future[:, [t]].clone()
            if forecasts:  # the first is what was observed last
                x[:, 0, 0] = forecasts[-1][:, 0]
            out, states = self.rnn(x, states)
            forecasts.append(self.out(out[:, -1]))
        return torch.stack(forecasts)


def test_a_forecast_that_is_fed_back_is_counted_at_its_lag():
    torch.manual_seed(0)
    model, past, future = (
        Fed().double(),
        torch.randn(4, 9, 3).double(),
        torch.randn(4, 6, 3).double(),
    )
    report = bptt.diagnose(
        model, (past, future), lambda model, batch: model(*batch).square().mean()
    )
    copies = [model.rnn.weight_hh_l0.detach().clone().requires_grad_() for _ in range(15)]
    states, forecasts = (torch.zeros(1, 4, 5).double(), torch.zeros(1, 4, 5).double()), []
    for s in range(15):
        x = past[:, [s]] if s < 9 else future[:, [s - 9]].clone()
        if s > 9:
            x[:, 0, 0] = forecasts[-1][:, 0]
        out, states = torch.func.functional_call(
            model.rnn, {"weight_hh_l0": copies[s]}, (x, states)
        )
        forecasts.append(model.out(out[:, -1]))
    expected = np.zeros((15, *copies[0].shape))
    # The loss is a sum over the forecasts at steps 9 to 14; of each, what the others had no part in.
    for t in range(9, 15):
        at_t = forecasts[t].detach() * 2 / 24
        for s, grad in enumerate(
            torch.autograd.grad(forecasts[t], copies[: t + 1], at_t, retain_graph=True)
        ):
            expected[t - s] += grad.numpy()
    norm = np.linalg.norm(expected, axis=(1, 2))
    np.testing.assert_allclose(report.layers["rnn.0"].profile.norm, norm, rtol=1e-9, atol=1e-15)
