"""What several of the published blocks have in common."""

import math
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from bptt.diagnosis import Keep
from bptt.errors import OptionError


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """(B, T, ·) with zeros where the mask (B, T) has them: padding."""
    return x if mask is None else (x * mask[:, :, None]).to(x.dtype)


def convolved(x: Tensor, conv: nn.Conv1d) -> Tensor:
    """(B, T, D) through a causal convolution of each channel by itself."""
    weight, T = conv.weight, x.shape[1]
    out = F.conv1d(
        x.transpose(1, 2).to(weight.dtype), weight, conv.bias, padding=weight.shape[-1] - 1, groups=weight.shape[0]
    )  # fmt: skip
    return out[..., :T].transpose(1, 2).to(x.dtype)


def no_past(module: nn.Module, state: Any) -> None:
    """Refuse a call that goes on from an earlier one.

    Raises:
        OptionError: if there is a state from before.
    """
    if state is not None:
        raise OptionError(
            f"the call of {type(module).__name__}", "a sequence from its beginning", "one that goes on from a state",
            "Give whole sequences, without a cache or state from before.",
        )  # fmt: skip


def bias_of_softplus(value: float) -> float:
    """The number whose softplus is this one."""
    return value + math.log(-math.expm1(-value))


def keeper_of_heads(module: Any) -> Keep:
    """How heads that decay by exp(-exp(A_log) softplus(· + dt_bias)) come to keep a part of the state.

    Args:
        module: with ``A_log`` and ``dt_bias``, a number per head each.
    """

    def keep(part: float) -> tuple[str, float, str]:
        rate = float(module.A_log.detach().exp().min())
        bias = bias_of_softplus(-math.log(part) / rate)
        return (
            f"Initialise dt_bias at {bias:.3g}, beside the slowest head's A of {-rate:.3g}",
            bias,
            f"module.dt_bias.data.fill_({bias:.4g})",
        )

    return keep


def logit(part: float) -> float:
    """The number whose logistic is this one."""
    return math.log(part) - math.log1p(-part)
