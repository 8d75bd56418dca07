"""Mamba-2 (Dao & Gu 2024): one decay per head, the state an outer product of what goes in and where it goes."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.diagnosis.scans import STEP_SIZE
from bptt.torch_models.scans.adapters.pieces import bias_of_softplus, convolved, masked, no_past
from bptt.torch_models.scans.kinds import Outer
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.mamba2.modeling_mamba2.Mamba2Mixer")
def mamba2(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """Of a = exp(Δ A), Δ x and B; the gate, C, D, the norm and the output projection read the states."""
    if cache_params is not None:
        no_past(module, cache_params.get_recurrent_state(module.layer_idx, state_idx=0))
    heads, P, G, N = module.num_heads, module.head_dim, module.n_groups, module.ssm_state_size
    projected = module.in_proj(masked(hidden_states, attention_mask))
    gate, xBC, time_step = projected.split(
        [module.intermediate_size, module.conv_dim, heads], dim=-1
    )
    xBC = masked(module.act(convolved(xBC, module.conv1d)), attention_mask)
    x, B, C = torch.split(xBC, [module.intermediate_size, G * N, G * N], dim=-1)
    lead = x.shape[:2]
    x = x.reshape(*lead, heads, P).float()
    B, C = (
        part.reshape(*lead, G, N).float().repeat_interleave(heads // G, dim=2) for part in (B, C)
    )
    delta = F.softplus(time_step + module.dt_bias)
    delta = delta.clamp(*module.time_step_limit)
    a = torch.exp(-torch.exp(module.A_log.float()).to(x.dtype) * delta.float())

    def read(states: Tensor) -> Tensor:
        y = (states @ C[..., None]).squeeze(-1) + module.D[..., None] * x
        out: Tensor = module.out_proj(
            module.norm(y.reshape(*lead, -1), gate).to(hidden_states.dtype)
        )
        return out

    facts = {STEP_SIZE: float(delta.detach().mean())}

    def keep(part: float) -> tuple[str, float, str]:
        rate = float(module.A_log.detach().exp().min())
        bias = bias_of_softplus(-math.log(part) / rate)
        return (
            f"Initialise dt_bias at {bias:.3g}, beside the slowest head's A of {-rate:.3g}",
            bias,
            f"module.dt_bias.data.fill_({bias:.4g})",
        )

    return Scan(Outer(a, x * delta[..., None].float(), B), read, facts, keep)
