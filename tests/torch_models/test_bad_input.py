"""What does not fit is refused in one sentence; what is not finite is named, with its lag or its step."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import AgreementError, NonFiniteError, OptionError
from tests.torch_models.test_matrix import Reader, loss, make

X = torch.randn(9, 4, 3, dtype=torch.float64)


def test_no_recurrence():
    with pytest.raises(OptionError, match=r"model: expected a module with nn\.RNN"):
        bptt.diagnose(nn.Linear(3, 2), X, lambda m, x: m(x.float()).sum())


def test_neither_kind_of_model():
    with pytest.raises(OptionError, match=r"a bptt\.Network or a torch\.nn\.Module"):
        bptt.diagnose("model.pt", X, loss)


@pytest.mark.parametrize("wrong", [None, 3.0])
def test_no_loss(wrong):
    with pytest.raises(OptionError, match="called as loss"):
        bptt.diagnose(Reader(make("GRU")), (X,), wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda m, x: torch.ones(()),
        lambda m, x: torch.no_grad()(m)(*x),
        lambda m, x: m(*x).detach(),
        lambda m, x: (m.rnn.weight_ih_l0**2).sum(),
        lambda m, x: m(*x) * 0 + m.rnn(*x)[0].detach().sum(),
    ],
)
def test_a_loss_that_does_not_depend_on_the_layer(wrong):
    with pytest.raises(OptionError, match="depends on the recurrent layer"):
        bptt.diagnose(Reader(make("GRU")), (X,), wrong)


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


def test_a_subclass_with_a_forward_of_its_own_is_not_judged():
    class Twice(nn.GRU):
        def forward(self, x, hx=None):
            out, h = super().forward(x, hx)
            return 2 * out, h

    torch.manual_seed(0)
    model = Reader(Twice(3, 6, dtype=torch.float64))
    with pytest.raises(AgreementError, match="a forward of its own"):
        bptt.diagnose(model, (X,), loss)


def test_a_weight_that_is_used_elsewhere_too_is_not_judged():
    model = Reader(make("GRU"))
    with pytest.raises(AgreementError, match="used elsewhere"):
        bptt.diagnose(model, (X,), lambda m, x: m(*x) + (m.rnn.weight_hh_l0**2).sum())
