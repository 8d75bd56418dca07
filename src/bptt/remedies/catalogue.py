"""Every remedy by name, with what it does and who proposed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import numpy as np

from bptt.errors import OptionError
from bptt.remedies import advised, cells, gates, inputs, training, weights
from bptt.remedies.change import Change, Make
from bptt.remedies.subject import Subject


@dataclass(frozen=True)
class Remedy:
    """A change worth trying.

    Attributes:
        name: its name, as ``only`` takes it.
        does: what it does, in a phrase.
        source: who proposed it.
        make: makes the change.
        of: what it changes: recurrent layers, the training, or the parameters of a recurrence of another kind.
    """

    name: str
    does: str
    source: str
    make: Make
    of: Literal["layers", "training", "other recurrences"] = "layers"

    def made(self, subject: Subject, rng: np.random.Generator) -> Change:
        """The change.

        Args:
            subject: the model on its batch.
            rng: of the weights that are drawn.

        Raises:
            OptionError: if it does not apply.
        """
        if self.of == "layers" and not subject.layers:
            raise OptionError(
                self.name, "recurrent layers, with W_R", "a recurrence of another kind",
                "It does not apply: keep follows what the report advises.",
            )  # fmt: skip
        return self.make(subject, rng)


CATALOGUE = {
    remedy.name: remedy
    for remedy in (
        Remedy(
            "gain", "scale W_R so that the signal keeps its size on this batch",
            "mean field: Sompolinsky 1988; Chen 2018", weights.gain,
        ),
        Remedy("orthogonal", "draw W_R orthogonal", "Saxe 2014", weights.orthogonal),
        Remedy(
            "identity-relu", "W_R the identity, activation relu",
            "Le, Jaitly & Hinton 2015", weights.identity_relu,
        ),
        Remedy(
            "scaled-identity", "W_R a multiple of the identity that keeps the signal's size",
            "Mikolov 2014; Le 2015", weights.scaled_identity,
        ),
        Remedy("activation", "tanh, or relu in its place", "Bengio 1994", weights.activation),
        Remedy(
            "flossing", "push the leading Lyapunov exponents towards 0",
            "Engelken 2023", weights.flossing,
        ),
        Remedy(
            "forget-bias", "open the forget gate as far as the lag asks for",
            "Gers 2000; Jozefowicz 2015", gates.forget_bias,
        ),
        Remedy(
            "update-bias", "open the update gate as far as the lag asks for",
            "after Gers 2000", gates.update_bias,
        ),
        Remedy(
            "chrono", "draw the gates' biases for memories up to twice the needed lag",
            "Tallec & Ollivier 2018", gates.chrono,
        ),
        Remedy(
            "lstm", "LSTM layers, open as far as the lag asks for, in the place of plain ones",
            "Hochreiter & Schmidhuber 1997; Gers 2000", cells.lstm,
        ),
        Remedy(
            "gru", "GRU layers, open as far as the lag asks for, in the place of plain ones",
            "Cho 2014", cells.gru,
        ),
        Remedy(
            "input-scale", "scale W_F so that the units are not saturated",
            "LeCun 1998", inputs.input_scale,
        ),
        Remedy(
            "keep", "follow the report's advice on what lets a step keep its state",
            "Gers 2000; Orvieto 2023; Gu & Dao 2023", advised.keep, "other recurrences",
        ),
        Remedy("lr-up", "three times the learning rate", "Bengio 2012", training.lr_up, "training"),
        Remedy("lr-down", "a third of the learning rate", "Bengio 2012", training.lr_down, "training"),
        Remedy(
            "curriculum", "begin with short sequences and let them grow",
            "Bengio 2009", training.curriculum, "training",
        ),
        Remedy("clip", "clip at the median norm observed", "Pascanu 2013", training.clip, "training"),
        Remedy(
            "truncation", "reach further back than the chunk",
            "Williams & Peng 1990", training.truncation, "training",
        ),
        Remedy("omega", "add Ω to the loss", "Pascanu 2013, eq. 9 and 10", training.omega),
    )
}  # fmt: skip


def chosen(names: Sequence[str] | None) -> list[Remedy]:
    """Some remedies by name, all of them if None.

    Raises:
        OptionError: if a name is unknown.
    """
    if names is None:
        return list(CATALOGUE.values())
    for name in names:
        if name not in CATALOGUE:
            near = get_close_matches(str(name), CATALOGUE, 1)
            raise OptionError(
                "only", "names among " + ", ".join(CATALOGUE), repr(name),
                f"Did you mean {near[0]!r}?" if near else "Choose from these.",
            )  # fmt: skip
    return [CATALOGUE[name] for name in names]
