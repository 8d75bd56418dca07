"""From the gradient by the factors of a recurrence to the gradient by the parameters of its module."""

import torch
from torch import Tensor, nn

from bptt.torch_models.scans.kinds import LinearRecurrence
from bptt.torch_models.scans.kinds.linear import Factors


class ToParameters:
    """Backward passes from the factors to the parameters, as many as there are lags.

    Args:
        recurrence: with the graph of its factors.
        module: of which the parameters are meant.

    Attributes:
        parameters: those that the factors depend on, by name; the factors themselves where there is none.
    """

    def __init__(self, recurrence: LinearRecurrence, module: nn.Module) -> None:
        self._timed, self._made = recurrence.timed, recurrence.factors
        made = {name: value for name, value in self._made.items() if value.requires_grad}
        every = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.parameters: dict[str, Tensor] = {}
        if made and every:
            zeros = [torch.zeros_like(value) for value in made.values()]
            grads = _grads(list(made.values()), list(every.values()), zeros)
            self.parameters = {
                n: p for (n, p), g in zip(every.items(), grads, strict=True) if g is not None
            }
        self._apart = not self.parameters
        if self._apart:
            self.parameters = dict(self._made)
        else:
            self._made = made

    def of(self, by_factor: Factors) -> dict[str, Tensor]:
        """The gradient by each parameter.

        Args:
            by_factor: of each factor, (B, n, ·) of the first n steps where it has one value per step.
        """
        sent = {
            name: self._padded(name, by_factor[name]) for name in self._made if name in by_factor
        }
        if self._apart:
            return sent
        made = [self._made[name] for name in sent]
        grads = _grads(made, list(self.parameters.values()), list(sent.values()))
        named = zip(self.parameters.items(), grads, strict=True)
        return {n: torch.zeros_like(p) if g is None else g for (n, p), g in named}

    def _padded(self, name: str, grad: Tensor) -> Tensor:
        """With zeros for the steps that it does not reach."""
        value = self._made[name]
        grad = grad.to(value.dtype)
        if name in self._timed and grad.shape[1] < value.shape[1]:
            return torch.cat([grad, torch.zeros_like(value[:, grad.shape[1] :])], 1)
        return grad


def _grads(
    outputs: list[Tensor], leaves: list[Tensor], sent: list[Tensor]
) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(outputs, leaves, sent, retain_graph=True, allow_unused=True)
