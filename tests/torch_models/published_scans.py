"""Published linear recurrences, from their packages, and how far their lags are from a copy of a and b per step."""

from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F

from bptt.torch_models import scan_lags
from tests.torch_models.scan_oracle import (
    at_outputs,
    decaying,
    lag_parts,
    states_at_lag,
    wide,
)

T, B = 8, 2
HF = "transformers.models"


def hugging_face(family, config, **settings):
    pytest.importorskip("transformers", reason="pip install transformers")
    package = import_module(f"{HF}.{family}")
    name = config.removesuffix("Config")
    torch.manual_seed(0)
    kind = getattr(package, f"{name}Model")
    model = kind(getattr(package, config)(vocab_size=11, **settings)).double().train()
    with torch.no_grad():  # away from the initial values, at which many of the numbers are alike
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    tokens = torch.randint(0, 11, (B, T), generator=torch.Generator().manual_seed(1))
    return model, tokens, lambda m, b: m(b, use_cache=False).last_hidden_state[:, [3, -1]].pow(3).sum()  # fmt: skip


def mamba_replaced(k, family="mamba"):
    def scan(x, dt, A, B, C, D=None, z=None, delta_bias=None, **_):
        delta = F.softplus(dt + delta_bias[:, None])
        a = torch.exp(delta[..., None] * A[:, None, :]).transpose(1, 2)
        b = ((delta * x)[..., None] * B.transpose(1, 2)[:, None]).transpose(1, 2)
        h = states_at_lag(decaying, [a, b], k)
        y = (h * C.detach().transpose(1, 2)[:, :, None]).sum(-1).transpose(1, 2)
        return (y + x.detach() * D.detach()[:, None]) * F.silu(z.detach())

    return patch(f"{HF}.{family}.modeling_{family}.mamba_selective_scan", scan)


def mamba2_replaced(k, family="mamba2", norm="MambaRMSNormGated"):
    def scan(x, dt, A, B, C, chunk_size, D=None, dt_bias=None, **_):
        delta = F.softplus(dt + dt_bias)
        groups = x.shape[2] // B.shape[2]
        B, C = (part.repeat_interleave(groups, 2) for part in (B, C))
        b = (delta[..., None] * x)[..., None] * B[..., None, :]
        h = states_at_lag(decaying, [torch.exp(delta * A)[..., None, None], b], k)
        return (h * C.detach()[..., None, :]).sum(-1) + D.detach()[:, None] * x.detach()

    return _with_gate_cut(family, "mamba2_chunk_scan", scan, norm)


def gated_delta_replaced(k):
    def step(S, factors):
        a, beta, key, value = factors
        S = a[..., None, None] * S
        held = (S * key[..., None]).sum(-2)
        return S + key[..., None] * (beta[..., None] * (value - held))[..., None, :]

    def rule(query, key, value, g, beta, **_):
        shared = value.shape[2] // key.shape[2]
        query, key = (part.repeat_interleave(shared, 2) for part in (query, key))
        query, key = (p / (p.square().sum(-1, keepdim=True) + 1e-6).sqrt() for p in (query, key))
        S = states_at_lag(step, [g.exp(), beta, key, value], k)
        return (S * query.detach()[..., None]).sum(-2) * query.shape[-1] ** -0.5, None

    name = "torch_chunk_gated_delta_rule"
    return _with_gate_cut("qwen3_next", name, rule, "Qwen3NextRMSNormGated")


@contextmanager
def _with_gate_cut(family, function, scan, norm):
    """The gate goes into the norm behind the scan."""
    name = f"{HF}.{family}.modeling_{family}"
    norm = getattr(import_module(name), norm)
    own = norm.forward
    with (
        patch(f"{name}.{function}", scan),
        patch.object(norm, "forward", lambda self, h, gate: own(self, h, gate.detach())),
    ):
        yield


