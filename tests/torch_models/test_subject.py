"""Remedies on a PyTorch model: tried on copies, written back into the very module."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import bptt
from bptt.errors import OptionError
from bptt.torch_models.learner import batches_of

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


def made(kind=nn.RNN, seed=0, **options):
    torch.manual_seed(seed)
    model = Model(kind, **options).double()
    batch = (torch.randn(8, T, 2).double(), torch.randn(8, 1).double())
    return model, batch


def try_on(model, batch, **options):
    return bptt.diagnose(model, batch, loss).try_remedies(progress=False, **options)


def batches(count=10):
    """As many as some can be held out of as they are."""
    return [made(seed=seed)[1] for seed in range(count)]


def by_hand(model, loss, data, updates, **seen):
    """The losses of an Adam loop as anyone would write it, on the batches that are not held out."""
    own, losses = copy.deepcopy(model), []
    drawn = batches_of(data, model, loss)
    optimiser = torch.optim.Adam(own.parameters(), 1e-3)
    for n in range(updates):
        for name, value in seen.items():
            setattr(own, name, value)
        optimiser.zero_grad()
        E = loss(own, drawn.at(n))
        E.backward()
        nn.utils.clip_grad_norm_(own.parameters(), 1.0)
        optimiser.step()
        losses.append(E.item())
    return losses


def test_the_model_is_left_as_it_was_until_apply():
    data, (model, batch) = batches(), made()
    kept = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    found = try_on(
        model,
        batch,
        data=data,
        budget=40,
        only=["orthogonal", "identity-relu", "gain", "clip"],
    )
    assert found.race.updates > 0
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
    found = try_on(model, batch, budget=0, only=["gain"])
    said = found.named("gain").log10_attenuation
    found.apply("gain")
    again = bptt.diagnose(model, batch, loss).diagnosis.decisive.log10_attenuation
    assert said == pytest.approx(again, abs=1e-9)
    assert abs(again) < 0.03


def test_the_two_biases_of_an_lstm_add_up():
    model, batch = made(nn.LSTM, num_layers=2)
    try_on(model, batch, budget=0, only=["forget-bias"]).apply("forget-bias")
    for level in range(2):
        b = getattr(model.rnn, f"bias_ih_l{level}") + getattr(model.rnn, f"bias_hh_l{level}")
        kept = torch.sigmoid(b[H : 2 * H]) ** (T // 2)
        assert torch.allclose(kept, torch.full_like(kept, 0.1))


def test_gru_keeps_the_candidates_own_bias():
    model, batch = made(nn.GRU, bidirectional=True)
    kept = model.rnn.bias_hh_l0[2 * H :].clone()
    out = model(batch[0])
    found = try_on(model, batch, budget=0, only=["update-bias"])
    assert (model(batch[0]) == out).all()
    found.apply("update-bias")
    assert (model.rnn.bias_hh_l0[2 * H :] == kept).all()
    assert not (model(batch[0]) == out).any()


def test_the_batches_given_are_read_once_for_all_copies():
    model, batch = made()
    read, drawn = [], batches(12)

    class Batches:
        def __iter__(self):
            for n in range(12):
                read.append(n)
                yield drawn[n]

    ranking = try_on(model, batch, data=Batches(), budget=60, only=["orthogonal", "gain"])
    assert read == list(range(12))
    losses = ranking.named("orthogonal").prognosis.losses
    assert losses == pytest.approx(by_hand(ranking.model("orthogonal"), loss, drawn, len(losses)))
    with pytest.raises(OptionError, match="an iterator that was used is empty"):
        try_on(model, batch, data=iter([]), budget=60, only=["orthogonal"])


def test_one_batch_is_split_and_too_small_a_one_is_not_trained_on():
    model, batch = made()
    ranking = try_on(model, batch, only=["orthogonal"])
    assert ranking.race is None
    assert ranking.no_trial.startswith("pass data=…")
    assert "at least 24 sequences" in ranking.no_trial
    large = torch.randn(32, T, 2).double(), torch.randn(32, 1).double()
    for given in (large, list(large)):
        ranking = try_on(model, given, budget=40, only=["orthogonal"])
        assert ranking.no_trial is None
        assert len(ranking.before.prognosis.losses) > 0


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_everything_is_tried_and_what_does_not_apply_is_listed(kind):
    """Ω is added to the loss in bptt.training alone: a PyTorch model is not refused as a whole for it."""
    ranking = try_on(*made(kind), data=batches(), budget=60)
    assert "orthogonal" in [tried.name for tried in ranking.tried]
    refused = dict(ranking.refused)
    assert {"omega", "truncation", "curriculum"} <= set(refused)
    if kind is nn.RNN:
        assert "Build the model with nn.GRU" in refused["gru"]
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
        report.try_remedies(budget=0, progress=False, only=[only])


def test_with_nothing_that_applies_the_reasons_are_listed():
    model, batch = made(nn.LSTM, proj_size=4)
    model.out = nn.Linear(4, 1).double()
    ranking = try_on(model, batch, data=batches(), budget=60)
    assert [tried.name for tried in ranking.tried if not tried.changes] == ["as it is"]
    assert "projection" in dict(ranking.refused)["orthogonal"]
    assert "as it is" in str(ranking)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("computed", ["parametrised", "normed", "tied", "dropped"])
def test_weights_that_are_not_a_modules_own_are_not_written(computed):
    """Listed with the reason; the biases are the module's own, so what changes them alone is tried."""
    torch.manual_seed(0)
    model, batch = made(nn.LSTM)
    if computed == "parametrised":
        nn.utils.parametrizations.weight_norm(model.rnn, "weight_hh_l0")
    elif computed == "normed":
        nn.utils.weight_norm(model.rnn, "weight_hh_l0")
        model(batch[0])
    elif computed == "dropped":
        raw = model.rnn.weight_hh_l0
        del model.rnn.weight_hh_l0
        model.rnn.register_parameter("raw", raw)
        model.rnn.weight_hh_l0 = raw * 1.0

        def drop(module, args):
            module.weight_hh_l0 = nn.functional.dropout(module.raw, 0.2, module.training)

        model.rnn.register_forward_pre_hook(drop)
    else:
        model.other = nn.LSTM(2, H).double()
        model.other.weight_hh_l0 = model.rnn.weight_hh_l0
    ranking = try_on(model, batch, budget=0, only=["gain", "orthogonal", "forget-bias"])
    reason = (
        "used here alone, got one parameter as rnn"
        if computed == "tied"
        else "a parameter of its own"
    )
    refused = dict(ranking.refused)
    assert {name for name, why in refused.items() if f"rnn: expected weight_hh_l0 to be {reason}" in why} == {
        "gain", "orthogonal",
    }  # fmt: skip
    kept = model.rnn.weight_hh_l0.clone()
    ranking.apply("forget-bias")
    assert ((model.rnn.bias_ih_l0 + model.rnn.bias_hh_l0)[H : 2 * H] > 1.79).all()
    assert torch.equal(model.rnn.weight_hh_l0, kept)


