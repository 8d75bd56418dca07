"""A PyTorch model with a recurrence that is no layer of PyTorch's, as what remedies are tried on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from bptt.diagnosis import Advice, Diagnosis
from bptt.errors import OptionError
from bptt.gradients.by_lag import LagProfile
from bptt.layers import Layer, Trace
from bptt.remedies import Subject
from bptt.torch_models.as_found import copied
from bptt.torch_models.diagnose import diagnose_module
from bptt.torch_models.learner import Kinds
from bptt.torch_models.stepped import named
from bptt.torch_models.subject import ModuleSubject

NO_LAYER = "layers with W_R", "a recurrence of another kind"


@dataclass(frozen=True, eq=False)
class StatesSubject(ModuleSubject):
    """A model whose steps are its own, or computed by a scan, on a batch; it has no layers.

    Attributes:
        recurrent: names of the modules, as ``bptt.diagnose`` takes one; None for what is found.
        followed: lines of code, with the model as ``model``, that made this copy.
    """

    recurrent: Any = None
    followed: tuple[str, ...] = ()

    @classmethod
    def with_recurrent(cls, recurrent: Any, *given: Any) -> "StatesSubject":
        """A subject, once it is clear that its model can be copied.

        Args:
            recurrent: as ``bptt.diagnose`` takes it.
            given: model, batch, loss, needed lag, batches and settings.

        Raises:
            OptionError: if it cannot be copied.
        """
        subject = cls.of(*given)
        if isinstance(recurrent, nn.Module):  # a copy has it by its name
            (recurrent,) = named(subject.model, recurrent)
        return replace(subject, recurrent=recurrent)

    @property
    def layers(self) -> list[Layer]:
        """None."""
        return []

    @property
    def names(self) -> list[str]:
        """Of the recurrences."""
        return list(self._diagnosis.layers)

    @property
    def steps(self) -> int:
        """Of the longest sequence."""
        return self._kinds.of(self.model, self.batch, self.loss).seen(
            self.model, self.batch, self.loss
        )[0]

    def changed(self, layers: Sequence[Layer]) -> "StatesSubject":
        """A copy: there are no layers to change."""
        return replace(self, model=copied(self.model))

    def take(self, layers: Sequence[Layer]) -> None:
        """Nothing: there are no layers."""

    def take_from(self, other: Subject) -> None:
        """Follow in the model itself what was followed in a copy."""
        assert isinstance(other, StatesSubject)  # a copy of this one
        _follow(self.model, other.followed)

    def advised(self) -> tuple[tuple[str, ...], Subject] | None:
        """What the diagnosis advises where the signal vanishes and a line of code does it, and a copy that has it."""
        advice: list[Advice] = []
        for layer in self._diagnosis.layers.values():
            lines = [each for each in layer.advice if each.code and each.remedy is None]
            if layer.verdict == "vanishing" and lines:
                advice.append(lines[0])
        if not advice:
            return None
        code = tuple(each.code for each in advice)
        model = copied(self.model)
        _follow(model, code)
        sentences = tuple(dict.fromkeys(each.sentence.rstrip(".") for each in advice))
        return sentences, replace(self, model=model, followed=code)

    def diagnose(self) -> Diagnosis:
        """The model on the batch, judged."""
        return self._diagnosis

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """None.

        Raises:
            OptionError: always.
        """
        raise OptionError("model", *NO_LAYER, "It does not apply.")

    def traces(self) -> list[Trace]:
        """None."""
        return []

    @cached_property
    def _kinds(self) -> Kinds:
        return Kinds(self.model, self.recurrent)

    @cached_property
    def _diagnosis(self) -> Diagnosis:
        return diagnose_module(
            self.model, self.batch, self.loss, self.needed_lag, recurrent=self.recurrent
        )


def _follow(model: Any, code: Sequence[str]) -> None:
    """Run lines of advice: they are this library's own, or an adapter's."""
    for lines in code:
        exec(lines, {"model": model, "torch": torch})
