"""Some layers of a model, as if they were all of it: for a remedy that takes layers of one kind only."""

from collections.abc import Sequence
from typing import Any

from bptt.diagnosis import Diagnosis
from bptt.gradients.by_lag import LagProfile, Signal
from bptt.layers import Layer, Trace
from bptt.remedies.subject import Subject


class Part:
    """Some layers of a subject; all else is the subject's own.

    Args:
        whole: the model on its batch.
        chosen: numbers of the layers.
    """

    def __init__(self, whole: Subject, chosen: Sequence[int]) -> None:
        self._whole, self._chosen = whole, tuple(chosen)

    def __getattr__(self, name: str) -> Any:
        """What does not depend on the layers."""
        return getattr(self._whole, name)

    @property
    def layers(self) -> list[Layer]:
        """Copies of the chosen layers."""
        return self._of(self._whole.layers)

    @property
    def names(self) -> list[str]:
        """Theirs."""
        return self._of(self._whole.names)

    def changed(self, layers: Sequence[Layer]) -> "Part":
        """A copy of the model with other layers in the place of the chosen ones."""
        return Part(self._whole.changed(self._all(layers)), self._chosen)

    def take(self, layers: Sequence[Layer]) -> None:
        """Write layers into the model itself."""
        self._whole.take(self._all(layers))

    def diagnose(self) -> Diagnosis:
        """The whole model, judged."""
        return self._whole.diagnose()

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of the chosen layers."""
        return self._of(self._whole.profiles(max_lag))

    def signals(self, max_lag: int) -> Sequence[Signal]:
        """The error signal by lag of the chosen layers."""
        return self._of(self._whole.signals(max_lag))

    def traces(self) -> list[Trace]:
        """The forward pass of the chosen layers."""
        return self._of(self._whole.traces())

    def _of(self, each: Sequence[Any]) -> list[Any]:
        return [each[number] for number in self._chosen]

    def _all(self, layers: Sequence[Layer]) -> list[Layer]:
        every = self._whole.layers
        for number, layer in zip(self._chosen, layers, strict=True):
            every[number] = layer
        return every