class Remembers(Model):
    """It goes on from where it stopped, and keeps every loss with its graph."""

    def __init__(self):
        super().__init__(nn.GRU)
        self.hidden, self.history, self.calls = None, [], 0

    def forward(self, x):
        self.calls += 1
        out, self.hidden = self.rnn(x, self.hidden)
        self.history.append(self.out(out[:, -1]))
        return self.history[-1]


def test_no_update_goes_on_from_another():
    torch.manual_seed(0)
    model, (_, batch) = Remembers().double(), made()
    only = ["update-bias", "orthogonal"]
    ranking = try_on(model, batch, data=batches(), budget=60, only=only)
    assert (model.hidden, model.history, model.calls) == (None, [], 0)
    assert not ranking.refused
    losses = ranking.named("orthogonal").prognosis.losses
    expected = by_hand(ranking.model("orthogonal"), loss, batches(), len(losses), hidden=None)
    assert losses == pytest.approx(expected)


def test_a_model_that_keeps_a_graph_is_copied_without_it():
    torch.manual_seed(0)
    model, (_, batch) = Remembers().double(), made()
    loss(model, batch).backward()
    hidden, history = model.hidden, list(model.history)
    ranking = try_on(model, batch, data=batches(), budget=40, only=["orthogonal"])
    other = ranking.model("orthogonal")
    assert torch.equal(other.hidden, hidden)
    assert other.hidden.grad_fn is None
    assert model.hidden is hidden
    assert model.history == history
    assert ranking.named("orthogonal").prognosis.stopped is None


