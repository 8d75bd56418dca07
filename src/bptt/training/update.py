"""One weight update: a batch forward and back, the window, Ω, clipping, the optimiser."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.errors import NonFiniteError
from bptt.layers.build import named_tensors
from bptt.network import Network, Run
from bptt.optimisers import Optimiser, clip_by_norm
from bptt.regularisers import omega
from bptt.training.checkpoint import Checkpoint
from bptt.training.divergence import diverged
from bptt.training.schedules import Schedule
from bptt.training.sources import Source
from bptt.training.states import final
from bptt.training.window import joined, kept


@dataclass(frozen=True)
class Update:
    """How a run goes from one update to the next.

    Attributes:
        source: of the batches.
        optimiser: changes the weights.
        schedule: multiplies its learning rate.
        clip: largest norm of the gradient, or None.
        omega: λ, weight of Ω.
        tail: k2 - k1, time steps before a chunk that its gradient reaches.
    """

    source: Source
    optimiser: Optimiser
    schedule: Schedule
    clip: float | None
    omega: float
    tail: int

    @property
    def settings(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed."""
        return {
            "optimiser": type(self.optimiser).__name__,
            "schedule": repr(self.schedule),
            "clip": self.clip,
            "omega": self.omega,
            "tail": self.tail,
        } | {k: v for k, v in vars(self.optimiser).items() if k != "state"}

    def __call__(self, at: Checkpoint, left: str) -> tuple[float, float]:
        """Update ``at.done``, from 0: weights, optimiser's state and what is carried are changed.

        Args:
            at: where the run stands.
            left: which checkpoint is left, for the error.

        Returns:
            the loss in nats or squares, without Ω, and the gradient's norm before clipping.

        Raises:
            DivergenceError: if loss or gradient is not finite; the weights are as they were.
        """
        n, network = at.done, at.network
        arguments = self.source.arguments(network, n, at.state)
        past = [] if self.source.starts(n) else at.past
        fitted = self.source.fitted(network, n)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # refused below
                run = fitted.run(**arguments)
                whole = joined(past, run)
                grads = gradient(fitted, whole, self.omega)
                norm = clip_by_norm(grads, self.clip)
        except NonFiniteError as error:
            raise diverged(fitted, arguments, past, n + 1, left) from error
        # Adam and RMSprop need the square of what is left of the gradient.
        limit = float(np.finfo(network.stack.dtype).max) ** 0.5
        if not np.isfinite(run.E + norm) or (self.clip or norm) > limit:
            raise diverged(fitted, arguments, past, n + 1, left)
        with np.errstate(over="ignore", invalid="ignore"):  # the next forward pass refuses it
            self.optimiser.step(network.parameters(), grads, n + 1, self.schedule.factor(n))
        if "h0" in arguments:
            at.state, at.past = final(run), kept(whole, self.tail)
        return run.E, norm


def gradient(network: Network, run: Run, weight: float = 0.0) -> dict[str, Array]:
    """∂(E + λ Ω)/∂θ for every parameter: of Ω the immediate one by W_R (Pascanu 2013, eq. 10)."""
    everything = network.backward(run)
    # the initial states are carried in or zero, they are no parameters
    grads = {name: everything[name] for name in network.parameters()}
    if weight:
        _, parts = omega.regulariser(run.stack_trace, run.dh)
        for name, part in named_tensors(network.stack, [{"W_R": part} for part in parts]).items():
            grads[name] += part * part.dtype.type(weight)
    return grads
