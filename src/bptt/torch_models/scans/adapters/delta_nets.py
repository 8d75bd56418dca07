"""Gated DeltaNet (Yang, Kautz & Hatamizadeh 2024): the delta rule with a decay per head, between a convolution and a gate."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import convolved, keeper_of_heads, masked, no_past
from bptt.torch_models.scans.kinds import Delta
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.qwen3_next.modeling_qwen3_next.Qwen3NextGatedDeltaNet")
def qwen3_next(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """With what queries, keys, values and gate are made of in one projection, group by group."""
    x = masked(hidden_states, attention_mask)
    q, k, v, z, b, a = module.fix_query_key_value_ordering(
        module.in_proj_qkvz(x), module.in_proj_ba(x)
    )
    qkv = torch.cat([part.flatten(2) for part in (q, k, v)], dim=-1)
    return _gated(module, cache_params, qkv, a, b.sigmoid(), z, module.norm, module.out_proj)


@register("transformers.models.qwen3_5.modeling_qwen3_5.Qwen3_5GatedDeltaNet")
@register("transformers.models.qwen3_5_moe.modeling_qwen3_5_moe.Qwen3_5MoeGatedDeltaNet")
def qwen3_5(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """With a projection for each."""
    x = masked(hidden_states, attention_mask)
    qkv, z = module.in_proj_qkv(x), module.in_proj_z(x)
    beta = module.in_proj_b(x).sigmoid()
    return _gated(
        module, cache_params, qkv, module.in_proj_a(x), beta, z, module.norm, module.out_proj
    )


@register("transformers.models.olmo_hybrid.modeling_olmo_hybrid.OlmoHybridGatedDeltaNet")
def olmo_hybrid(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """What is taken out may be twice what is held, so that the state can change its sign."""
    x = masked(hidden_states, attention_mask)
    qkv = torch.cat([module.q_proj(x), module.k_proj(x), module.v_proj(x)], dim=-1)
    beta = module.b_proj(x).sigmoid() * (2.0 if module.allow_neg_eigval else 1.0)
    z = module.g_proj(x)
    return _gated(
        module, cache_params, qkv, module.a_proj(x), beta, z, module.o_norm, module.o_proj
    )


def _gated(
    module: Any, cache: Any, qkv: Tensor, a: Tensor, beta: Tensor, z: Tensor, norm: Any, out_proj: Any
) -> Scan:  # fmt: skip
    """The block from its projections on.

    Args:
        module: it.
        cache: that it was called with.
        qkv: (B, T, ·) before the convolution.
        a: (B, T, heads) what the step size is made of.
        beta: (B, T, heads) how much is overwritten.
        z: (B, T, ·) of the gate.
        norm: that the gate goes into.
        out_proj: the last projection.
    """
    if cache is not None:
        no_past(module, cache.get_recurrent_state(module.layer_idx, state_idx=0))
    lead = qkv.shape[:2]
    of_keys, of_values = module.key_dim, module.value_dim
    qkv = F.silu(convolved(qkv, module.conv1d))
    q, k, v = torch.split(qkv, [of_keys, of_keys, of_values], dim=-1)
    shared = module.num_v_heads // module.num_k_heads
    q, k = (
        _of_length_one(part.reshape(*lead, -1, module.head_k_dim).float()).repeat_interleave(
            shared, dim=2
        )
        for part in (q, k)
    )
    v = v.reshape(*lead, -1, module.head_v_dim)
    decay = torch.exp(-module.A_log.float().exp() * F.softplus(a.float() + module.dt_bias))

    def read(states: Tensor) -> Tensor:
        y = (states @ q[..., None]).squeeze(-1) * module.head_k_dim**-0.5
        y = norm(y.to(v.dtype).flatten(0, 2), z.reshape(-1, module.head_v_dim))
        out: Tensor = out_proj(y.reshape(*lead, -1))
        return out

    recurrence = Delta(decay, beta.float(), k, v.float(), decays_first=True)
    return Scan(recurrence, read, keep=keeper_of_heads(module))


def _of_length_one(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
