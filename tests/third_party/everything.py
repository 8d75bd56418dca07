"""Every case, every step of a package's own, and every model that is refused."""

import torch
from torch import nn

from tests.third_party import agents, forecasting, series, speech, text
from tests.third_party.case import Case, Setup

ALL = [*agents.CASES, *forecasting.CASES, *speech.CASES, *text.CASES, *series.CASES]


def _mean_square(model, x):
    states = model(x)
    return (states[0] if isinstance(states, tuple) else states).square().mean()


def crdnn_as_it_comes():
    from speechbrain.lobes.models.CRDNN import CRDNN

    x = torch.randn(2, 12, 8)
    model = CRDNN(input_shape=x.shape, cnn_blocks=0, rnn_layers=1, rnn_neurons=6, dnn_blocks=0)
    return Setup(model, x, _mean_square, {})


def python_lstm():
    from torchrl.modules import LSTM

    return Setup(LSTM(8, 6, batch_first=True), torch.randn(2, 12, 8), _mean_square, {})


def leaky():
    from snntorch import RLeaky

    class Spiking(nn.Module):
        def __init__(self):
            super().__init__()
            self.neuron = RLeaky(beta=0.9, linear_features=8)

        def forward(self, x):
            spikes, membrane = self.neuron.init_rleaky()
            for x_t in x:
                spikes, membrane = self.neuron(x_t, spikes, membrane)
            return membrane

    return Setup(Spiking(), torch.randn(12, 2, 8), _mean_square, {"neuron": 12})


# Recurrences that are none of PyTorch's: each is one error, with the way to measure its step.
REFUSED = [
    Case("speechbrain", "CRDNN, LiGRU (its default)", "a light GRU of its own", crdnn_as_it_comes,
         ("speechbrain", "torchaudio")),
    Case("torchrl", "LSTM", "a subclass of nn.RNNBase, written in Python", python_lstm, ("torchrl",)),
]  # fmt: skip

# Steps of a package's own, which the model calls once per time step: found by themselves.
STEPS = [
    Case("snntorch", "RLeaky", "a leaky neuron with a linear recurrence", leaky, ("snntorch",), in_ci=True),
]  # fmt: skip
