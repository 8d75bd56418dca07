"""What a user says about a file of sequences, where the file alone does not tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bptt.errors import OptionError
from bptt.presentation.formatting import listed


@dataclass(frozen=True)
class Reading:
    """How a file is to be read; what is None is told from the file.

    Attributes:
        inputs: names of the columns that the network reads, in this order; of a .npz file the name of the array.
        target: name of the column or array of what is asked for.
        sequence: name of the column that tells the sequences of a table apart.
        batch_first: whether the arrays of a .npz file are (B, T, I), or else (T, B, I).
    """

    inputs: tuple[str, ...] | None = None
    target: str | None = None
    sequence: str | None = None
    batch_first: bool | None = None

    @classmethod
    def of(
        cls,
        inputs: str | Iterable[str] | None = None,
        target: str | None = None,
        sequence: str | None = None,
        batch_first: bool | None = None,
    ) -> "Reading":
        """With the names of the inputs in one string, separated by commas, or each by itself.

        Args:
            inputs: the names.
            target: as the attribute.
            sequence: as the attribute.
            batch_first: as the attribute.

        >>> Reading.of("ax, ay").inputs
        ('ax', 'ay')

        Raises:
            OptionError: if no inputs are left.
        """
        if inputs is not None:
            words = inputs.split(",") if isinstance(inputs, str) else inputs
            inputs = tuple(word for word in map(str.strip, words) if word)
            if not inputs:
                raise OptionError("inputs", "at least one name", "none", "Leave it out for all.")
        return cls(inputs, target, sequence, batch_first)

    @property
    def said(self) -> dict[str, Any]:
        """What is not None, by its name; the inputs in one string."""
        every = {**vars(self), "inputs": None if self.inputs is None else ",".join(self.inputs)}
        return {name: value for name, value in every.items() if value is not None}

    def refuse(self, names: Iterable[str], because: str) -> None:
        """Refuse what would have no effect.

        Args:
            names: of attributes.
            because: why, to be read after "none".

        Raises:
            OptionError: naming those that are said.
        """
        said = {name: self.said[name] for name in names if name in self.said}
        if said:
            several = len(said) > 1
            raise OptionError(
                listed(list(said)), f"none {because}", ", ".join(map(str, said.values())),
                f"Leave {'them' if several else 'it'} out: {'they have' if several else 'it has'} no effect.",
            )  # fmt: skip
