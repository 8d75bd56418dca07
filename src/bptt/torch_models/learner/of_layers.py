"""PyTorch's layers and cells in a look ahead."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from bptt.prognoses import Pass
from bptt.prognoses.drawn import independent
from bptt.prognoses.network_learner import MIXED
from bptt.torch_models.capture import Loss, capturing
from bptt.torch_models.decompose import decompose
from bptt.torch_models.learner.passed import passed

JOINED = (
    "Form is left out: states pass through other parts of the model on their way from step to step."
)


class OfLayers:
    """See ``Kind``."""

    unlike = ""

    def seen(self, model: nn.Module, batch: Any, loss: Loss) -> tuple[int, int]:
        """Steps of the longest sequence, and sequences."""
        parts = decompose(model, batch, loss, 0)
        return parts.longest, parts.traces[0].x.shape[1]

    def sequences(self, model: nn.Module, batch: Any, loss: Loss) -> int:
        """Of the largest call."""
        with capturing(model, batch, loss, flat_too=True) as captured:
            return max(len(call.lengths) for call in captured.calls)

    def passed(
        self, model: nn.Module, batch: Any, loss: Loss, lag: int, number: int
    ) -> tuple[Pass, Sequence[str]]:
        """See ``Kind``."""
        one = passed(model, batch, loss, lag, number)
        remarks = [JOINED] if one.joined else []
        if any(independent(*stack) is None for stack in one.stacks):
            remarks.append(MIXED)
        return one, remarks
