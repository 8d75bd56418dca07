"""bptt.diagnose of models whose recurrences are computed by a scan: the verdict, its cause, and advice that works."""

import json
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers", reason="pip install transformers")

import torch
import transformers
from torch import nn
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

import bptt
from bptt.torch_models import Bounds, Delta, Scan, register, scan_lags

T, B = 64, 2


def tokens():
    return torch.randint(0, 11, (B, T), generator=torch.Generator().manual_seed(1))


def last(model, batch):
    return model(batch, use_cache=False).last_hidden_state[:, -1].pow(3).sum()


def published(name, **settings):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(vocab_size=11, num_hidden_layers=2, **settings)
    return getattr(transformers, f"{name}Model")(config).train()


def forgetful_mamba():
    model = published("Mamba", hidden_size=8, state_size=4)
    with torch.no_grad():
        for layer in model.layers:
            layer.mixer.dt_proj.bias += 5
    return model


def forgetful_mamba2():
    model = published("Mamba2", hidden_size=8, state_size=4, num_heads=4, head_dim=4, n_groups=2)
    with torch.no_grad():
        for layer in model.layers:
            layer.mixer.dt_bias += 5
    return model


def forgetful_gemma():
    model = published(
        "RecurrentGemma", hidden_size=8, lru_width=8, num_attention_heads=2, num_key_value_heads=1, intermediate_size=8,
        attention_window_size=4, head_dim=4,
    )  # fmt: skip
    with torch.no_grad():
        for layer in model.layers[:2]:
            layer.temporal_block.rg_lru.recurrent_param.fill_(0.0)
    return model


def forgetful_rwkv():
    model = published("Rwkv", hidden_size=8, attention_hidden_size=8)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.time_decay.fill_(0.0)
    return model


def forgetful_xlstm():
    model = published("xLSTM", hidden_size=8, num_heads=2, chunk_size=16)
    with torch.no_grad():
        for block in model.blocks:
            block.mlstm_layer.fgate_preact.bias.fill_(0.0)
            block.mlstm_layer.fgate_preact.weight.mul_(0.1)
    return model


FORGETFUL = {
    "steps too large": forgetful_mamba,
    "steps too large, by heads": forgetful_mamba2,
    "decays": forgetful_gemma,
    "decays, a weighted mean": forgetful_rwkv,
    "decays, a matrix": forgetful_xlstm,
}


@pytest.mark.parametrize("name", FORGETFUL)
def test_what_the_advice_says_lets_the_signal_through(name):
    model = FORGETFUL[name]()
    report = bptt.diagnose(model, tokens(), last, needed_lag=48, progress=False)
    assert len(report.diagnosis.layers) == 2
    assert report.verdict == "vanishing"
    assert report.cause.name == name.split(",")[0]
    for layer in report.diagnosis.layers.values():
        assert layer.advice[0].code
        exec(layer.advice[0].code, {"model": model.requires_grad_(False)})
    after = bptt.diagnose(model.requires_grad_(), tokens(), last, needed_lag=48, progress=False)
    for layer, before in zip(
        after.diagnosis.layers.values(), report.diagnosis.layers.values(), strict=True
    ):
        assert layer.log10_attenuation > before.log10_attenuation + 1
        assert layer.verdict == "steady"


def test_every_form_has_the_numbers_of_a_scan(tmp_path):
    report = bptt.diagnose(forgetful_mamba(), tokens(), last, needed_lag=48, progress=False)
    text = str(report)
    assert "steps too large" in text
    assert "step size Δ, mean" in text
    assert "Each of the modules is a recurrence of its own" in text
    page = report.html()
    assert "the steps are so large that the state decays" in page
    assert "W_R, the matrix" not in page
    written = json.loads(report.save(tmp_path / "report.json").read_text())
    layers = written["stages"]["measured"]["layers"]
    assert list(layers) == ["layers.0.mixer", "layers.1.mixer"]
    assert layers["layers.0.mixer"]["facts"]["a of the slowest unit, mean"] < 0.9
    assert "dt_proj.bias.data.fill_" in layers["layers.0.mixer"]["advice"][0]["code"]


