"""RecurrentGemma (De et al. 2024, Griffin): the RG-LRU, behind a convolution and before a gate."""

import math
import sys
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import bias_of_softplus, convolved, no_past
from bptt.torch_models.scans.kinds import Decay
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan

PACKAGE = "transformers.models.recurrent_gemma.modeling_recurrent_gemma"


@register(f"{PACKAGE}.RecurrentGemmaRecurrentBlock")
def recurrent_gemma(
    module: Any, input_states: Tensor, position_ids: Tensor, attention_mask: Any = None, use_cache: bool = True, **_: Any
) -> Scan:  # fmt: skip
    """Of the recurrence gate and the gated input; the branch y and the output projection read the states."""
    y = module.act_fn(module.linear_y(input_states))
    x = convolved(module.linear_x(input_states), module.conv_1d)
    cell = module.rg_lru
    B, T, width = x.shape
    heads = x.reshape(B * T, cell.num_attention_heads, cell.block_width).permute(1, 0, 2)

    def gate(weight: Tensor, bias: Tensor) -> Tensor:
        opened = torch.baddbmm(bias[:, None, :], heads, weight).transpose(0, 1)
        return torch.sigmoid(opened.reshape(B, T, width))

    log_a = (
        -8.0
        * gate(cell.recurrent_gate_weight, cell.recurrent_gate_bias)
        * F.softplus(cell.recurrent_param)
    )
    root: Any = sys.modules[PACKAGE].SqrtBoundDerivative
    reset = position_ids[:, :, None] == 0
    scale = reset + ~reset * root.apply(1 - torch.exp(2 * log_a))
    b = x * gate(cell.input_gate_weight, cell.input_gate_bias) * scale.type(x.dtype)
    if T == 1 and not bool(reset.all()):
        no_past(module, cell.recurrent_states)

    def read(states: Tensor) -> Tensor:
        out: Tensor = module.linear_out(states.to(x.dtype) * y)
        return out

    def keep(part: float) -> tuple[str, float, str]:
        at = bias_of_softplus(-math.log(part) / 4)
        return (
            f"Initialise rg_lru.recurrent_param at {at:.3g}, with the recurrence gate half open",
            at,
            f"module.rg_lru.recurrent_param.data.fill_({at:.4g})",
        )

    return Scan(Decay(torch.exp(log_a) * ~reset, b), read, keep=keep)
