"""A piece of advice: a change in words, and what makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Settings = tuple[Mapping[str, str | float], ...]


@dataclass(frozen=True)
class Edit:
    """One parameter of one layer, changed.

    Attributes:
        parameter: "W_F" or "W_R", which is scaled, or "b", which is set.
        gate: symbol of the gate whose rows are meant; None for all.
        number: the factor, or what b is set to.
        above: whether all layers above are meant too.
    """

    parameter: Literal["W_F", "W_R", "b"]
    gate: str | None
    number: float
    above: bool = False

    def code(self, layer: int) -> str:
        """The line that makes it in a ``bptt.Network``.

        >>> Edit("W_F", "f", 0.25).code(1), Edit("b", None, 0).code(0)
        ('model.stack.layers[1].gate("f", "W_F")[...] *= 0.25', 'model.stack.layers[0].b[...] = 0')
        """
        rows = self.parameter if self.gate is None else f'gate("{self.gate}", "{self.parameter}")'
        change = f"{rows}[...] {self.operator} {self.number:.3g}"
        if self.above:
            return f"for layer in model.stack.layers[{layer}:]:\n    layer.{change}"
        return f"model.stack.layers[{layer}].{change}"

    @property
    def operator(self) -> str:
        """In Python."""
        return "=" if self.parameter == "b" else "*="


@dataclass(frozen=True)
class Advice:
    """One change that is worth a try.

    Attributes:
        sentence: the change in words, for whoever reads it.
        remedy: the name in ``bptt.remedies.CATALOGUE`` of the remedy that makes it; None where none does.
        number: what the change is set to, as the sentence says: a bias, T_max, a factor; None without one.
        code: lines of Python that make it, with the model as ``model`` and the diagnosis as ``report``; "" where it is up
            to the user's own code.
        settings: the same by names and values of a configuration or a training, such as
            ``{"init": "orthogonal"}``; each entry is one way to do it. Empty where no setting does.
        edit: the change of one parameter that it comes down to; None where it is another.
    """

    sentence: str
    remedy: str | None = None
    number: float | None = None
    code: str = ""
    settings: Settings = ()
    edit: Edit | None = None

    def __str__(self) -> str:
        """The sentence."""
        return self.sentence


def by_remedy(
    name: str, sentence: str, number: float | None = None, settings: Settings = ()
) -> Advice:
    """Advice that a remedy follows.

    Args:
        name: of the remedy.
        sentence: the change in words.
        number: what it is set to.
        settings: of a new network that do the same.
    """
    return Advice(sentence, name, number, f'report.apply("{name}")', settings)


def by_edit(sentence: str, edit: Edit, layer: int) -> Advice:
    """Advice that changes one parameter.

    Args:
        sentence: the change in words.
        edit: the change.
        layer: number of the layer in its stack, from the bottom.
    """
    return Advice(sentence, number=edit.number, code=edit.code(layer), edit=edit)