def test_a_steady_scan_is_told_without_a_matrix():
    model = published("Mamba", hidden_size=8, state_size=4)
    report = bptt.diagnose(model, tokens(), last, needed_lag=20, progress=False)
    assert report.verdict == "steady"
    assert "W_R" not in report.html().split("<svg")[0].split("</head>")[1][:4000]


class DeltaNet(nn.Module):
    """The delta rule (Schlag et al. 2021) on keys of length 1, read where it was written."""

    def __init__(self, beta):
        super().__init__()
        torch.manual_seed(0)
        self.k, self.v = nn.Linear(4, 6, bias=False), nn.Linear(4, 6, bias=False)
        self.beta = nn.Parameter(torch.full((1,), beta))

    def parts(self, x):
        k = normalize(self.k(x), dim=-1)
        return torch.sigmoid(self.beta).expand(x.shape[:2]), k, self.v(x)

    def forward(self, x):
        (beta, k, v), S, out = self.parts(x), 0.0, []
        for t in range(x.shape[1]):
            held = (S @ k[:, t, :, None])[..., 0] if t else 0.0
            S = S + (beta[:, t, None] * (v[:, t] - held))[..., None] * k[:, t, None, :]
            out.append((S @ k[:, t, :, None])[..., 0])
        return torch.stack(out, 1)


@register(DeltaNet)
def delta_net(module, x):
    beta, k, v = module.parts(x)
    return Scan(
        Delta(torch.ones_like(beta), beta, k, v),
        lambda states: (states @ k[..., None])[..., 0],
    )


def test_the_delta_rule_overwrites():
    x = torch.ones(B, 30, 4) + 0.01 * torch.randn(
        B, 30, 4, generator=torch.Generator().manual_seed(2)
    )
    report = bptt.diagnose(
        DeltaNet(1.5), x, lambda m, b: m(b)[:, -1].pow(2).sum(), needed_lag=20, progress=False
    )
    layer = report.diagnosis.decisive
    assert report.cause.name == "state overwritten"
    assert report.cause.number == pytest.approx(1 / (1 + np.exp(-1.5)), rel=1e-5)
    assert layer.advice[0].number == pytest.approx(1 - 0.1 ** (1 / 20))
    slow = bptt.diagnose(
        DeltaNet(-2.2), x, lambda m, b: m(b)[:, -1].pow(2).sum(), needed_lag=20, progress=False
    )
    assert slow.diagnosis.decisive.log10_attenuation > layer.log10_attenuation


def test_a_lag_that_is_not_there_is_refused():
    with pytest.raises(bptt.errors.OptionError, match="needed_lag"):
        bptt.diagnose(forgetful_mamba(), tokens(), last, needed_lag=T, progress=False)


def test_one_module_of_several_can_be_named():
    model = forgetful_mamba()
    by_name, by_class, itself = (
        bptt.diagnose(model, tokens(), last, needed_lag=20, recurrent=recurrent, progress=False)
        for recurrent in ("layers.1.mixer", "MambaMixer", model.layers[1].mixer)
    )
    assert list(by_name.diagnosis.layers) == list(itself.diagnosis.layers) == ["layers.1.mixer"]
    assert list(by_class.diagnosis.layers) == ["layers.0.mixer", "layers.1.mixer"]
    ours, theirs = by_name.diagnosis.decisive, by_class.diagnosis.layers["layers.1.mixer"]
    np.testing.assert_allclose(ours.profile.norm, theirs.profile.norm, rtol=1e-4)


def test_a_scan_beside_an_lstm_is_measured_when_it_is_named():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.net = nn.LSTM(4, 4, batch_first=True), DeltaNet(0.0)

        def forward(self, x):
            return self.net(self.lstm(x)[0])

    torch.manual_seed(0)
    model, x = Both(), torch.randn(B, 20, 4)
    for recurrent, name in ((None, "lstm.0"), ("net", "net")):
        report = bptt.diagnose(
            model, x, lambda m, b: m(b).pow(2).sum(), recurrent=recurrent, progress=False
        )
        assert list(report.diagnosis.layers) == [name]