def _cut(kind, name):
    """Within it, what a gate's activation returns has no graph."""
    own = kind.forward

    def forward(self, *given, **named):
        with getattr(self, name).register_forward_hook(lambda *seen: seen[-1].detach()):
            return own(self, *given, **named)

    return patch.object(kind, "forward", forward)


@contextmanager
def rwkv_replaced(k):
    kind = import_module(f"{HF}.rwkv.modeling_rwkv").RwkvSelfAttention
    own = kind.extract_key_value

    def extract(self, *given, **named):
        receptance, *rest = own(self, *given, **named)
        return receptance.detach(), *rest

    def attention(decay, first, key, value, state=None, return_state=False):
        a = torch.exp(-torch.exp(decay)).expand_as(key)
        top = states_at_lag(decaying, [a, key.exp() * value], k)
        below = states_at_lag(decaying, [a, key.exp()], k)
        top, below = (torch.cat([torch.zeros_like(s[:, :1]), s[:, :-1]], 1) for s in (top, below))
        now = (first + key).exp().detach()
        return (top + now * value.detach()) / (below + now), state

    with (
        patch(f"{HF}.rwkv.modeling_rwkv.rwkv_linear_attention", attention),
        patch.object(kind, "extract_key_value", extract),
    ):
        yield


@contextmanager
def rg_lru_replaced(k):
    package = import_module(f"{HF}.recurrent_gemma.modeling_recurrent_gemma")

    def scan(self, hidden_states, recurrent_gate, reset, recurrent_states):
        h = states_at_lag(decaying, [recurrent_gate * ~reset, hidden_states], k)
        return h, h[:, -1]

    with (
        patch.object(package.RecurrentGemmaRglru, "_rnn_scan", scan),
        _cut(package.RecurrentGemmaRecurrentBlock, "act_fn"),
    ):
        yield


@contextmanager
def mlstm_replaced(k):
    package = import_module(f"{HF}.xlstm.modeling_xlstm")

    def backend(self, query, key, value, igate, fgate, **_):
        q, k_, v, i, f = (part.transpose(1, 2) for part in (query, key, value, igate, fgate))
        m, every = torch.zeros_like(i[:, 0]), []
        for t in range(T):
            m = torch.maximum(F.logsigmoid(f[:, t]) + m, i[:, t]).detach()
            every.append(m)
        m = torch.stack(every, 1)[..., None]
        a, into = torch.sigmoid(f)[..., None], i.exp()[..., None] * k_
        C = states_at_lag(decaying, [a[..., None], into[..., :, None] * v[..., None, :]], k)
        n = states_at_lag(decaying, [a, into], k)
        q = q.detach() * q.shape[-1] ** -0.5
        top, below = (q[..., None] * C).sum(-2), (q * n).sum(-1, keepdim=True)
        # As the package has it, with everything over e^m.
        below = torch.maximum((below * (-m).exp()).abs(), (-m).exp()) + self.config.eps
        return (top * (-m).exp() / below).transpose(1, 2), None

    with (
        patch.object(package.xLSTMBackend, "forward", backend),
        _cut(package.xLSTMLayer, "ogate_act_fn"),
    ):
        yield


def min_rnn(module, name):
    pytest.importorskip("minGRU_pytorch", reason="pip install minGRU-pytorch")
    torch.manual_seed(0)
    model = getattr(import_module(f"minGRU_pytorch.{module}"), name)(5, 2.0).double()
    return model, torch.randn(B, T, 5), lambda m, b: m(b)[:, [3, -1]].pow(2).sum()


def min_rnn_replaced(module):
    def replaced(k):
        return patch(
            f"minGRU_pytorch.{module}.heinsen_associative_scan_log",
            lambda a, b: states_at_lag(decaying, [a.exp(), b.exp()], k),
        )

    return replaced


def lru():
    pytest.importorskip("LRU_pytorch", reason="pip install LRU-pytorch")
    torch.manual_seed(0)
    model = import_module("LRU_pytorch").LRU(4, 3, 6)
    return model, torch.randn(B, T, 4), lambda m, b: m(b)[:, [3, -1]].pow(2).sum()


