"""Classifiers of series, and spiking cells."""

import functools

import torch
from torch import nn

from tests.third_party.case import Case, Setup


class Spiking(nn.Module):
    """Two of snnTorch's SLSTMs, run step by step as its tutorials do."""

    def __init__(self, reset, kept, inputs):
        super().__init__()
        import snntorch

        options = {"reset_mechanism": reset, "threshold": 0.1, "init_hidden": kept}
        self.first = snntorch.SLSTM(inputs, 10, **options)
        self.second = snntorch.SLSTM(10, 10, output=True, **options)
        self.kept = kept

    def forward(self, x):
        states = [self.first.reset_mem(), self.second.reset_mem()]
        membranes = []
        for x_t in x:
            if self.kept:
                _, _, mem = self.second(self.first(x_t))
            else:
                spikes, *states[0] = self.first(x_t, *states[0])
                _, syn, mem = self.second(spikes, *states[1])
                states[1] = [syn, mem]
            membranes.append(mem)
        return torch.stack(membranes)


STEPS = 12  # each is a call of its own that is taken apart


def slstm(reset, kept=False, inputs=10):
    torch.manual_seed(0)
    batch = torch.randn(STEPS, 5, inputs), torch.randint(10, (5,))

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0]).mean(0), batch[1])

    # snnTorch starts from zero wherever the state has not the shape of the input, that is in every step.
    lags = {"first.lstm_cell.0": STEPS if inputs == 10 else 1, "second.lstm_cell.0": STEPS}
    return Setup(Spiking(reset, kept, inputs), batch, loss, lags)


class Last(nn.Module):
    """A classifier for skorch, as its users write them."""

    def __init__(self, hidden=12):
        super().__init__()
        self.gru = nn.GRU(4, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 3)

    def forward(self, X):
        return self.out(self.gru(X)[0][:, -1])


def skorch_net():
    from skorch import NeuralNetClassifier

    torch.manual_seed(0)
    net = NeuralNetClassifier(
        Last, module__hidden=12, criterion=nn.CrossEntropyLoss, verbose=0
    ).initialize()
    X, y = torch.randn(6, 30, 4), torch.randint(3, (6,))

    def loss(module, batch):
        return net.get_loss(module(batch[0]), batch[1])

    net.module_.train()
    return Setup(net, (X, y), loss, {"gru.0": 30})


def _classify(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def tsai_rnn(kind, both):
    from tsai.models import RNN

    torch.manual_seed(0)
    model = getattr(RNN, kind)(
        3, 4, hidden_size=10, n_layers=2, rnn_dropout=0.2, bidirectional=both
    )
    batch = torch.randn(5, 3, 40), torch.randint(4, (5,))
    if not both:
        return Setup(model.train(), batch, _classify, {"rnn.0": 40, "rnn.1": 40})
    # Read at the last step, the upper level's backward direction has seen that step alone. The lower level's is
    # read by the upper forward direction too: 39 steps back to step 0, and in its own order 39 more.
    lags = {"rnn.0.forward": 40, "rnn.0.backward": 79, "rnn.1.forward": 40, "rnn.1.backward": 1}
    return Setup(model.train(), batch, _classify, lags)


def tsai_fcn(shuffle):
    from tsai.models.RNN_FCN import LSTM_FCN

    torch.manual_seed(0)
    model = LSTM_FCN(3, 4, seq_len=40, hidden_size=10, conv_layers=[8, 8, 8], shuffle=shuffle)
    batch = torch.randn(5, 3, 40), torch.randint(4, (5,))
    # Its authors hand the LSTM the variables as steps: a sequence of 3, with 40 features.
    return Setup(model.train(), batch, _classify, {"rnn.0": 3 if shuffle else 40})


CASES = [
    *(Case("snntorch", f"SLSTM, reset by {reset}" if reset != "none" else "SLSTM", what,
           functools.partial(slstm, reset), ("snntorch",), in_ci=True)
      for reset, what in (
          ("none", "a cell per step"),
          ("subtract", "the threshold is taken off the state in place"),
          ("zero", "the cell is called twice in each step"),
      )),
    Case("snntorch", "SLSTM, 6 inputs and 10 units", "the package zeroes the state in every step",
         functools.partial(slstm, "none", False, 6), ("snntorch",), in_ci=True),
    Case("snntorch", "SLSTM, init_hidden", "the states stay in the module",
         functools.partial(slstm, "subtract", True), ("snntorch",), in_ci=True),
    Case("skorch", "NeuralNetClassifier", "the net itself is handed over", skorch_net, ("skorch",),
         in_ci=True),
    *(Case("tsai", f"{kind}{', both directions' if both else ''}", "two levels, read at the last step",
           functools.partial(tsai_rnn, kind, both), ("tsai", "fastai"))
      for kind, both in (("RNN", False), ("LSTM", False), ("GRU", False), ("LSTM", True))),
    *(Case("tsai", "LSTM_FCN" + ("" if shuffle else ", shuffle=False"),
           "the variables are the steps" if shuffle else "a convolution beside the LSTM",
           functools.partial(tsai_fcn, shuffle), ("tsai", "fastai"))
      for shuffle in (True, False)),
]  # fmt: skip