def test_exponents_are_means_of_the_logarithm():
    model = forgetful_rwkv()
    with torch.no_grad():
        model.blocks[0].attention.time_decay.copy_(torch.linspace(-3, 0, 8))
    report = bptt.diagnose(model, tokens(), last, needed_lag=20, progress=False)
    rates = -np.exp(np.linspace(-3, 0, 8))
    exponents = report.diagnosis.layers["blocks.0.attention"].exponents
    np.testing.assert_allclose(exponents.exponents, np.repeat(rates, 2)[:8], rtol=1e-5)
    np.testing.assert_allclose(exponents.stderr, 0, atol=1e-6)


def test_what_the_states_remember_is_fitted():
    model = nn.Sequential(nn.Linear(2, 4), DeltaNet(0.0))
    x = torch.randn(8, 60, 2, generator=torch.Generator().manual_seed(4))
    report = bptt.diagnose(model, x, lambda m, b: m(b)[:, -1].pow(2).sum(), progress=False)
    assert report.diagnosis.memory.r2[0] > report.diagnosis.memory.r2[20]
    assert report.diagnosis.decisive.exponents is None  # of a matrix that is not diagonal


@pytest.mark.parametrize("bounds", [{"sequences": 2}, {"memory": 5e4}, {"seconds": 1e-9}])
def test_few_sequences_are_exact_and_said(bounds):
    """Of one module: what is taken apart is the batch of those sequences alone."""
    torch.manual_seed(2)
    model, x = nn.Sequential(nn.Linear(3, 4), DeltaNet(0.0)), torch.randn(8, 30, 3)
    x[0] = 0

    def loss(model, x):
        return (model(x)[:, -1].square().sum(1) * x.any(2).any(1)).sum()

    report = bptt.diagnose(model, x, loss, needed_lag=9, progress=False, **bounds)
    said = next(words for words in report.diagnosis.assumed if "taken apart" in words)
    n = int(said.split()[0])
    assert said.startswith(f"{n} of 8 sequences, drawn with seed 0")
    assert n == (bounds.get("sequences") or n)
    order = [s for s in np.random.default_rng(0).permutation(8) if s != 0]  # that one gets no error
    part = bptt.diagnose(model, x[sorted(order[:n])], loss, needed_lag=9, progress=False)
    few, alone = report.diagnosis.decisive.profile, part.diagnosis.decisive.profile
    np.testing.assert_allclose(few.log10_norm, alone.log10_norm, atol=1e-5)
    np.testing.assert_allclose(few.log10_signal, alone.log10_signal, atol=1e-5)
    assert report.diagnosis.read == "30 steps × 8 sequences"
    assert report.diagnosis.checked


def test_how_far_it_has_come_is_shown():
    seen = []
    model = forgetful_mamba()
    scan_lags(model, tokens(), last, bounds=Bounds("all", update=lambda *told: seen.append(told)))
    blocks, T = 2, tokens().shape[1]
    assert [done for done, *_ in seen] == list(range(1, blocks * T + 1))
    assert {total for _, total, *_ in seen} == {blocks * T}


def test_half_precision_is_refused():
    half = DeltaNet(0.0).bfloat16()
    with pytest.raises(bptt.errors.DTypeError, match="bfloat16"):
        bptt.diagnose(
            half, torch.randn(2, 20, 4).bfloat16(), lambda m, b: m(b).float().sum(), progress=False
        )


def test_a_model_is_measured_as_it_is_wrapped():
    bare = bptt.diagnose(forgetful_mamba(), tokens(), last, needed_lag=20, progress=False)
    checkpointed = forgetful_mamba()
    for layer in checkpointed.layers:
        layer.gradient_checkpointing = True
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
    with_cache = forgetful_mamba().eval()
    for model, loss in (
        (torch.compile(forgetful_mamba(), backend="eager"), last),
        (nn.DataParallel(forgetful_mamba()), last),
        (checkpointed, last),
        (with_cache, lambda m, b: m(b).last_hidden_state[:, -1].pow(3).sum()),
    ):
        layers = bptt.diagnose(
            model, tokens(), loss, needed_lag=20, progress=False
        ).diagnosis.layers
        assert list(layers) == list(bare.diagnosis.layers)
        for name, layer in layers.items():
            np.testing.assert_allclose(
                layer.profile.norm[:30], bare.diagnosis.layers[name].profile.norm[:30], rtol=1e-3
            )