def lru_replaced(k):
    """The package has no scan to replace: the whole forward pass stands here, as in the paper."""

    def forward(self, x, state=None):
        size, angle = torch.exp(-torch.exp(self.nu_log)), torch.exp(self.theta_log)
        a = torch.complex(size * torch.cos(angle), size * torch.sin(angle)).expand(*x.shape[:2], -1)
        b = torch.exp(self.gamma_log) * (x.to(self.B.dtype) @ self.B.T)
        h = states_at_lag(decaying, [a, b], k)
        return (h @ self.C.detach().T).real + x @ self.D.detach().T

    return patch("LRU_pytorch.LRU.LRU.forward", forward)


ATTENTION = {
    "hidden_size": 8,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "intermediate_size": 12,
    "pad_token_id": None,
}
HEADS = {"mamba_n_heads": 4, "mamba_d_head": 4, "mamba_d_state": 3, "mamba_chunk_size": 4}
DELTA = {"linear_num_key_heads": 2, "linear_key_head_dim": 4, "linear_value_head_dim": 4}
PUBLISHED = {
    "Mamba": (
        lambda: hugging_face("mamba", "MambaConfig", hidden_size=6, state_size=3, num_hidden_layers=2),
        mamba_replaced,
    ),
    "Mamba-2": (
        lambda: hugging_face(
            "mamba2", "Mamba2Config", hidden_size=8, state_size=3, num_hidden_layers=2, num_heads=4, head_dim=4,
            n_groups=2, chunk_size=4,
        ),
        mamba2_replaced,
    ),
    "Falcon-Mamba": (
        lambda: hugging_face(
            "falcon_mamba", "FalconMambaConfig", hidden_size=6, state_size=3, num_hidden_layers=2, time_step_rank=2,
        ),
        partial(mamba_replaced, family="falcon_mamba"),
    ),
    "Falcon-H1": (
        lambda: hugging_face(
            "falcon_h1", "FalconH1Config", num_hidden_layers=2, mamba_d_ssm=16, mamba_n_groups=2, mamba_rms_norm=True,
            ssm_in_multiplier=0.7, ssm_multipliers=[0.5, 0.7, 0.8, 0.9, 1.1], **ATTENTION, **HEADS,
        ),
        partial(mamba2_replaced, family="falcon_h1", norm="FalconH1RMSNormGated"),
    ),
    "Qwen3-Next": (
        lambda: hugging_face(
            "qwen3_next", "Qwen3NextConfig", num_hidden_layers=2, layer_types=["linear_attention", "full_attention"],
            mlp_only_layers=[0, 1], linear_num_value_heads=4, **ATTENTION, **DELTA,
        ),
        gated_delta_replaced,
    ),
    "RecurrentGemma": (
        lambda: hugging_face(
            "recurrent_gemma", "RecurrentGemmaConfig", hidden_size=8, num_hidden_layers=3, lru_width=8,
            num_attention_heads=2, num_key_value_heads=1, intermediate_size=8, attention_window_size=4, head_dim=4,
        ),
        rg_lru_replaced,
    ),
    "RWKV": (
        lambda: hugging_face("rwkv", "RwkvConfig", hidden_size=6, num_hidden_layers=2, attention_hidden_size=6),
        rwkv_replaced,
    ),
    "xLSTM": (
        lambda: hugging_face("xlstm", "xLSTMConfig", hidden_size=8, num_hidden_layers=2, num_heads=2, chunk_size=4),
        mlstm_replaced,
    ),
    "minGRU": (lambda: min_rnn("minGRU", "minGRU"), min_rnn_replaced("minGRU")),
    "minLSTM": (lambda: min_rnn("minLSTM", "minLSTM"), min_rnn_replaced("minLSTM")),
    "LRU": (lru, lru_replaced),
}  # fmt: skip


