"""Accelerated models are measured as they are: the same answer as for PyTorch's layers."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import bptt
from bptt.kernels import instruction_sets
from bptt.nn.functional import accelerated
from bptt.torch_models import diagnose_module, where_not_finite
from bptt.torch_models.capture import capturing

pytestmark = pytest.mark.skipif(
    instruction_sets.compiled is None, reason="needs the compiled loops"
)


class Tagger(nn.Module):
    """Levels with dropout and two directions, packed; a cell in a loop behind them."""

    def __init__(self, kind):
        super().__init__()
        self.encoder = getattr(nn, kind)(4, 6, num_layers=2, dropout=0.3, bidirectional=True)
        self.cell = getattr(nn, f"{kind}Cell")(12, 5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        packed = pack_padded_sequence(x, [12, 7, 12], enforce_sorted=False)
        out = nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0])[0]
        state, scores = None, []
        for step in out:
            state = self.cell(step, state)
            scores.append(self.head(state[0] if isinstance(state, tuple) else state))
        return torch.stack(scores)


def loss(model, batch):
    return nn.functional.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())


def two_models(kind):
    torch.manual_seed(0)
    theirs = Tagger(kind).double()
    ours = copy.deepcopy(theirs)
    assert set(bptt.accelerate(ours).changed) == {"encoder"}
    return theirs, ours, (torch.randn(12, 3, 4, dtype=torch.float64), torch.randint(3, (12, 3)))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_the_same_diagnosis(kind):
    theirs, ours, batch = two_models(kind)
    found = []
    for model in (theirs, ours):
        torch.manual_seed(1)  # the same dropout
        found.append(diagnose_module(model, batch, loss))
    a, b = found
    assert a.layers.keys() == b.layers.keys()
    assert a.assumed == b.assumed
    for name, own in a.layers.items():
        other = b.layers[name]
        assert own.verdict == other.verdict
        assert [str(each) for each in own.advice] == [str(each) for each in other.advice]
        np.testing.assert_allclose(own.profile.norm, other.profile.norm, rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(own.profile.signal, other.profile.signal, rtol=1e-9, atol=1e-14)
    assert type(ours.encoder).__module__ == "bptt.nn"


def test_an_accelerated_layer_is_measured_by_the_loops():
    """What autograd goes back through is the loops' own pass, not PyTorch's."""
    theirs, ours, batch = two_models("GRU")
    for model, by_loops in ((theirs, False), (ours, True)):
        with capturing(model, batch, loss) as captured:
            names, queue = set(), [captured.root.grad_fn]
            while queue:
                node = queue.pop()
                if node is not None and node not in names:
                    names.add(node)
                    queue += [following for following, _ in node.next_functions]
        assert any("_RunBackward" in node.name() for node in names) == by_loops


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_the_functions_take_what_pytorchs_take():
    torch.manual_seed(0)
    layer, x = nn.LSTM(3, 5, num_layers=2, proj_size=2), torch.randn(4, 2, 3)
    h, c = torch.zeros(2, 2, 2), torch.zeros(2, 2, 5)
    weights = list(layer.parameters())
    args = (x, (h, c), weights, True, 2, 0.0, False, False, False)
    for a, b in zip(accelerated(torch.lstm)(*args), torch.lstm(*args), strict=True):
        assert torch.equal(a, b)


def test_the_same_log():
    theirs, ours, batch = two_models("GRU")
    logs = []
    for model in (theirs, ours):
        torch.manual_seed(2)
        optimizer, lines = torch.optim.SGD(model.parameters(), lr=0.1), []
        with bptt.Monitor(model, batch, loss, every=2, log=lines.append):
            for _ in range(4):
                optimizer.zero_grad()
                loss(model, batch).backward()
                optimizer.step()
        logs.append(lines)
    for a, b in zip(*logs, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            expected = pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
            assert b[key] == expected, key


def test_the_same_place_that_is_not_finite():
    theirs, ours, (x, y) = two_models("RNN")
    x[3, 1, 2] = torch.nan
    assert where_not_finite(ours, (x, y), loss) == where_not_finite(theirs, (x, y), loss)
    x[3, 1, 2] = 0.0
    for model in (theirs, ours):
        with torch.no_grad():
            model.cell.weight_hh[0, 0] = torch.inf
    assert where_not_finite(ours, (x, y), loss) == where_not_finite(theirs, (x, y), loss)


def test_a_layer_that_is_run_without_a_gradient_is_no_other_recurrence():
    torch.manual_seed(0)

    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.below, self.above = nn.GRU(3, 5), nn.GRU(5, 4)

        def forward(self, x):
            with torch.no_grad():
                below = self.below(x)[0]
            return self.above(below)[0].square().mean()

    model, x = Frozen(), torch.randn(6, 2, 3)
    plain = diagnose_module(model, x, lambda m, x: m(x))
    bptt.accelerate(model)
    assert diagnose_module(model, x, lambda m, x: m(x)).assumed == plain.assumed


def test_the_same_remedies():
    torch.manual_seed(0)

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.RNN(3, 8), nn.Linear(8, 1)

        def forward(self, x):
            return self.head(self.rnn(x)[0][-1])

    theirs, x = Sequence(), torch.randn(12, 16, 3)
    ours, batch = copy.deepcopy(theirs), (x, x[2, :, :1])
    bptt.accelerate(ours)

    def squared(model, batch):
        return (model(batch[0]) - batch[1]).square().mean()

    found = []
    for model in (theirs, ours):
        report = bptt.diagnose(model, batch, squared, needed_lag=9)
        ranking = report.try_remedies(only=["gain", "identity-relu"])
        found.append([(tried.name, tried.sentences) for tried in ranking.tried])
        assert type(model.rnn) is (nn.RNN if model is theirs else bptt.nn.RNN)
    assert found[0] == found[1]
