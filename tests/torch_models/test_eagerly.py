"""What PyTorch wraps around a model for speed or memory changes no number of the report, and is there afterwards."""

from functools import partial

import pytest

pytest.importorskip("torch")

import torch
from torch import nn
from torch.utils import checkpoint as checkpointing
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

import bptt
from bptt.errors import OptionError
from bptt.torch_models.as_found import eagerly, unwrapped, without_wrappers

T, B, I, H = 12, 3, 4, 5


class Encoder(nn.Module):
    """An LSTM behind an activation; ``through`` is what its forward pass is called through."""

    def __init__(self, through=None):
        super().__init__()
        self.embed = nn.Linear(I, I)
        self.rnn = nn.LSTM(I, H)
        self.through = through or (lambda function, *args: function(*args))

    def body(self, x):
        return self.rnn(torch.tanh(self.embed(x)))[0]

    def forward(self, x):
        return self.through(self.body, x)


class Last(nn.Module):
    def forward(self, x):
        return x[0] if isinstance(x, tuple) else x


def made(through=None):
    torch.manual_seed(0)
    return Encoder(through).double()


def batch():
    return torch.randn(T, B, I, generator=torch.Generator().manual_seed(1)).double()


def loss(model, x):
    return model(x)[-1].square().sum()


def norms(model):
    layers = bptt.diagnose(model, batch(), loss).layers
    return {name: layer.profile.norm for name, layer in layers.items()}


def same_as_plain(model):
    ((name, norm),) = norms(model).items()
    ((plain_name, plain),) = norms(made()).items()
    assert name == plain_name
    assert norm == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("through", [
    partial(checkpoint, use_reentrant=True), partial(checkpoint, use_reentrant=False),
    lambda function, x: checkpointing.checkpoint(function, x, use_reentrant=False, preserve_rng_state=False),
    lambda function, x: checkpoint_sequential([function, Last()], 2, x.requires_grad_(), use_reentrant=True),
    lambda function, x: checkpoint_sequential([function, Last()], 2, x, use_reentrant=False),
], ids=["reentrant", "not reentrant", "by module", "sequential, reentrant", "sequential"])  # fmt: skip
def test_checkpoint(through):
    same_as_plain(made(through))
    # And afterwards it recomputes again: the function runs in the backward pass too.
    runs = []

    def counted(x):
        runs.append(1)
        return x * x

    checkpoint(counted, torch.ones(1, requires_grad=True), use_reentrant=False).sum().backward()
    assert len(runs) == 2


def test_nothing_is_computed_twice_within():
    runs = []

    def counted(x):
        runs.append(1)
        return x * x

    with eagerly(nn.Identity()):
        for reentrant in (True, False):
            x = torch.ones(1, requires_grad=True)
            checkpoint(counted, x, use_reentrant=reentrant).sum().backward()
            assert x.grad == 2
    assert len(runs) == 2


def compiled_inside():
    model = made()
    model.body = torch.compile(model.body, backend="eager")
    return model


def compiled_in_place():
    model = made()
    model.compile(backend="eager")
    return model


@pytest.mark.parametrize("make", [
    compiled_inside, compiled_in_place, lambda: torch.compile(made(), backend="eager"),
    lambda: torch.compile(nn.DataParallel(made()), backend="eager"),
], ids=["a function", "in place", "a model", "around DataParallel"])  # fmt: skip
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled(make):
    same_as_plain(make())


def test_data_parallel_runs_without_replicas(monkeypatch):
    model = nn.DataParallel(made())
    with monkeypatch.context() as within:
        within.setattr(nn.DataParallel, "forward", None)
        same_as_plain(model)
    assert "forward" not in vars(model)
    assert torch.equal(model(batch()), made()(batch()))


def test_distributed_data_parallel(one_process, monkeypatch):
    """A training step that waits for its backward pass is not disturbed: the reducer sees nothing."""
    model = nn.parallel.DistributedDataParallel(made())
    E = loss(model, batch())
    with monkeypatch.context() as within:
        within.setattr(nn.parallel.DistributedDataParallel, "forward", None)
        same_as_plain(model)
    E.backward()
    expected = made()
    loss(expected, batch()).backward()
    for ours, theirs in zip(model.module.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


class Normed(Encoder):
    def __init__(self):
        super().__init__()
        self.norm = nn.SyncBatchNorm(I)

    def body(self, x):
        return self.rnn(self.norm(x.flatten(0, 1)).unflatten(0, (T, B)))[0]


def test_synchronised_batch_normalisation_waits_for_nobody():
    """On the CPU it raises when it trains; here it normalises by the batch that it is given."""
    torch.manual_seed(0)
    model = Normed().double()
    with eagerly(model):
        out = model(batch())
    x = batch().flatten(0, 1)
    x = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    assert torch.allclose(out, model.rnn(x.unflatten(0, (T, B)))[0], rtol=1e-12)


def test_a_module_of_lightning_logs_nothing():
    pl = pytest.importorskip("pytorch_lightning")

    class Lit(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = made()

        def training_step(self, x, index):
            E = loss(self.model, x)
            self.log("train_loss", E)
            self.log_dict({"again": E})
            return E

    model = Lit()  # without a Trainer, log() warns
    report = bptt.diagnose(model, batch(), lambda lit, x: lit.training_step(x, 0))
    assert list(report.layers) == ["model.rnn.0"]
    assert "log" not in vars(model)


def test_everything_is_put_back_after_an_error():
    model = nn.DataParallel(made())
    before = dict(vars(checkpointing))
    with pytest.raises(KeyError), eagerly(model):
        raise KeyError
    assert vars(checkpointing) == before
    assert "forward" not in vars(model)


def test_names_without_wrappers():
    """A module that the user called "module" stays in the name."""

    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.DataParallel(nn.Sequential(nn.GRU(I, H)))

    model = torch.compile(nn.DataParallel(Mine()), backend="eager")
    (name,) = [name for name, module in model.named_modules() if isinstance(module, nn.GRU)]
    assert without_wrappers(name, model) == "module.0"
    assert without_wrappers(f"{name}.weight_hh_l0", model) == "module.0.weight_hh_l0"
    assert without_wrappers("", model) == without_wrappers("_orig_mod.module", model) == ""
    assert isinstance(unwrapped(model), Mine)


class Scriptable(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(I, H)

    def forward(self, x):
        return self.rnn(x)[0]


def script_within():
    model = Scriptable()
    model.rnn = torch.jit.script(model.rnn)
    return model


@pytest.mark.parametrize("make", [
    lambda: torch.jit.script(Scriptable()), lambda: torch.jit.trace(Scriptable(), torch.ones(T, B, I)),
    lambda: torch.jit.script(nn.LSTM(I, H)), script_within,
], ids=["script", "trace", "a layer", "a layer within"])  # fmt: skip
@pytest.mark.parametrize("door", [bptt.diagnose, bptt.Monitor])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_a_recurrent_layer_that_was_scripted_is_refused(make, door):
    with pytest.raises(
        OptionError, match=r"compiled by torch\.jit \(LSTM\).*before torch\.jit\.script"
    ):
        door(make(), torch.ones(T, B, I), loss)