# Blocks of the same kinds, and the paths of theirs in a model of one attention layer or two.
OTHERS = {
    "Jamba": (
        lambda: hugging_face(
            "jamba", "JambaConfig", num_hidden_layers=2, attn_layer_period=2, attn_layer_offset=1, num_experts=1,
            mamba_d_state=3, mamba_dt_rank=2, **ATTENTION,
        ),
        ["layers.0.mamba"],
    ),
    "Bamba": (
        lambda: hugging_face(
            "bamba", "BambaConfig", num_hidden_layers=2, attn_layer_indices=[1], mamba_n_groups=1, **ATTENTION, **HEADS,
        ),
        ["layers.0.mamba"],
    ),
    "GraniteMoeHybrid": (
        lambda: hugging_face(
            "granitemoehybrid", "GraniteMoeHybridConfig", num_hidden_layers=2, layer_types=["mamba", "attention"],
            shared_intermediate_size=12, num_local_experts=0, mamba_n_groups=1, **ATTENTION,
            **HEADS,
        ),
        ["layers.0.mamba"],
    ),
    "NemotronH": (
        lambda: hugging_face(
            "nemotron_h", "NemotronHConfig", num_hidden_layers=2, layers_block_type=["mamba", "attention"],
            mamba_num_heads=4, mamba_head_dim=4, ssm_state_size=3, n_groups=2, chunk_size=4, **ATTENTION,
        ),
        ["layers.0.mixer"],
    ),
    "Zamba2": (
        lambda: hugging_face(
            "zamba2", "Zamba2Config", hidden_size=8, num_hidden_layers=2, layers_block_type=["mamba", "hybrid"],
            num_attention_heads=2, num_key_value_heads=2, intermediate_size=12, n_mamba_heads=4, mamba_headdim=4,
            mamba_d_state=3, mamba_ngroups=1, chunk_size=4, num_mem_blocks=1, pad_token_id=None,
        ),
        ["layers.0.mamba", "layers.1.mamba_decoder.mamba"],
    ),
    "Falcon-H1 without a norm": (
        lambda: hugging_face(
            "falcon_h1", "FalconH1Config", num_hidden_layers=1, mamba_d_ssm=16, mamba_n_groups=2, mamba_rms_norm=False,
            **ATTENTION, **HEADS,
        ),
        ["layers.0.mamba"],
    ),
    "OlmoHybrid": (
        lambda: hugging_face(
            "olmo_hybrid", "OlmoHybridConfig", num_hidden_layers=2, layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=2, eos_token_id=None, **ATTENTION, **DELTA,
        ),
        ["layers.0.linear_attn"],
    ),
    "Qwen3.5": (
        lambda: hugging_face(
            "qwen3_5", "Qwen3_5TextConfig", num_hidden_layers=2, layer_types=["linear_attention", "full_attention"],
            linear_num_value_heads=4, **ATTENTION, **DELTA,
        ),
        ["layers.0.linear_attn"],
    ),
}  # fmt: skip


@cache
def compared(name):
    """The most that a parameter's G_k or share is off the oracle, relative; lags, blocks and parameters with lags."""
    make, replaced = PUBLISHED[name]
    with wide():
        model, batch, loss = make()
        measured, E = scan_lags(model, batch, loss)
        assert E == loss(model, batch).item()
        modules = {path or type(model).__name__: m for path, m in model.named_modules()}
        seen = at_outputs(model, [modules[path] for path in measured], batch, loss)
        off = 0.0
        for path, of_module in measured.items():
            args, kwargs, error = seen[modules[path]]
            parts = lag_parts(modules[path], args, kwargs, error, replaced, T)
            for parameter, ours in of_module.profile.parameters.items():
                G = torch.stack(parts[parameter])
                G = (torch.view_as_real(G) if G.is_complex() else G).flatten(1)
                whole, norm = G.sum(0), G.norm(dim=1)
                assert float(norm.max()) > 0
                shares = G @ whole / whole.dot(whole)
                off = max(off, float((torch.tensor(ours.norm) - norm).abs().max() / norm.max()))
                off = max(off, float((torch.tensor(ours.share) - shares).abs().max()))
    return off, measured
