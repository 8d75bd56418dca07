"""A ``bptt.Network`` as what remedies are tried on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bptt.data import Data, Series, Task, Text
from bptt.diagnosis import Diagnosis, batch_arguments, diagnose_network, needed_or_half
from bptt.errors import OptionError
from bptt.gradients.by_lag import LagProfile, Signal, by_lag, signal_by_lag
from bptt.layers import Layer, Trace
from bptt.layers.build import replaced
from bptt.network import Network
from bptt.prognoses import NetworkLearner
from bptt.prognoses.held_out import split
from bptt.remedies.rounds import Costs
from bptt.remedies.settings import Settings
from bptt.remedies.subject import Subject
from bptt.training import Adam, train

STILL = 1e-30  # a learning rate that leaves weights as they are


@dataclass(frozen=True, eq=False)
class NetworkSubject:
    """A ``bptt.Network`` on a batch.

    Attributes:
        network: the model.
        batch: as ``bptt.diagnose`` takes it.
        needed_lag: as given; half the sequence if None.
        data: what copies learn from; the batch itself, split, if None.
        settings: how they train.
    """

    network: Network
    batch: dict[str, Any]
    needed_lag: int | None = None
    data: Data | None = None
    settings: Settings = field(default_factory=Settings)
    takes_omega = True
    takes_cells = True
    costs = Costs(per_group=3, per_copy=28)

    @classmethod
    def of(
        cls, network: Network, batch: Any, needed_lag: int | None, data: Any, settings: Settings
    ) -> "NetworkSubject":
        """With the batch in any form that ``bptt.diagnose`` takes.

        Args:
            network: the model.
            batch: (x, targets), (x, targets, h0), or a dict of ``network.run``'s arguments by name.
            needed_lag: how far back the task needs the gradient to reach; half the sequence if None.
            data: what copies learn from; the batch itself, split, if None.
            settings: how they train.

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
        """Write layers into the network itself.

        Raises:
            OptionError: if they are of another kind: a network keeps its layers.
        """
        for own, new in zip(self.network.stack.layers, layers, strict=True):
            if type(own) is not type(new):
                raise OptionError(
                    "remedy", f"a change of the weights of {own.kind} layers, which can be written into the network",
                    f"{new.kind} layers in their place", "Take the copy: network = ranking.model().",
                )  # fmt: skip
        for own, new in zip(self.network.stack.layers, layers, strict=True):
            for name, value in own.parameters().items():
                value[...] = new.parameters()[name]
            own.phi = new.phi

    def take_from(self, other: Subject) -> None:
        """Write the layers of a copy into the network.

        Raises:
            OptionError: as ``take``.
        """
        self.take(other.layers)

    def advised(self) -> None:
        """Nothing: what is advised of layers are remedies by name."""

    def diagnose(self) -> Diagnosis:
        """The network on the batch, judged."""
        return diagnose_network(self.network, self.batch, self.needed_lag)

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of every layer."""
        run = self.network.run(**self.batch)
        return by_lag(run.stack_trace, run.dh, max_lag=max_lag)

    def signals(self, max_lag: int) -> Sequence[Signal]:
        """The error signal by lag of every layer."""
        run = self.network.run(**self.batch)
        return signal_by_lag(run.stack_trace, run.dh, max_lag)

    def traces(self) -> list[Trace]:
        """The forward pass of every layer on the batch."""
        return list(self.network.run(**self.batch).stack_trace.traces)

    @property
    def has_data(self) -> bool:
        """Whether there are data beside the batch, with some of them held out."""
        return not isinstance(self._sequences, dict)

    @property
    def _sequences(self) -> Data | dict[str, Any]:
        """What is learnt from; as one batch, which is to be split, where nothing is held out."""
        if isinstance(self.data, Series) and not self.data.apart:
            return self.data.train.arguments(self.network.stack.dtype)
        return self.batch if self.data is None else self.data

    @property
    def task(self) -> Task | None:
        """The data, if they are a task."""
        return self.data if isinstance(self.data, Task) else None

    def learner(self, settings: Settings) -> NetworkLearner:
        """A copy that trains; without data that are kept apart on a part of the batch, the rest held out.

        Raises:
            OptionError: if there is too little to train on and hold out.
        """
        return NetworkLearner(
            self.network, self._sequences, needed_lag=self.needed,
            lr=settings.lr, batch=settings.batch, clip=settings.clip, length=settings.length, window=settings.window,
            omega=settings.omega, curriculum=settings.curriculum, seed=settings.seed,
        )  # fmt: skip

    def norms(self, batches: int) -> list[float]:
        """The norms of the gradient on the first batches of the training, at weights that stay as they are."""
        norms: list[float] = []
        own = self.settings
        data = self._sequences
        if isinstance(data, dict):
            data = split(self.network, data, own.seed)
        more: dict[str, Any] = {"length": own.length, "window": own.window} if self.on_text else {}
        train(
            self.network, data, updates=batches, batch=own.batch, optimiser=Adam(STILL), clip=None,
            omega=own.omega, seed=own.seed, progress=lambda progress: norms.append(progress.norm), **more,
        )  # fmt: skip
        return norms
