"""The LRU (Orvieto et al. 2023, section 3) as the package LRU-pytorch has it: complex, the same a at every step."""

import math
from typing import Any

import torch
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import no_past
from bptt.torch_models.scans.kinds import Decay
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("LRU_pytorch.LRU.LRU")
def lru(module: Any, input: Tensor, state: Any = None) -> Scan:
    """h_t = λ h_{t-1} + γ B x_t with λ = exp(-e^ν + i e^θ); C and D read the states."""
    no_past(module, state)
    x = input if input.dim() == 3 else input[None]
    a = torch.polar(torch.exp(-torch.exp(module.nu_log)), torch.exp(module.theta_log))
    b = x.to(module.B.dtype) @ (torch.exp(module.gamma_log)[:, None] * module.B).T

    def read(states: Tensor) -> Tensor:
        out: Tensor = (states @ module.C.T).real + x @ module.D.T
        return out if input.dim() == 3 else out[0]

    def keep(part: float) -> tuple[str, float, str]:
        at = math.log(-math.log(part))
        return (
            f"Initialise the ring of λ with r_min at {part:.4g}, which is nu_log at most {at:.3g}",
            part,
            f"module.nu_log.data.clamp_(max={at:.4g})",
        )

    return Scan(Decay(a.expand_as(b), b), read, keep=keep)
