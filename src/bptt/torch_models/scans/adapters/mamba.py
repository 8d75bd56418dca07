"""Mamba (Gu & Dao 2023, algorithm 2): a selective state space between a convolution and a gate.

Falcon-Mamba and Jamba have the same block, with norms on what Δ, B and C are made of.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import bias_of_softplus, convolved, masked, no_past
from bptt.torch_models.scans.kinds import Selective
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.mamba.modeling_mamba.MambaMixer")
@register("transformers.models.falcon_mamba.modeling_falcon_mamba.FalconMambaMixer")
@register("transformers.models.jamba.modeling_jamba.JambaMambaMixer")
def mamba(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """Of Δ, A, B and x; the gate z, C, D and the output projection read the states."""
    if cache_params is not None:
        no_past(module, cache_params.get_recurrent_state(module.layer_idx, state_idx=0))
    projected = module.in_proj(masked(hidden_states, attention_mask))
    x, z = projected.chunk(2, dim=-1)
    x = masked(module.act(convolved(x, module.conv1d)), attention_mask)
    rank, N = module.time_step_rank, module.ssm_state_size
    time_step, B, C = module.x_proj(x).split([rank, N, N], dim=-1)
    if hasattr(module, "dt_layernorm"):
        time_step, B, C = (
            norm(part)
            for norm, part in (
                (module.dt_layernorm, time_step), (module.b_layernorm, B), (module.c_layernorm, C),
            )
        )  # fmt: skip
    bias = module.dt_proj.bias
    delta = F.linear(time_step, module.dt_proj.weight)
    delta = F.softplus(delta if bias is None else delta + bias.float())
    A = -torch.exp(module.A_log.float())

    def read(states: Tensor) -> Tensor:
        y = (C[..., None, :] @ states.to(x.dtype)).squeeze(-2) + x * module.D.float()
        out: Tensor = module.out_proj((y * F.silu(z)).to(x.dtype))
        return out

    def keep(part: float) -> tuple[str, float, str]:
        rate = float(-A.detach().max())
        bias = bias_of_softplus(-math.log(part) / rate)
        return (
            f"Initialise dt_proj.bias at {bias:.3g}, beside the slowest A of {-rate:.3g}",
            bias,
            f"module.dt_proj.bias.data.fill_({bias:.4g})",
        )

    return Scan(Selective(delta, A, B.float(), x.float()), read, keep=keep)
