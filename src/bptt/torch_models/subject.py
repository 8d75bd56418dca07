"""A PyTorch model as what remedies are tried on, and how a change is written back into it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from bptt.diagnosis import Diagnosis, needed_or_half
from bptt.gradients.by_lag import LagProfile, Signal
from bptt.layers import Layer, Trace
from bptt.remedies import Costs, Settings, Subject
from bptt.torch_models.as_found import Memory, copied, eagerly, random_numbers_kept, seed_all
from bptt.torch_models.convert import acting_layers, stack_of
from bptt.torch_models.decompose import Decomposed, decompose
from bptt.torch_models.diagnose import diagnose_module
from bptt.torch_models.learner import Batches, Kinds, ModuleLearner, batches_of
from bptt.torch_models.write import write_layers


@dataclass(frozen=True, eq=False)
class ModuleSubject:
    """A PyTorch model on a batch.

    Attributes:
        model: the model; ``changed`` copies it.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        needed_lag: as given; half the sequence if None.
        batches: what copies learn from and are measured on, as ``bptt.prognosis`` takes it; the batch, split, if None.
        settings: how they train.
    """

    model: nn.Module
    batch: Any
    loss: Callable[[nn.Module, Any], Any]
    needed_lag: int | None = None
    batches: Any = None
    settings: Settings = field(default_factory=Settings)
    _read: list[Batches] = field(default_factory=list, repr=False)  # of all changed copies
    task = None
    on_text = False  # how the model's own training cuts its data is not known here
    takes_omega = False
    takes_cells = False
    costs = Costs(per_group=5, per_copy=44)

    @classmethod
    def of(cls, *given: Any) -> Self:
        """A subject, once it is clear that its model can be copied.

        Args:
            given: its attributes, in order.

        Raises:
            OptionError: if it cannot: it names the attribute at fault.
        """
        subject = cls(*given)
        copied(subject.model)
        return subject

    @property
    def layers(self) -> list[Layer]:
        """Of every recurrent module that the loss reaches, in the order of the diagnosis."""
        modules = self._forward.modules.values()
        return [layer for m in modules for layer in stack_of(acting_layers(m)).layers]

    @property
    def names(self) -> list[str]:
        """Of the layers."""
        return self._forward.names

    @property
    def needed(self) -> int:
        """The lag that the task needs."""
        return needed_or_half(self.needed_lag, self.steps)

    @property
    def steps(self) -> int:
        """Of the longest sequence."""
        return self._forward.longest

    def changed(self, layers: Sequence[Layer]) -> "ModuleSubject":
        """A copy of the model with other recurrent weights.

        Raises:
            OptionError: if it cannot be copied, or as ``write_layers``.
        """
        model = copied(self.model)
        write_layers(model, self._modules(), layers)
        return replace(self, model=model)

    def take(self, layers: Sequence[Layer]) -> None:
        """Write layers into the model itself."""
        write_layers(self.model, self._modules(), layers)

    def take_from(self, other: Subject) -> None:
        """Write the layers of a copy into the model."""
        self.take(other.layers)

    def advised(self) -> tuple[tuple[str, ...], Subject] | None:
        """Nothing: what is advised of layers are remedies by name."""
        return None

    def diagnose(self) -> Diagnosis:
        """The model on the batch, judged."""
        return diagnose_module(self.model, self.batch, self.loss, self.needed_lag)

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of every layer."""
        found = decompose(self.model, self.batch, self.loss, max_lag)
        vars(self).setdefault("_forward", found)  # all but the profiles is the same for any lag
        return found.profiles

    def signals(self, max_lag: int) -> Sequence[Signal]:
        """The error signal by lag of every layer."""
        return self.profiles(max_lag)

    def traces(self) -> list[Trace]:
        """The forward pass of every layer."""
        return self._forward.traces

    @property
    def has_data(self) -> bool:
        """Whether data were given to learn from beside the batch."""
        return self.batches is not None

    def learner(self, settings: Settings) -> ModuleLearner:
        """A copy that trains with Adam; all that are compared share their batches.

        Raises:
            OptionError: if there is too little to train on and hold out.
        """
        return ModuleLearner(
            self.model, self._shared(settings), self.loss, needed_lag=self.needed, lr=settings.lr,
            clip=settings.clip, seed=settings.seed, recurrent=self._kinds,
        )  # fmt: skip

    def norms(self, batches: int) -> list[float]:
        """The norms of the gradient on the first batches of the training, at weights that stay as they are."""
        shared = self._shared(self.settings)
        model = copied(self.model).train()
        memory = Memory(model)
        norms: list[float] = []
        with (
            random_numbers_kept(),
            eagerly(model),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            with memory.watching(self.batch):
                self.loss(model, self.batch)
            seed_all(self.settings.seed)
            for number in range(batches):
                memory.recall()  # no batch goes on from where another one stopped
                model.zero_grad()
                self.loss(model, shared.at(number)).backward()
                norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), np.inf)))
        return norms

    def _shared(self, settings: Settings) -> Batches:
        """What all copies learn from and are measured on, read once."""
        if not self._read:
            data = self.batch if self.batches is None else self.batches
            self._read.append(
                batches_of(
                    data,
                    copied(self.model),
                    self.loss,
                    settings.batch,
                    settings.seed,
                    kinds=self._kinds,
                )
            )
        return self._read[0]

    @cached_property
    def _kinds(self) -> Kinds | None:
        """Which recurrence a learner measures; PyTorch's layers, found by itself, if None."""
        return None

    @cached_property
    def _forward(self) -> Decomposed:
        """The forward pass of every layer, with no more than lag 0: a subject's model never changes."""
        return decompose(self.model, self.batch, self.loss, 0)

    def _modules(self) -> list[str]:
        """Paths of the recurrent modules that the loss reaches."""
        return list(self._forward.modules)
