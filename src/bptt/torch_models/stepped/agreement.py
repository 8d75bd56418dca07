"""What was taken apart, compared with an ordinary pass of the model by autograd."""

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.errors import AgreementError, NonFiniteError
from bptt.gradients.by_lag import StateTally
from bptt.torch_models.stepped.gathered import as_array, real
from bptt.torch_models.stepped.recording import Recording
from bptt.torch_models.stepped.reference import Reference
from bptt.torch_models.stepped.sweep import outside, swept

ROUNDING = 1e4  # times eps: how far a sum over many steps may be from autograd's
CURE = (
    "The state must go from call to call in tensors that the step takes and returns, or keeps as attributes: nothing is "
    "judged."
)


class Agreement:
    """Of a recording with autograd.

    Args:
        recording: the calls.
        whole: what autograd says.
    """

    def __init__(self, recording: Recording, whole: Reference) -> None:
        self.recording, self.whole = recording, whole
        self.name = recording.path or "model"
        types = {real(output.leaf) for call in recording.calls for output in call.outputs}
        types |= recording.narrow
        self.limit = ROUNDING * max(float(torch.finfo(kind).eps) for kind in types)

    def same_loss(self) -> None:
        """That the cut pass gives the loss of the ordinary one.

        Raises:
            AgreementError: if it does not.
        """
        E, theirs = float(self.recording.E.detach()), self.whole.E
        if not abs(E - theirs) <= self.limit * max(1.0, abs(theirs)):
            raise AgreementError(
                self.name, f"the loss {theirs:.9g} of an ordinary pass", f"{E:.9g} in the second pass",
                "loss(model, batch) must give the same number when it is called again: pass a batch that can be read "
                "twice, and draw random numbers from torch, NumPy or random.",
            )  # fmt: skip

    def total(self, *, swept_too: bool) -> tuple[dict[str, Array], list[str]]:
        """The gradient of every parameter by way of the calls, and what was compared.

        Args:
            swept_too: whether a pass over the calls is compared, which where all lags are gathered they are themselves.

        Raises:
            NonFiniteError: if autograd's gradient leaves its type.
            AgreementError: if a pass over the calls gives another one.
        """
        theirs = {}
        for key, p in self.recording.params.items():
            theirs[key] = _array(self.whole.grads[id(p)], p)
            if not np.isfinite(theirs[key]).all():
                raise NonFiniteError(
                    key, f"a gradient within {str(p.dtype).removeprefix('torch.')}", "one that leaves it",
                    "Pass a model and a batch in float64, or shorter sequences.",
                )  # fmt: skip
        elsewhere = any(id(p) in self.recording.used for p in self.recording.params.values())
        if not (swept_too or elsewhere):
            return theirs, []
        ours, came = swept(self.recording, self.recording.immediate)
        besides = outside(self.recording, came)
        total = {key: as_array(value) for key, value in ours.items()}
        summed = {
            key: value + (as_array(besides[key]) if key in besides else 0.0)
            for key, value in total.items()
        }
        return total, [self._compared(summed, theirs, "a pass over the calls gives")]

    def added_up(
        self, tally: StateTally, total: dict[str, Array], with_autograd: bool
    ) -> list[str]:
        """That the lags add up to the gradient.

        Args:
            tally: of the lags.
            total: the gradient of every parameter.
            with_autograd: whether that is autograd's of all of the batch.

        Raises:
            AgreementError: if they do not.
        """
        summed = {}
        for key, value in total.items():
            left = tally.remaining(key)
            off = left.view(value.dtype) if np.iscomplexobj(value) else left
            summed[key] = value - off.reshape(value.shape)
        sentence = self._compared(summed, total, "the lags add up to")
        return [sentence] if with_autograd else []

    def _compared(self, ours: dict[str, Array], theirs: dict[str, Array], what: str) -> str:
        # Against the largest of all: a gradient that cancels to zero is rounding, whatever it is compared with.
        each = [*ours.values(), *theirs.values()]
        largest = max((float(np.abs(value).max(initial=0.0)) for value in each), default=0.0) or 1.0
        worst = 0.0
        for key, value in theirs.items():
            off = float(np.abs(ours[key] - value).max(initial=0.0)) / largest
            worst = max(worst, off)
            if not off <= self.limit:
                raise AgreementError(
                    f"{self.name}.{key}", "lags that add up to autograd's gradient",
                    f"a difference of {off:.1e} of the largest entry", CURE,
                )  # fmt: skip
        return f"{self.name}: {what} autograd's gradient of every parameter, to {worst:.0e} of the largest entry."


def _array(grad: Tensor | None, like: Tensor) -> Array:
    return as_array(torch.zeros_like(like) if grad is None else grad)
