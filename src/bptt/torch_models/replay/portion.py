"""A part of a batch that is taken apart by lag, where all of it would cost too much."""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array


@dataclass(frozen=True, eq=False)
class Portion:
    """What is taken.

    Attributes:
        columns: (n,) sequences, in ascending order.
        of: how many there are.
        every: one loss step in so many, counted from the last.
        seed: by which the sequences were drawn.
        compared: how many sequences, these among them, are compared with autograd; None for all.
    """

    columns: Array
    of: int
    every: int = 1
    seed: int = 0
    compared: int | None = None

    @property
    def others(self) -> Array:
        """The other sequences that are compared with autograd; further ones of the same draw where these are not all."""
        drawn = np.random.default_rng(self.seed).permutation(self.of)[: self.compared]
        return np.setdiff1d(drawn, self.columns)

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return len(self.columns) == self.of and self.every == 1

    def thinned(self, errors: list[Array]) -> list[Array]:
        """Errors of the states, (T, B, S) per layer, with those of the other loss steps at zero."""
        if self.every == 1:
            return errors
        steps = np.flatnonzero(np.logical_or.reduce([d.any((1, 2)) for d in errors]))
        kept = (steps[-1] - np.arange(len(errors[0]))) % self.every == 0 if len(steps) else slice(0)
        thin = [np.zeros_like(d) for d in errors]
        for to, own in zip(thin, errors, strict=True):
            to[kept] = own[kept]
        return thin

    def sentence(self, name: str) -> str:
        """What was taken of a module, and how it is told, for the user.

        Args:
            name: of the module.
        """
        errors = " Standard errors are by sequence." if 1 < len(self.columns) < self.of else ""
        return f"{self.taken(name)}{errors} What a lag adds below rounding counts as zero."

    def taken(self, name: str) -> str:
        """What was taken, and what was compared with autograd.

        Args:
            name: of the module, or of several.
        """
        parts = []
        if len(self.columns) < self.of:
            parts.append(f"{len(self.columns)} of {self.of} sequences, drawn with seed {self.seed}")
        if self.every > 1:
            parts.append(f"one in {self.every} of the loss steps, counted from the last")
        gradient = "The gradient of all is compared with autograd's."
        if self.compared is not None:
            gradient = (
                f"To compare the gradient of all with autograd's would take too long as well: that of {self.compared} of the "
                f"sequences, those taken apart among them, is compared with autograd's of the same; seconds= allows more."
            )
        return (
            f"To keep time and memory within bounds, the lags of {name} are those of {', and '.join(parts)}; "
            f'sequences="all" takes all. {gradient}'
        )
