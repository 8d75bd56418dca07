r"""The gradient by lag of one loss step per sequence, which is drawn: an unbiased estimate at the price of a backward pass.

Where the loss is taken at many steps, every one of them has a past of its own, and splitting the gradient by lag costs
as many backward passes as there are lags. With one loss step t per sequence the lag of what happens at step s is t - s,
and one backward pass tells all lags apart. Where the loss is taken at one step only, nothing is drawn.
"""

from dataclasses import dataclass

import numpy as np

from bptt.arrays import Array, rows_with_any
from bptt.gradients.by_lag.loss_steps import one_way
from bptt.layers import StackTrace
from bptt.layers.at_weights import AtWeights, errors_at_weights
from bptt.layers.levels import BidirectionalTrace, directions
from bptt.layers.stacked import as_stack_trace


@dataclass(frozen=True, eq=False)
class Drawn:
    """Some sequences through layers on top of one another, with a loss step drawn for each.

    Attributes:
        trace: the forward pass.
        t: (B,) the loss step of each sequence; -1 where none has enough past.
        D: (B, S) the errors there, of all layers side by side, times the number of loss steps they were drawn from.
    """

    trace: StackTrace
    t: Array
    D: Array

    def at_weights(self, D: Array) -> list[AtWeights]:
        """The errors at the weights of every layer that errors at the drawn steps cause.

        Args:
            D: (B, S) errors at the drawn steps, or (S,) the same for all sequences.
        """
        columns = np.flatnonzero(self.t >= 0)
        placed, first = [], 0
        for own in self.trace.traces:
            T, B, _ = own.x.shape
            S, dtype = own.layer.state_size, own.layer.dtype
            d = np.zeros((T, B, S), dtype)
            part = np.broadcast_to(D, (B, D.shape[-1]))[columns, first : first + S]
            d[self.t[columns], columns] = part
            placed.append(d)
            first += S
        return errors_at_weights(self.trace, placed)

    def between(self, least: int, most: int | None) -> tuple[slice, Array | None]:
        """The steps of some lags: a stretch that holds them, and which of its steps count, (·, B); None for all.

        Args:
            least: the smallest lag.
            most: the lag behind the largest; None for all from the smallest on.
        """
        taken = self.t[self.t >= 0]
        low, high = int(taken.min()), int(taken.max())
        first = 0 if most is None else max(0, low - most + 1)
        stretch = slice(first, max(first, high - least + 1))
        if low == high:  # sequences that were not drawn have no errors
            return stretch, None
        lag = self.t[None] - np.arange(stretch.start, stretch.stop)[:, None]
        return stretch, np.asarray((lag >= least) & ((most is None) | (lag < (most or 0))))


def independent(
    trace: StackTrace, errors: list[Array]
) -> list[tuple[StackTrace, list[Array]]] | None:
    """Parts in each of which a step and a loss step tell the lag; None where directions follow one another."""
    if len(trace.levels) > 1:
        return [(trace, errors)] if one_way(trace) else None
    level = trace.levels[0]
    if not isinstance(level, BidirectionalTrace):
        return [(trace, errors)]
    return [(as_stack_trace(own), [d]) for own, d in zip(directions(level), errors, strict=True)]


def draw(
    trace: StackTrace, errors: list[Array], lag: int, rng: np.random.Generator
) -> Drawn | None:
    """Draw a loss step of every sequence that has ``lag`` steps of past or more.

    Args:
        trace: a forward pass, as ``independent`` gives it.
        errors: the immediate errors of its layers, (T, B, S) each.
        lag: the past that a loss step must have.
        rng: to draw from.

    Returns:
        the draw, or None if no sequence has such a loss step.
    """
    reach = np.any([rows_with_any(d) for d in errors], axis=0)
    reach[:lag] = False
    count = reach.sum(0)
    wanted = (rng.random(len(count)) * count).astype(int) + 1
    t = np.where(count > 0, (np.cumsum(reach, 0) < wanted).sum(0), -1)
    if not count.any():
        return None
    columns = np.arange(len(t))
    D = np.concatenate([d[t, columns] for d in errors], axis=1) * count[:, None]
    return Drawn(trace, t, D.astype(errors[0].dtype))


def last_steps(errors: list[Array]) -> list[Array]:
    """The errors at every sequence's last loss step alone."""
    reach = np.any([rows_with_any(d) for d in errors], axis=0)
    last = np.where(reach.any(0), len(reach) - 1 - reach[::-1].argmax(0), -1)
    only = (np.arange(len(reach))[:, None] == last)[..., None]
    return [np.where(only, d, 0) for d in errors]
