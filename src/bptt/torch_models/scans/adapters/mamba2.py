"""Mamba-2 (Dao & Gu 2024): one decay per head, the state an outer product of what goes in and where it goes.

Many hybrids have the same block beside their attention. Falcon-H1 scales what goes in, and can do without the norm.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.diagnosis.scans import STEP_SIZE
from bptt.torch_models.scans.adapters.pieces import convolved, keeper_of_heads, masked, no_past
from bptt.torch_models.scans.kinds import Outer
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.mamba2.modeling_mamba2.Mamba2Mixer")
@register("transformers.models.bamba.modeling_bamba.BambaMixer")
@register("transformers.models.falcon_h1.modeling_falcon_h1.FalconH1Mixer")
@register(
    "transformers.models.granitemoehybrid.modeling_granitemoehybrid.GraniteMoeHybridMambaLayer"
)
@register("transformers.models.nemotron_h.modeling_nemotron_h.NemotronHMamba2Mixer")
@register("transformers.models.zamba2.modeling_zamba2.Zamba2MambaMixer")
def mamba2(
    module: Any, hidden_states: Tensor, cache_params: Any = None, attention_mask: Tensor | None = None, **_: Any
) -> Scan:  # fmt: skip
    """Of a = exp(Δ A), Δ x and B; the gate, C, D, the norm and the output projection read the states."""
    if cache_params is not None:
        no_past(module, cache_params.get_recurrent_state(module.layer_idx, state_idx=0))
    heads, P, G, N = module.num_heads, module.head_dim, module.n_groups, module.ssm_state_size
    hidden_states = masked(hidden_states, attention_mask)
    projected = module.in_proj(hidden_states * getattr(module, "ssm_in_multiplier", 1.0))
    projected = projected * getattr(module, "mup_vector", 1.0)
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
        y = ((states @ C[..., None]).squeeze(-1) + module.D[..., None] * x).reshape(*lead, -1)
        normed = getattr(module, "mamba_rms_norm", True)
        y = module.norm(y, gate) if normed else y * F.silu(gate)
        out: Tensor = module.out_proj(y.to(hidden_states.dtype))
        return out

    facts = {STEP_SIZE: float(delta.detach().mean())}

    return Scan(Outer(a, x * delta[..., None].float(), B), read, facts, keeper_of_heads(module))
