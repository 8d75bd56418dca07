"""What does not fit is refused in one sentence; what is not finite is named, with its lag or its step."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import NonFiniteError, OptionError
from tests.torch_models.test_matrix import Reader, agree, loss, make

X = torch.randn(9, 4, 3, dtype=torch.float64)


def test_no_recurrence():
    with pytest.raises(OptionError, match=r"model: expected a module with PyTorch's nn\.RNN"):
        bptt.diagnose(nn.Linear(3, 2), X, lambda m, x: m(x.float()).sum())


def test_neither_kind_of_model():
    with pytest.raises(OptionError, match=r"a bptt\.Network or a torch\.nn\.Module"):
        bptt.diagnose("model.pt", X, loss)


@pytest.mark.parametrize("wrong", [None, 3.0])
def test_no_loss(wrong):
    with pytest.raises(OptionError, match="called as loss"):
        bptt.diagnose(Reader(make("GRU")), (X,), wrong)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), nn.functional.mse_loss])
def test_a_criterion_is_no_loss_of_a_model_and_a_batch(criterion):
    """It takes outputs and targets: the line says how to write the function."""
    words = r"loss: expected a function, called as loss\(model, batch\), got \w+, which takes outputs and targets"
    with pytest.raises(
        OptionError,
        match=rf"{words}. Pass lambda model, batch: criterion\(model\(batch\[0\]\), batch",
    ):
        bptt.diagnose(Reader(make("GRU")), (X, X), criterion)


def test_arguments_that_have_changed_places():
    """One line, without the numbers of the batch."""
    model, batch = Reader(make("GRU")), (X, X)
    for wrong, words in {
        (
            batch,
            model,
            loss,
        ): "model: expected the model, then the batch, got a tuple of Tensor and Tensor, and then Reader",
        (
            model,
            loss,
            batch,
        ): "batch: expected the batch, then the loss, got loss, and then a tuple of Tensor and Tensor",
    }.items():
        with pytest.raises(OptionError) as caught:
            bptt.diagnose(*wrong)
        assert str(caught.value) == f"{words}. Call bptt.diagnose(model, batch, loss)."
    with pytest.raises(
        OptionError, match=r"loss: expected None for a bptt.Network, which has its own, got Tensor"
    ):
        bptt.diagnose(bptt.Network.init(3, 4, 2, rng=0), batch, X)


def test_a_loader_is_no_batch():
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X), batch_size=4)
    with pytest.raises(
        OptionError, match=r"batch: expected one batch, .* got a DataLoader.*next\(iter\(loader\)\)"
    ):
        bptt.diagnose(Reader(make("GRU")), loader, loss)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m, x: torch.ones(()),
        lambda m, x: torch.no_grad()(m)(*x),
        lambda m, x: m(*x).detach(),
        lambda m, x: (m.rnn.weight_ih_l0**2).sum(),
    ],
)
def test_a_loss_that_does_not_depend_on_the_layer(wrong):
    with pytest.raises(OptionError, match="expected one that depends on the recurrent layer"):
        bptt.diagnose(Reader(make("GRU")), (X,), wrong)


def ctc(model, x):
    """Targets that are longer than the outputs: infinite, and taken for zero."""
    scores = model.rnn(x)[0].log_softmax(2)
    targets = torch.ones(4, 20, dtype=torch.long)
    lengths = torch.full((4,), 9), torch.full((4,), 20)
    return nn.functional.ctc_loss(scores, targets, *lengths, zero_infinity=True)


@pytest.mark.parametrize(
    "flat",
    [
        ctc,
        lambda m, x: m(x) * 0,
        lambda m, x: nn.functional.relu(m(x) * 0 - 1),
        lambda m, x: (m.rnn(x)[0] * torch.zeros(9, 4, 1)).sum(),
        lambda m, x: m(x).clamp(1e9, 2e9),
    ],
)
def test_a_loss_whose_gradient_is_zero_throughout_depends_on_the_layer_all_the_same(flat):
    with pytest.raises(
        OptionError, match="expected a gradient that is not zero, got one that is zero"
    ):
        bptt.diagnose(Reader(make("GRU")), X, flat)


def test_a_loss_that_is_no_number():
    with pytest.raises(OptionError, match="returns one number"):
        bptt.diagnose(Reader(make("GRU")), (X,), lambda m, x: m.rnn(*x)[0])
    with pytest.raises(OptionError, match="returns one number"):
        bptt.diagnose(Reader(make("GRU")), (X,), lambda m, x: m(*x).item())


def test_the_needed_lag_lies_within_the_sequence():
    for needed_lag in (9, -1, 2.5):
        with pytest.raises(OptionError, match="needed_lag: expected a whole number from 0 to 8"):
            bptt.diagnose(Reader(make("GRU")), (X,), loss, needed_lag=needed_lag)
    report = bptt.diagnose(Reader(make("GRU")), (X,), loss, needed_lag=3.0)
    assert report.diagnosis.decisive.needed_lag == 3


def test_the_needed_lag_is_among_those_that_are_computed():
    """Of a lag that is not computed nothing is known: "vanishing" would be made up."""
    with pytest.raises(OptionError, match="max_lag: expected at least the needed lag, 4, got 2"):
        bptt.diagnose(Reader(make("GRU")), (X,), loss, max_lag=2)
    assert bptt.diagnose(Reader(make("GRU")), (X,), loss, needed_lag=2, max_lag=2.0).layers


def test_a_parameter_that_is_not_finite_is_named():
    model = Reader(make("LSTM", num_layers=2))
    with torch.no_grad():
        model.rnn.weight_ih_l1[2, 3] = float("nan")
    with pytest.raises(NonFiniteError, match=r"rnn\.weight_ih_l1 is not finite"):
        bptt.diagnose(model, (X,), loss)


def test_a_gradient_that_is_not_finite_is_named_with_its_step():
    def broken(model, batch):
        out = model.rnn(*batch)[0]
        return out.sum() + torch.sqrt(out[5] * 0).sum()  # 0 · ∞ on the way back

    with pytest.raises(NonFiniteError, match="at step 5"):
        bptt.diagnose(Reader(make("GRU")), (X,), broken)


def test_a_gradient_that_leaves_the_type_is_judged_all_the_same():
    model = Reader(nn.RNN(1, 2, nonlinearity="relu"))
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        model.rnn.weight_ih_l0.fill_(1)
        model.rnn.weight_hh_l0.copy_(30 * torch.eye(2))
    x = torch.zeros(40, 1, 1)
    x[0] = 1e-30

    def last(model, batch):
        return model.rnn(*batch)[0][-1].sum()

    report = bptt.diagnose(model, (x,), last)
    assert report.verdict == "exploding"


def test_a_subclass_that_does_something_around_its_forward_is_seen_inside():
    class Twice(nn.GRU):
        def forward(self, x, hx=None):
            out, h = super().forward(x.flip(0), hx)
            return 2 * out, h

    torch.manual_seed(0)
    model = Reader(Twice(3, 6, dtype=torch.float64))
    assert agree(model, (X,)) == 1
    plain = Reader(make("GRU"))
    plain.rnn.load_state_dict(model.rnn.state_dict())
    ours = bptt.diagnose(model, (X,), loss).layers["rnn.0"].profile
    same = bptt.diagnose(plain, (X.flip(0),), lambda m, x: _twice(m.rnn(*x)[0])).layers["rnn.0"]
    assert ours.norm == pytest.approx(same.profile.norm, rel=1e-12)


def _twice(out):
    return (torch.sin(6 * out) * 2 * out).sum()


class NormedCell(nn.LSTMCell):
    """A subclass whose step is its own."""

    def __init__(self):
        super().__init__(3, 6)
        self.norm = nn.LayerNorm(24)

    def forward(self, x, state):
        h, c = state
        gates = self.norm(x @ self.weight_ih.T + h @ self.weight_hh.T + self.bias_ih)
        i, f, g, o = gates.chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.plain = NormedCell(), nn.GRU(6, 4)

    def forward(self, x, goes_on=False):
        state, states = (torch.zeros(4, 6), torch.zeros(4, 6)), []
        for x_t in x:
            state = self.cell(x_t, state)
            states.append(state[0])
        out = torch.stack(states)
        return (self.plain(out)[0] if goes_on else out).square().sum()


class AllAtOnce(nn.GRU):
    """A subclass that computes all steps by itself."""

    def forward(self, x):
        h = torch.zeros(x.shape[1], 6)
        for x_t in x:
            h = torch.tanh(x_t @ self.weight_ih_l0[:6].T + h @ self.weight_hh_l0[:6].T)
        return h


def test_a_subclass_with_a_step_of_its_own():
    """Measured by itself where it is called step by step; else refused, or left out, with the line to write."""
    (layer,) = bptt.diagnose(Normed(), X.float(), lambda m, x: m(x)).layers.values()
    assert (layer.name, layer.kind) == ("cell", "NormedCell")
    with pytest.raises(OptionError, match=r"rnn, a AllAtOnce with a forward of its own") as error:
        bptt.diagnose(
            nn.ModuleDict({"rnn": AllAtOnce(3, 6)}), X.float(), lambda m, x: m["rnn"](x).sum()
        )
    assert "bptt.torch_models.by_lag(step, dict(model.rnn.named_parameters())" in str(error.value)
    report = bptt.diagnose(Normed(), X.float(), lambda m, x: m(x, goes_on=True))
    assert list(report.layers) == ["plain.0"]
    (left_out,) = (each for each in report.diagnosis.assumed if "cell was not measured" in each)
    assert "recurrent='cell'" in left_out


def test_a_weight_that_is_used_elsewhere_too_is_measured_where_the_recurrence_uses_it():
    model = Reader(make("GRU"))
    alone = bptt.diagnose(model, (X,), loss).layers["rnn.0"].profile
    both = bptt.diagnose(model, (X,), lambda m, x: m(*x) + (m.rnn.weight_hh_l0**2).sum())
    assert both.layers["rnn.0"].profile.norm == pytest.approx(alone.norm, rel=1e-12)
