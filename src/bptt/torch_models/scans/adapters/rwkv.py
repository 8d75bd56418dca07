"""RWKV-4 (Peng et al. 2023, equations 14 to 20): a weighted mean of values, its numerator and denominator as one state."""

import math
from typing import Any

import torch
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import no_past
from bptt.torch_models.scans.kinds import Decay
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.rwkv.modeling_rwkv.RwkvSelfAttention")
def rwkv(module: Any, hidden: Tensor, state: Any = None, use_cache: bool = False) -> Scan:
    """Of the decay w, the keys and the values; the bonus u, the receptance and the output projection read the states.

    Both sums are over e^(k - m), with the largest key m of each channel: they are the same times e^-m. The output at a
    step reads the state before it.
    """
    if state is not None and bool(state[2].any()):
        no_past(module, state)
    receptance, key, value, _ = module.extract_key_value(hidden)
    key, value = key.double(), value.double()
    key = key - key.detach().amax(1, keepdim=True)
    weight, ones = key.exp(), torch.ones_like(value)
    b = weight[..., None] * torch.stack([value, ones], -1)
    a = torch.exp(-torch.exp(module.time_decay.double())).expand_as(key)
    now = (key + module.time_first.double()).exp()

    def read(states: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1)
        mean = (before[..., 0] + now * value) / (before[..., 1] + now)
        out: Tensor = module.output(receptance * mean.to(hidden.dtype))
        return out

    def keep(part: float) -> tuple[str, float, str]:
        at = math.log(-math.log(part))
        return (
            f"Initialise time_decay at {at:.3g} in some channels",
            at,
            f"module.time_decay.data[::2] = {at:.4g}",
        )

    return Scan(Decay(a[..., None], b), read, keep=keep)
