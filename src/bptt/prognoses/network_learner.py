"""A copy of a ``bptt.Network`` that is trained a while and measured on held-out sequences."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bptt import kernels
from bptt.arrays import as_whole
from bptt.data import Batch, Data, Task, Text
from bptt.diagnosis import needed_or_half
from bptt.layers.levels import Bidirectional
from bptt.layers.sequences import inside
from bptt.layers.stack_errors import immediate_errors
from bptt.network import Network, Run
from bptt.network.losses import as_targets, loss_where
from bptt.prognoses.held_out import HeldOut, split
from bptt.prognoses.learner import Pass
from bptt.training import Adam, Constant, source_of
from bptt.training.checked import checked, tail_of
from bptt.training.checkpoint import Checkpoint
from bptt.training.curriculum import Curriculum
from bptt.training.states import at_rest
from bptt.training.update import Update

MIXED = (
    "Agreement and form are left out: where levels that run both ways follow one another, how far back a step lies "
    "depends on the way."
)
NOTHING = "No answer to {name} is better than a guess: there is nothing in it to learn."


class NetworkLearner:
    """A copy of a network, somewhere in its training; see ``Learner``.

    Args:
        network: it is not changed.
        data: a text, series or task, or a dict of ``network.run``'s arguments: its sequences are split.
        needed_lag: the lag that the task needs; a task's own, or half of the sequences, if None.
        lr: of Adam.
        batch: sequences per update.
        clip: largest norm of the gradient; None never clips.
        length: of text: time steps per update, k1.
        window: of text: how far back the gradient of these reaches, k2; ``length`` if None.
        omega: weight of Pascanu's Ω.
        curriculum: the length of a task's sequences from update to update.
        seed: of the order of the data, and of what is held out.

    Raises:
        OptionError: if the network does not fit the data, they leave too little to hold out, or a number lies
            outside its range.
    """

    unlike = ""

    def __init__(
        self,
        network: Network,
        data: Data | dict[str, Any],
        *,
        needed_lag: int | None = None,
        lr: float = 1e-3,
        batch: int = 32,
        clip: float | None = 1.0,
        length: int = 64,
        window: int | None = None,
        omega: float = 0.0,
        curriculum: Curriculum | None = None,
        seed: int = 0,
    ) -> None:
        seed = as_whole("seed", seed, least=0)
        if isinstance(data, dict):
            data = split(network, data, seed, name="data")
        length = as_whole("length", length, least=1)
        source = source_of(data, length=length, batch=batch, seed=seed, curriculum=curriculum)
        source.check(network)
        clip, omega = checked(network, clip, omega)
        tail = tail_of(window, length, isinstance(data, Text))
        self.needed_lag = _needed(data, needed_lag, length + tail)
        optimiser = Adam(lr)
        self.lr, self.batch = lr, source.batch
        self.unit = source.unit
        self.scale = source.scale
        self.epoch = source.epoch
        guessed = isinstance(data, Task) and not data.learnable
        self._of_data = (NOTHING.format(name=data.name),) if guessed else ()
        self.held_out = HeldOut.of(data, self.needed_lag, seed)
        self._update = Update(source, optimiser, Constant(), clip, omega, tail)
        self._run = Checkpoint(network.copy(), optimiser.state, at_rest(network, source.batch))

    @property
    def network(self) -> Network:
        """The copy as it is now."""
        return self._run.network

    @property
    def remarks(self) -> tuple[str, ...]:
        """What cannot be measured, or learnt, and why."""
        levels = self.network.stack.levels
        mixed = len(levels) > 1 and any(isinstance(level, Bidirectional) for level in levels)
        return (*self._of_data, *((MIXED,) if mixed else ()))

    @property
    def updates(self) -> int:
        """Made so far."""
        return self._run.done

    def advance(self, updates: int, note: Callable[[float], None]) -> None:
        """Train on; see ``Learner``."""
        for _ in range(updates):
            E, _ = self._update(self._run, "")
            self._run.done += 1
            note(E / self.scale)

    def passes(self, groups: int) -> Iterator[Pass]:
        """The first groups of held-out sequences; see ``Learner``."""
        for batch in self.held_out.batches[:groups]:
            arguments = batch.arguments(self.network.stack.dtype)
            run = self.network.run(**arguments)
            errors = immediate_errors(run.stack_trace, run.dh)
            blind = _blind(run, batch, arguments["targets"])
            yield Pass(run.E, blind, ((run.stack_trace, errors),))


def _needed(data: Data, needed_lag: int | None, length: int) -> int:
    if needed_lag is None and isinstance(data, Task):
        return data.needed_lag
    if isinstance(data, Text):
        return needed_or_half(needed_lag, max(length, 2, 1 + (needed_lag or 0)))
    steps = data.steps if isinstance(data, Task) else int(data.held_out.lengths.max())
    return needed_or_half(needed_lag, steps)


def _blind(run: Run, batch: Batch, targets: Any) -> float:
    """The loss where every sequence shows the readout the mean of all sequences' states."""
    network: Network = run.network
    N, B, O = run.o.shape
    T = len(run.stack_trace.traces[0].x)
    counted = np.ones((N, B), bool)
    if network.loss_at != "last":
        counted = inside(batch.lengths, T)[run.loss_steps]
    weight = counted / np.maximum(1, counted.sum(1, keepdims=True))
    h = np.einsum("nbh,nb->nh", run.h, weight.astype(run.h.dtype))[:, None]
    o = np.broadcast_to(kernels.affine(h, network.W_O.T, network.b_O), run.o.shape)
    wanted = as_targets(network.loss, targets, (N, B, O), network.stack.dtype, counted)
    return loss_where(network.loss, np.ascontiguousarray(o), wanted, counted)[0]
