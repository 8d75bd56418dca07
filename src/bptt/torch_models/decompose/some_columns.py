"""Some sequences of calls that pass their states on to one another, as if the others had not been there."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from bptt.arrays import Array
from bptt.gradients.by_lag.between_columns import Arriving, Leaving
from bptt.gradients.by_lag.rows import Rows
from bptt.layers.stacked import columns_of
from bptt.torch_models.replay import Links, Replay


def columns_of_sequences(
    replays: Sequence[Replay], links: Links, chosen: Array
) -> list[Array] | None:
    """Per stack the columns that some sequences are; None where something between the calls mixes them with others.

    Args:
        replays: the calls.
        links: what lies between them.
        chosen: (n,) which sequences of every call's batch.
    """
    kept = []
    for own in replays:
        columns = [own.strand.column[call.index] for call in own.strand.calls]
        if any(len(of_call) != len(columns[0]) for of_call in columns):
            return None
        mine = np.unique([of_call[chosen] for of_call in columns])
        if any(np.isin(np.delete(of_call, chosen), mine).any() for of_call in columns):
            return None
        kept.append(mine)
    return None if _mixed(replays, links, kept) else kept


def _mixed(replays: Sequence[Replay], links: Links, kept: Sequence[Array]) -> bool:
    """Whether an error of these columns arrives in another one: a random one is sent back."""
    rng = np.random.default_rng(0)
    for number, own in enumerate(replays):
        B = len(own.strand.lengths)

        def at(first: int, size: int, own: Array = kept[number], B: int = B) -> Rows:
            D, reach = np.zeros((1, B, size)), np.zeros((1, B), bool)
            D[:, own], reach[:, own] = 0.5 + rng.random((len(own), size)), True
            return Rows.of(first, D, np.zeros((1, B), np.int64), reach)

        states: list[Rows | None] = [at(-1, t.layer.state_size) for t in own.trace.traces]
        inputs = at(0, own.trace.traces[0].x.shape[2]) if links.reads(number) else None
        for arrived in links.back([Leaving(number, np.arange(B), states, inputs)]):
            if not np.isin(arrived.columns, kept[arrived.stack]).all():
                return True
    return False


def some_of(own: Replay, kept: Array) -> Replay:
    """Some columns of a module's calls; the calls themselves stay whole.

    Args:
        own: the calls.
        kept: (n,) which columns, in ascending order.
    """
    errors = [d.take(kept, 1) for d in own.errors]
    return replace(own, trace=columns_of(own.trace, kept), errors=errors)


class SomeLinks:
    """The links of all columns, as those of some see them.

    Args:
        links: of all.
        replays: the calls.
        kept: per stack (n,) the columns; no error leaves them for another one.
    """

    def __init__(self, links: Links, replays: Sequence[Replay], kept: Sequence[Array]) -> None:
        self._links, self._kept = links, kept
        self._counts = [len(own.strand.lengths) for own in replays]

    @property
    def order(self) -> list[tuple[int, Array]]:
        """As ``Links.order``."""
        places = ((n, np.flatnonzero(np.isin(self._kept[n], own))) for n, own in self._links.order)
        return [(number, own) for number, own in places if len(own)]

    def reads(self, stack: int) -> bool:
        """As ``Links.reads``."""
        return self._links.reads(stack)

    def inner(self, stack: int) -> Array:
        """As ``Links.inner``."""
        inner: Array = self._links.inner(stack)[self._kept[stack]]
        return inner

    def back(self, leaving: Sequence[Leaving]) -> Iterable[Arriving]:
        """As ``Links.back``."""
        for arrived in self._links.back([self._among_all(own) for own in leaving]):
            columns = np.searchsorted(self._kept[arrived.stack], arrived.columns)
            yield replace(arrived, columns=columns)

    def _among_all(self, own: Leaving) -> Leaving:
        B, columns = self._counts[own.stack], self._kept[own.stack][own.columns]

        def widened(rows: Rows | None) -> Rows | None:
            if rows is None:
                return None
            D = np.zeros((1, B, rows.D.shape[2]), rows.D.dtype)
            e, reach = np.zeros((1, B), np.int64), np.zeros((1, B), bool)
            D[:, columns], e[:, columns] = rows.D[:1], rows.e[:1]
            reach[:, columns] = rows.reach[:1]
            return Rows.of(rows.first, D, e, reach)

        states = [widened(rows) for rows in own.states]
        inputs = widened(own.inputs) if own.inputs is not None and own.inputs.first == 0 else None
        return Leaving(own.stack, np.arange(B), states, inputs)
