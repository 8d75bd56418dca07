"""Remedies on a PyTorch model: tried on copies, written back into the very module."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError

H, T = 16, 30


class Model(nn.Module):
    """A recurrent module and a readout."""

    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(2, H, batch_first=True, **options)
        self.out = nn.Linear(H * (1 + options.get("bidirectional", False)), 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def loss(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def made(kind=nn.RNN, **options):
    torch.manual_seed(0)
    model = Model(kind, **options).double()
    batch = (torch.randn(8, T, 2).double(), torch.randn(8, 1).double())
    return model, batch


def try_on(model, batch, **options):
    return bptt.diagnose(model, batch, loss).try_remedies(progress=False, **options)


def test_the_model_is_left_as_it_was_until_apply():
    model, batch = made()
    kept = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    found = try_on(
        model, batch, trial_updates=5, only=["orthogonal", "identity-relu", "gain", "clip"]
    )
    assert {t.name for t in found.tried} >= {"orthogonal", "identity-relu", "gain"}
    assert (torch.random.get_rng_state() == state).all()
    for name, value in model.state_dict().items():
        assert (value == kept[name]).all()
    found.apply("identity-relu")
    assert (model.rnn.weight_hh_l0 == torch.eye(H)).all()
    assert (model.rnn.weight_ih_l0 == kept["rnn.weight_ih_l0"]).all()
    assert not (model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0).any()
    # the module itself computes relu now, step by step as the formula says
    h, x = torch.zeros(8, H).double(), batch[0]
    for t in range(T):
        h = torch.relu(x[:, t] @ model.rnn.weight_ih_l0.T + h)
    assert torch.allclose(model(x), model.out(h), rtol=1e-12)


def test_measured_as_diagnose_measures_the_changed_module():
    model, batch = made()
    found = try_on(model, batch, trial_updates=0, only=["gain"])
    said = found.named("gain").log10_attenuation
    found.apply("gain")
    again = bptt.diagnose(model, batch, loss).diagnosis.decisive.log10_attenuation
    assert said == pytest.approx(again, abs=1e-9)
    assert abs(again) < 0.03


def test_the_two_biases_of_an_lstm_add_up_to_one():
    model, batch = made(nn.LSTM, num_layers=2)
    try_on(model, batch, trial_updates=0, only=["forget-bias"]).apply("forget-bias")
    for level in range(2):
        b = getattr(model.rnn, f"bias_ih_l{level}") + getattr(model.rnn, f"bias_hh_l{level}")
        assert (b[H : 2 * H] == 1).all()


def test_gru_keeps_the_candidates_own_bias():
    model, batch = made(nn.GRU, bidirectional=True)
    kept = model.rnn.bias_hh_l0[2 * H :].clone()
    out = model(batch[0])
    found = try_on(model, batch, trial_updates=0, only=["update-bias"])
    assert (model(batch[0]) == out).all()
    found.apply("update-bias")
    assert (model.rnn.bias_hh_l0[2 * H :] == kept).all()
    assert not (model(batch[0]) == out).any()


def test_trials_go_through_the_batches_given():
    model, batch = made()
    read = []

    class Batches:
        def __iter__(self):
            for n in range(3):
                read.append(n)
                yield batch

    try_on(model, batch, data=Batches(), trial_updates=7, only=["orthogonal"])
    assert read == [0, 1, 2, 0, 1, 2, 0] * 2
    with pytest.raises(OptionError, match="an iterator that was used is empty"):
        try_on(model, batch, data=iter([batch]), trial_updates=7, only=["orthogonal"])


def test_trial_follows_a_loop_of_ones_own():
    """The trial's losses are those of an Adam loop as anyone would write it."""
    model, batch = made()
    found = try_on(model, batch, trial_updates=25, only=["orthogonal"])
    own = copy.deepcopy(found.model("orthogonal"))
    optimiser, losses = torch.optim.Adam(own.parameters(), 1e-3), []
    for _ in range(25):
        optimiser.zero_grad()
        E = loss(own, batch)
        E.backward()
        nn.utils.clip_grad_norm_(own.parameters(), 1.0)
        optimiser.step()
        losses.append(float(E.detach()))
    ((update, mean),) = found.named("orthogonal").trial.history
    assert update == 25
    assert mean == pytest.approx(np.mean(losses), rel=1e-9)


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_everything_is_tried_and_what_does_not_apply_is_listed(kind):
    """Ω is added to the loss in bptt.training alone: a PyTorch model is not refused as a whole for it."""
    ranking = try_on(*made(kind), trial_updates=2)
    assert "orthogonal" in [tried.name for tried in ranking.tried]
    refused = dict(ranking.refused)
    assert {"omega", "truncation"} <= set(refused)
    if kind is nn.RNN:
        assert "Add Ω to your own training loop" in refused["omega"]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("options", "only", "said"),
    [({"proj_size": 4}, "orthogonal", "projection"), ({"bias": False}, "forget-bias", "bias=True")],
)
def test_what_cannot_be_written_back_is_refused(options, only, said):
    torch.manual_seed(0)
    rnn = nn.LSTM(2, H, **options)
    x = torch.randn(T, 8, 2)
    report = bptt.diagnose(rnn, x, lambda model, x: model(x)[0][-1].square().mean())
    with pytest.raises(OptionError, match=said):
        report.try_remedies(trial_updates=0, progress=False, only=[only])
