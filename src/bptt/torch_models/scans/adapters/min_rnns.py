"""minGRU and minLSTM (Feng et al. 2024) as the package minGRU-pytorch has them, by their parallel form in log space."""

from typing import Any

import torch
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import logit, no_past
from bptt.torch_models.scans.kinds import Decay
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("minGRU_pytorch.minGRU.minGRU")
def min_gru(
    module: Any, x: Tensor, prev_hidden: Any = None, return_next_prev_hidden: bool = False
) -> Scan:
    """h_t = (1 - z) h_{t-1} + z g(h̃)."""
    no_past(module, prev_hidden)
    hidden, gate = module.to_hidden_and_gate(x).chunk(2, dim=-1)
    return Scan(
        Decay(torch.sigmoid(-gate), torch.sigmoid(gate) * _g(hidden)), module.to_out, keep=_keep
    )


@register("minGRU_pytorch.minLSTM.minLSTM")
def min_lstm(
    module: Any, x: Tensor, prev_hidden: Any = None, return_next_prev_hidden: bool = False
) -> Scan:
    """h_t = f/(f + i) h_{t-1} + i/(f + i) g(h̃)."""
    no_past(module, prev_hidden)
    hidden, f, i = module.to_hidden_and_f_i_gate(x).chunk(3, dim=-1)
    f, i = torch.sigmoid(f), torch.sigmoid(i)
    return Scan(Decay(f / (f + i), i / (f + i) * _g(hidden)), module.to_out, keep=_keep)


def _keep(part: float) -> tuple[str, float, str]:
    bias = logit(part)
    return (
        f"Give the gate that keeps the state a bias of {bias:.3g}; the package's has none",
        bias,
        "",
    )


def _g(x: Tensor) -> Tensor:
    """Above 0: x + 1/2 or the logistic."""
    return torch.where(x >= 0, x + 0.5, torch.sigmoid(x))
