"""A PyTorch model as what remedies are tried on, and how a change is written back into it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import nn

from bptt.diagnosis import Diagnosis, needed_or_half
from bptt.errors import OptionError
from bptt.gradients.by_lag import LagProfile
from bptt.layers import Layer, Trace
from bptt.remedies import Settings, Trial
from bptt.torch_models.as_found import Memory, copied, eagerly, random_numbers_kept, seed_all
from bptt.torch_models.convert import acting_layers, stack_of
from bptt.torch_models.decompose import Decomposed, decompose
from bptt.torch_models.diagnose import diagnose_module
from bptt.torch_models.write import write_layers


@dataclass(frozen=True, eq=False)
class ModuleSubject:
    """A PyTorch model on a batch.

    Attributes:
        model: the model; ``changed`` copies it.
        batch: whatever ``loss`` takes.
        loss: called as loss(model, batch).
        needed_lag: as given; half the sequence if None.
        batches: what a trial learns from, gone through again and again; the batch alone if None.
        settings: how it trains.
    """

    model: nn.Module
    batch: Any
    loss: Callable[[nn.Module, Any], Any]
    needed_lag: int | None = None
    batches: Iterable[Any] | None = None
    settings: Settings = field(default_factory=Settings)
    on_text = False  # how the model's own training cuts its data is not known here
    takes_omega = False

    @classmethod
    def of(cls, *given: Any) -> "ModuleSubject":
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

    def diagnose(self) -> Diagnosis:
        """The model on the batch, judged."""
        return diagnose_module(self.model, self.batch, self.loss, self.needed_lag)

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of every layer."""
        return decompose(self.model, self.batch, self.loss, max_lag).profiles

    def traces(self) -> list[Trace]:
        """The forward pass of every layer."""
        return self._forward.traces

    def train(self, settings: Settings) -> Trial:
        """Train a copy with Adam.

        Raises:
            OptionError: if there are no batches, or the settings ask for what only ``bptt.training`` does.
        """
        if settings.omega:
            raise OptionError(
                "omega", "0 for a PyTorch model", str(settings.omega),
                "Add Ω to your own training loop.",
            )  # fmt: skip
        model = copied(self.model).train()
        memory = Memory(model)
        optimiser = torch.optim.Adam(model.parameters(), settings.lr)
        losses: list[float] = []
        norms: list[float] = []
        stopped, stamps = None, [perf_counter()]
        with (
            random_numbers_kept(),
            eagerly(model),
            torch.inference_mode(False),
            torch.enable_grad(),
        ):
            with memory.watching(self.batch):
                self.loss(model, self.batch)
            seed_all(settings.seed)
            for batch in self._drawn(settings.updates):
                memory.recall()  # no update goes on from where another one stopped
                optimiser.zero_grad()
                E = self.loss(model, batch)
                E.backward()
                limit = np.inf if settings.clip is None else settings.clip
                norms.append(float(nn.utils.clip_grad_norm_(model.parameters(), limit)))
                losses.append(float(E.detach()))
                if not np.isfinite(losses[-1]) or not np.isfinite(norms[-1]):
                    stopped = f"update {len(losses)}: loss {losses[-1]}, gradient norm {norms[-1]}"
                    break
                optimiser.step()
                stamps.append(perf_counter())
        return Trial.of(losses, norms, "", stamps, stopped)

    def _drawn(self, updates: int) -> Iterable[Any]:
        done = 0
        while done < updates:
            before = done
            for batch in [self.batch] if self.batches is None else self.batches:
                yield batch
                done += 1
                if done == updates:
                    return
            if done == before:
                raise OptionError(
                    "batches", "batches to train on", "none",
                    "Pass a list or a DataLoader: an iterator that was used is empty.",
                )  # fmt: skip

    @cached_property
    def _forward(self) -> Decomposed:
        """The forward pass of every layer, with no more than lag 0: a subject's model never changes."""
        return decompose(self.model, self.batch, self.loss, 0)

    def _modules(self) -> list[str]:
        """Paths of the recurrent modules that the loss reaches."""
        return list(self._forward.modules)
