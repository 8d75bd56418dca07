"""A copy of a PyTorch model that is trained a while and measured on held-out sequences."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bptt.arrays import Array, as_number, as_whole
from bptt.diagnosis import needed_or_half
from bptt.errors import NonFiniteError, OptionError
from bptt.prognoses import Joined, Pass, Tangents
from bptt.torch_models.as_found import (
    Memory,
    Stream,
    copied,
    eagerly,
    random_numbers_kept,
    recording,
    seed_all,
    untouched,
)
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner.batches import Batches, batches_of
from bptt.torch_models.learner.kinds import Kinds
from bptt.torch_models.nonfinite import where_not_finite

Step = Callable[[nn.Module, Any], Any]


class ModuleLearner:
    """A copy of a PyTorch model, somewhere in its training; see ``bptt.prognoses.Learner``.

    Training happens in train mode, measuring in eval mode.

    Args:
        model: it is not changed.
        data: an iterable of batches, a DataLoader for example; a function that draws one; a single batch, whose sequences
            are split; or what ``batches_of`` made of these, to be shared by several learners.
        loss: called as loss(model, batch), returns the loss before ``.backward()``.
        needed_lag: the lag that the task needs; half of the longest sequence if None.
        lr: of Adam; with ``step``, that of your own optimiser.
        batch: sequences per update, where batches are split.
        clip: largest norm of the gradient; None never clips.
        step: one update of your own, called as step(model, batch) with the copy; Adam if None.
        seed: of dropout, of the random numbers that the data draw from, and of what is held out.
        recurrent: the module of one step, or one whose recurrence is known, as ``bptt.diagnose`` takes it.

    Raises:
        OptionError: if the model cannot be copied, the data leave too little to hold out, or as ``bptt.diagnose``.
        NonFiniteError: if the loss is not finite.
    """

    unit, scale = "", 1.0

    def __init__(
        self,
        model: nn.Module,
        data: Any,
        loss: Loss,
        *,
        needed_lag: int | None = None,
        lr: float = 1e-3,
        batch: int = 32,
        clip: float | None = 1.0,
        step: Step | None = None,
        seed: int = 0,
        recurrent: Any = None,
    ) -> None:
        if step is not None and not callable(step):
            raise OptionError(
                "step",
                "a function, called as step(model, batch)",
                repr(step),
                "Leave it out for Adam.",
            )
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise OptionError(
                "model", "parameters that are trained", "none that needs a gradient",
                "Call model.requires_grad_(True).",
            )  # fmt: skip
        kinds = recurrent if isinstance(recurrent, Kinds) else Kinds(model, recurrent)
        self._given, self.loss, self._step = model, loss, step
        self.lr = as_number("lr", lr, "(0, ∞)")
        self.clip = np.inf if clip is None else as_number("clip", clip, "(0, ∞]")
        self.updates = 0
        self._optimiser: torch.optim.Optimizer | None = None
        self._remarks: set[str] = set()
        self._numbers = Stream(as_whole("seed", seed, least=0, most=2**32 - 1))
        with recording():
            self.model = copied(model, why="it is a copy that is trained").train()
            if not isinstance(data, Batches):
                data = batches_of(data, self.model, loss, batch, seed, shared=False, kinds=kinds)
            self._batches, self._memory = data, Memory(self.model)
            with self._looking(0):
                with self._memory.watching(data.held[0]):
                    loss(self.model, data.held[0])
                self._kind = kinds.of(self.model, data.held[0], loss)
                longest, sequences = self._first(needed_lag)
        self.needed_lag = needed_or_half(needed_lag, longest)
        if sequences < 2:
            raise OptionError(
                "data", "batches of several sequences", "one sequence in a batch",
                "Use a larger batch size: agreement is measured across many sequences.",
            )  # fmt: skip
        self.batch = max(1, round(sequences * data.per_group))
        self.epoch = data.epoch

    @property
    def unlike(self) -> str:
        """The classes of a recurrence that the probability was not fitted on; else ""."""
        return self._kind.unlike

    @property
    def remarks(self) -> tuple[str, ...]:
        """What cannot be measured and why."""
        return tuple(sorted(self._remarks))

    def advance(self, updates: int, note: Callable[[float], None]) -> None:
        """Train on; see ``Learner``.

        Raises:
            NonFiniteError: if loss or gradient stop being finite.
            OptionError: if the data end, or ``step`` does not train the copy.
        """
        with self._numbers.drawing(), eagerly(self.model), recording():
            for _ in range(updates):
                batch = self._batches.at(self.updates)  # its random numbers are its own
                self._memory.recall()  # no update goes on from where another one stopped
                E = self._by_adam(batch) if self._step is None else self._by_step(batch)
                self.updates += 1
                note(E)

    def passes(self, groups: int) -> Iterator[Pass]:
        """The first groups of the held-out sequences; see ``Learner``."""
        for number, batch in enumerate(self._batches.held[:groups]):
            with self._looking(number):
                self._memory.recall()
                one, remarks = self._kind.passed(
                    self.model, batch, self.loss, self.needed_lag, number
                )
            self._remarks |= set(remarks)
            joined = tuple(self._looked_at(own, number) for own in one.joined)
            yield replace(one, joined=joined)

    def _looked_at(self, own: Joined, number: int) -> Joined:
        """Its tangents are told later: in the mode that is measured in, too."""
        if own.tangents is None:
            return own
        tangents = (_Looked(each, lambda: self._looking(number)) for each in own.tangents)
        return replace(own, tangents=tuple(tangents))

    def _by_adam(self, batch: Any) -> float:
        if self._optimiser is None:
            self._optimiser = torch.optim.Adam(self.model.parameters(), self.lr)
        self._optimiser.zero_grad()
        E = self.loss(self.model, batch)
        self._check(E, batch)
        E.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self._check(norm, batch, "gradient")
        self._optimiser.step()
        return float(E.detach())

    def _by_step(self, batch: Any) -> float:
        assert self._step is not None
        before = None
        with ExitStack() as stack:
            if self.updates == 0:
                before = [parameter.detach().clone() for parameter in self.model.parameters()]
                stack.enter_context(untouched(self._given))
            E = self._step(self.model, batch)
        if before is not None and all(map(torch.equal, before, self.model.parameters())):
            raise OptionError(
                "step", "one update of the model that it is called with", "weights that are the same after it",
                "Create the optimiser for the model that step receives, when step receives it for the first time.",
            )  # fmt: skip
        if not isinstance(E, Tensor | float | int):
            with untouched(self.model), torch.no_grad():
                E = self.loss(self.model, batch)
        self._check(E, batch)
        return float(E.detach() if isinstance(E, Tensor) else E)

    def _check(self, number: Any, batch: Any, name: str = "loss") -> None:
        value = float(number.detach() if isinstance(number, Tensor) else number)
        if np.isfinite(value):
            return
        raise NonFiniteError(
            name, "a finite number", f"{value} in update {self.updates + 1}",
            where_not_finite(self.model, batch, self.loss),
        )  # fmt: skip

    def _first(self, needed_lag: int | None) -> tuple[int, int]:
        """A group whose sequences are long enough for the lag, its steps and sequences; from here on it is the first."""
        held = self._batches.held
        most: tuple[int, int] | None = None
        for number, batch in enumerate(held):
            own = self._kind.seen(self.model, batch, self.loss)
            if most is None or own[0] > most[0]:
                most = own
                held.insert(0, held.pop(number))
            if needed_lag is None or not isinstance(needed_lag, int) or needed_lag < own[0]:
                break
        assert most is not None
        return most

    @contextmanager
    def _looking(self, number: int) -> Iterator[None]:
        """Around what measures: eval mode, and random numbers that are the same at every call."""
        modes = {module: module.training for module in self.model.modules()}
        self.model.eval()
        with random_numbers_kept():
            seed_all(number)
            try:
                yield
            finally:
                for module, training in modes.items():
                    module.training = training


class _Looked:
    """Tangents that are told in the mode that the model is measured in."""

    def __init__(
        self, tangents: Tangents, looking: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._tangents, self._looking = tangents, looking

    @property
    def D(self) -> Array:
        """See ``Tangents``."""
        return self._tangents.D

    def features(self, v: Array) -> Array:
        """See ``Tangents``."""
        with self._looking():
            return self._tangents.features(v)
