"""What remedies are tried on: recurrent layers in a model, on a batch, with or without data to learn from.

Two kinds of model can be a subject, a ``bptt.Network`` (``network_subject``) and a PyTorch module
(``torch_models``). A remedy sees its layers and its measurements, never the rest of the model.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from bptt.data import Task
from bptt.diagnosis import Diagnosis
from bptt.gradients.by_lag import LagProfile, Signal
from bptt.layers import Layer, Trace
from bptt.prognoses import Learner
from bptt.remedies.rounds import Costs
from bptt.remedies.settings import Settings


class Subject(Protocol):
    """Recurrent layers in a model, on a batch.

    Attributes:
        model: the whole model.
        layers: copies of its recurrent layers, from the bottom; none where it has a recurrence of another kind.
        names: their names.
        needed_lag: the lag that the task needs, as it was given; None if nobody said.
        needed: the same; half of the longest sequence if nobody said.
        steps: time steps of the longest sequence.
        settings: how copies train.
        has_data: whether data were given to learn from beside the batch.
        task: which these are, if they can be drawn at any length; else None.
        on_text: whether training cuts a stream into chunks.
        takes_omega: whether training can add Ω to the loss.
        takes_cells: whether layers of another kind can stand in the place of its own.
        costs: of a race, beside the training of copies.
    """

    @property
    def settings(self) -> Settings: ...  # noqa: D102
    @property
    def model(self) -> Any: ...  # noqa: D102

    @property
    def layers(self) -> list[Layer]: ...  # noqa: D102
    @property
    def names(self) -> list[str]: ...  # noqa: D102
    @property
    def needed_lag(self) -> int | None: ...  # noqa: D102
    @property
    def needed(self) -> int: ...  # noqa: D102
    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def has_data(self) -> bool: ...  # noqa: D102
    @property
    def task(self) -> Task | None: ...  # noqa: D102
    @property
    def takes_cells(self) -> bool: ...  # noqa: D102
    @property
    def costs(self) -> Costs: ...  # noqa: D102
    @property
    def on_text(self) -> bool: ...  # noqa: D102
    @property
    def takes_omega(self) -> bool: ...  # noqa: D102

    def changed(self, layers: Sequence[Layer]) -> "Subject":
        """A copy of the model with other layers in the place of its own."""
        ...

    def take(self, layers: Sequence[Layer]) -> None:
        """Write layers into the model itself."""
        ...

    def take_from(self, other: "Subject") -> None:
        """Write into the model itself what was changed in a copy."""
        ...

    def advised(self) -> "tuple[tuple[str, ...], Subject] | None":
        """What the diagnosis advises, in sentences, and a copy in which it was followed; None where no line of code does it."""
        ...

    def diagnose(self) -> Diagnosis:
        """The model on the batch, judged."""
        ...

    def profiles(self, max_lag: int) -> list[LagProfile]:
        """The gradient by lag of every layer."""
        ...

    def signals(self, max_lag: int) -> Sequence[Signal]:
        """The error signal by lag of every layer."""
        ...

    def traces(self) -> list[Trace]:
        """The forward pass of every layer on the batch."""
        ...

    def learner(self, settings: Settings) -> Learner:
        """A copy that trains, and is measured on held-out data.

        Raises:
            OptionError: if there is too little to train on and hold out.
        """
        ...

    def norms(self, batches: int) -> list[float]:
        """The norms of the gradient, before any clipping, on some batches of the training."""
        ...
