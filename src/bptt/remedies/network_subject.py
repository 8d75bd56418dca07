"""A ``bptt.Network`` as what remedies are tried on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from bptt.data import Batch, Series, Text
from bptt.data.tasks import Task
from bptt.diagnosis import Diagnosis, batch_arguments, diagnose_network, needed_or_half
from bptt.errors import NonFiniteError, OptionError
from bptt.gradients.by_lag import LagProfile, by_lag
from bptt.layers import Layer, Trace
from bptt.layers.build import replaced
from bptt.network import Network
from bptt.remedies.trial import Settings, Trial
from bptt.training import Adam, train


@dataclass(frozen=True, eq=False)
class NetworkSubject:
    """A ``bptt.Network`` on a batch.

    Attributes:
        network: the model.
        batch: as ``bptt.diagnose`` takes it.
        needed_lag: as given; half the sequence if None.
        data: what a trial learns from; the batch itself if None.
        settings: how it trains.
    """

    network: Network
    batch: dict[str, Any]
    needed_lag: int | None = None
    data: Text | Series | Task | None = None
    settings: Settings = field(default_factory=Settings)
    takes_omega = True

    @classmethod
    def of(
        cls, network: Network, batch: Any, needed_lag: int | None, data: Any, settings: Settings
    ) -> "NetworkSubject":
        """With the batch in any form that ``bptt.diagnose`` takes.

        Args:
            network: the model.
            batch: (x, targets), (x, targets, h0), or a dict of ``network.run``'s arguments by name.
            needed_lag: how far back the task needs the gradient to reach; half the sequence if None.
            data: what a trial learns from; the batch itself if None.
            settings: how it trains.

        Raises:
            OptionError: if the batch has another form.
        """
        return cls(network, batch_arguments(batch), needed_lag, data, settings)

    @property
    def model(self) -> Network:
        """The network."""
        return self.network

    @property
    def layers(self) -> list[Layer]:
        """Copies of the layers, from the bottom."""
        return [layer.copy() for layer in self.network.stack.layers]

    @property
    def names(self) -> list[str]:
        """The names of the layers."""
        return list(self.network.stack.names)

    @property
    def needed(self) -> int:
        """The lag that the task needs."""
        return needed_or_half(self.needed_lag, self.steps)

    @property
    def steps(self) -> int:
        """T, the time steps of the batch."""
        return len(self.batch["x"])

    @property
    def on_text(self) -> bool:
        """Whether training cuts a stream into chunks."""
        return isinstance(self.data, Text)

    def changed(self, layers: Sequence[Layer]) -> "NetworkSubject":
        """The same with other layers."""
        own = self.network
        changed = Network(
            replaced(own.body, layers), own.W_O.copy(), own.b_O.copy(), own.loss, own.loss_at
        )
        return replace(self, network=changed)

    def take(self, layers: Sequence[Layer]) -> None:
        """Write layers into the network itself."""
        for own, new in zip(self.network.stack.layers, layers, strict=True):
            for name, value in own.parameters().items():
                value[...] = new.parameters()[name]
            own.phi = new.phi

    def diagnose(self) -> Diagnosis:
        """The network on the batch, judged."""
        return diagnose_network(self.network, self.batch, self.needed_lag)

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of every layer."""
        run = self.network.run(**self.batch)
        return by_lag(run.stack_trace, run.dh, max_lag=max_lag)

    def traces(self) -> list[Trace]:
        """The forward pass of every layer on the batch."""
        return list(self.network.run(**self.batch).stack_trace.traces)

    def train(self, settings: Settings) -> Trial:
        """Train a copy of the network."""
        losses: list[float] = []
        norms: list[float] = []
        unit = ""
        stopped = None

        def note(progress: Any) -> None:
            nonlocal unit
            unit = progress.unit
            losses.append(progress.loss)
            norms.append(progress.norm)
            stamps.append(perf_counter())

        more: dict[str, Any] = {}
        if self.on_text:
            more = {"length": settings.length, "window": settings.window}
        stamps = [perf_counter()]
        try:
            train(
                self.network, self.data if self.data is not None else self._own_data(),
                updates=settings.updates, batch=settings.batch, optimiser=Adam(settings.lr),
                clip=settings.clip, omega=settings.omega, seed=settings.seed, progress=note,
                **more,
            )  # fmt: skip
        except NonFiniteError as error:
            stopped = str(error)
        return Trial.of(losses, norms, unit, stamps, stopped)

    def _own_data(self) -> Series:
        """The batch, as the sequences to learn.

        Raises:
            OptionError: if it is more than sequences and targets.
        """
        more = sorted(set(self.batch) - {"x", "targets", "lengths"})
        if more:
            raise OptionError(
                "batch", "x, targets and lengths only, to train on it", ", ".join(more),
                "Pass data to learn from, or trial_updates=0.",
            )  # fmt: skip
        x, targets = (np.asarray(self.batch[name]) for name in ("x", "targets"))
        lengths = np.asarray(self.batch.get("lengths", np.full(x.shape[1], len(x))))
        at: Any = self.network.loss_at
        whole = Batch(x, targets, lengths, per_step=at == "every")
        return Series(
            "the batch itself", whole, whole, len(self.network.b_O), self.network.loss, at, False
        )