def test_what_cannot_be_copied_is_named():
    model, batch = made()
    model.metric = nn.Module()
    model.metric.parts = {"losses": [1, (n for n in range(3))]}
    report = bptt.diagnose(model, batch, loss)
    with pytest.raises(
        OptionError,
        match=r"got model\.metric\.parts\['losses'\]\[1\] \(generator\).*Set model\.metric",
    ):
        report.try_remedies(progress=False)
    assert list(model.metric.parts["losses"][1]) == [0, 1, 2]


def test_a_changed_copy_that_breaks_ends_nothing():
    """An error of the model's own, in its measurement or in its training."""
    model, batch = made()
    data = batches()

    def picky(model, batch):
        if torch.equal(model.rnn.weight_hh_l0, torch.eye(H).double()):
            raise RuntimeError("the identity is refused")
        if any(batch is other for other in data) and model.rnn.nonlinearity == "relu":
            raise ArithmeticError("relu may be measured, not trained")
        return loss(model, batch)

    report = bptt.diagnose(model, batch, picky)
    only = ["identity-relu", "activation", "orthogonal"]
    ranking = report.try_remedies(data, budget=60, progress=False, only=only)
    assert dict(ranking.refused) == {"identity-relu": "RuntimeError: the identity is refused"}
    stopped = ranking.named("activation").prognosis.stopped
    assert stopped.endswith("ArithmeticError: relu may be measured, not trained")
    assert "relu may be measured" in str(ranking)
    assert ranking.named("orthogonal").prognosis.stopped is None


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda model: torch.compile(model, backend="eager")]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_wrapped_models(wrap):
    model, batch = made()
    options = {"data": batches(), "budget": 40, "only": ["orthogonal"]}
    expected = try_on(model, batch, **options).named("orthogonal").prognosis
    ranking = try_on(wrap(made()[0]), batch, **options)
    assert ranking.named("orthogonal").prognosis.losses == expected.losses
    ranking.apply("orthogonal")
    tied = made()[0]
    tied.other = nn.RNN(2, H).double()
    tied.other.weight_hh_l0 = tied.rnn.weight_hh_l0
    refused = dict(
        try_on(
            wrap(tied),
            batch,
            budget=0,
            only=["orthogonal", "clip"],
            data=batches(),
        ).refused
    )
    assert refused["orthogonal"].startswith("rnn: expected weight_hh_l0 to be used here alone")
    assert "one parameter as rnn.weight_hh_l0 and other.weight_hh_l0" in refused["orthogonal"]


def test_distributed_data_parallel(one_process):
    """On one rank alone: no process waits for another, and the process group is not copied."""
    model, batch = made()
    options = {"data": batches(), "budget": 40, "only": ["orthogonal"]}
    expected = try_on(model, batch, **options).named("orthogonal").prognosis
    wrapped = nn.parallel.DistributedDataParallel(made()[0])
    ranking = try_on(wrapped, batch, **options)
    assert ranking.named("orthogonal").prognosis.losses == expected.losses
    ranking.apply("orthogonal")
    W_R = wrapped.module.rnn.weight_hh_l0
    assert torch.allclose(W_R @ W_R.T, torch.eye(H).double(), atol=1e-12)
    loss(wrapped, batch).backward()
    assert wrapped.module.rnn.weight_hh_l0.grad is not None


def test_global_random_numbers_stay():
    data, (model, batch) = batches(), made()
    states = torch.get_rng_state(), np.random.get_state()[1].tobytes()  # noqa: NPY002

    def noisy(model, batch):
        return loss(model, batch) * np.random.rand()  # noqa: NPY002

    report = bptt.diagnose(model, batch, noisy)
    report.try_remedies(data, budget=40, progress=False, only=["orthogonal"])
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tobytes() == states[1]  # noqa: NPY002
