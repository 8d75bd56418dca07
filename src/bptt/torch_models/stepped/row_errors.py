"""The errors of one lag, of those rows alone that they reach."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bptt.arrays import Array
from bptt.torch_models.stepped.gathered import norms_of_rows


@dataclass(frozen=True, eq=False)
class Sent:
    """Errors on their way to some rows.

    Attributes:
        part: of the outputs that they go to; None where they go around the call.
        at: (n,) the rows.
        rows: (n, ...) the errors.
        position: of the argument that they go around with.
    """

    part: int | None
    at: Array
    rows: Tensor
    position: int = -1


@dataclass(frozen=True, eq=False)
class RowErrors:
    """At the outputs of some rows, and of what goes around their calls.

    Attributes:
        at: (n,) the rows, in order.
        parts: (n, ...) the errors at each output.
        alive: (n,) where one of them is not zero.
        around: by position, (n, ...) the errors that go around.
        norms: (P, n) of the errors at each output; 0 or infinite where squares leave float64.
    """

    at: Array
    parts: list[Tensor]
    alive: Array
    around: dict[int, Tensor]
    norms: Array

    @classmethod
    def of(cls, sent: Sequence[Sent], like: Sequence[Tensor]) -> "RowErrors | None":
        """What arrives, added up; None where nothing does.

        Args:
            sent: the errors.
            like: a tensor of the shape and type of each output.
        """
        sent = [each for each in sent if len(each.at)]
        if not sent:
            return None
        at = sent[0].at
        if (
            any(each.at is not at and not np.array_equal(each.at, at) for each in sent)
            or (np.diff(at) <= 0).any()
        ):
            at = np.unique(np.concatenate([each.at for each in sent]))
        parts: list[Tensor | None] = [None] * len(like)
        around: dict[int, Tensor] = {}
        for each in sent:
            rows = _placed(each, at)
            if each.part is None:
                before = around.get(each.position)
                around[each.position] = rows if before is None else before + rows
            else:
                own = parts[each.part]
                parts[each.part] = rows if own is None else own + rows
        full = [
            shape.new_zeros(len(at), *shape.shape[1:]) if part is None else part
            for part, shape in zip(parts, like, strict=True)
        ]
        return _living(at, full, around)

    def largest(self) -> float:
        """Of all entries, in size, or of the norms where nothing goes around and their squares are far from the type's ends."""
        size = float(self.norms.max(initial=0.0))
        if not self.around and 1e-100 < size < 1e100:
            return size
        every = [*self.parts, *self.around.values()]
        return max(
            float(torch.linalg.vector_norm(part, torch.inf)) if part.numel() else 0.0
            for part in every
        )

    def times(self, factor: float) -> "RowErrors":
        """The same, scaled."""
        around = {position: rows * factor for position, rows in self.around.items()}
        parts = [part * factor for part in self.parts]
        return RowErrors(self.at, parts, self.alive, around, norms_of_rows(parts))


def _placed(sent: Sent, at: Array) -> Tensor:
    if len(sent.at) == len(at) and np.array_equal(sent.at, at):
        return sent.rows
    places = torch.from_numpy(np.searchsorted(at, sent.at)).to(sent.rows.device)
    whole = sent.rows.new_zeros(len(at), *sent.rows.shape[1:])
    return whole.index_add_(0, places, sent.rows)


def _living(at: Array, parts: list[Tensor], around: dict[int, Tensor]) -> RowErrors | None:
    """Without the rows at which nothing stands."""
    norms = norms_of_rows(parts)
    alive = np.any(norms > 0, axis=0)  # NaN is found by its size
    if not alive.all():
        alive = alive | _any(parts)  # the squares of what is left may be zero
    there = alive if not around else alive | _any([*around.values()])
    if there.all():
        return RowErrors(at, parts, alive, around, norms)
    kept = np.flatnonzero(there)
    if not len(kept):
        return None
    some = torch.from_numpy(kept).to(parts[0].device)
    around = {position: rows[some] for position, rows in around.items()}
    parts = [part[some] for part in parts]
    return RowErrors(at[kept], parts, alive[kept], around, norms[:, kept])


def _any(parts: list[Tensor]) -> Array:
    found = torch.stack([part.reshape(len(part), -1).any(1) for part in parts]).any(0)
    return np.asarray(found.cpu().numpy())
