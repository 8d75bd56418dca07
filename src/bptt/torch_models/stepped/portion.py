"""How much of a batch a step's errors are taken apart for, so that memory and time hold."""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from bptt.arrays import Array
from bptt.torch_models.decompose.bounds import ROOM, SECONDS, Bounds, Spent
from bptt.torch_models.decompose.left_out import drawn_in_words, power_below
from bptt.torch_models.stepped.recording import Recording, back

FEW = 8  # sequences that are kept before loss steps are left out
KEPT_PER_BYTE = 24  # bytes that autograd keeps of a step, over those of what comes in and goes out
MOST_ROWS = 16384  # in a pass: more makes nothing faster


@dataclass(frozen=True, eq=False)
class Portion:
    """Of a batch.

    Attributes:
        loss_steps: levels whose losses are taken apart.
        columns: (n,) sequences whose losses are; None for all.
        block: loss steps at a time.
        rows: rows at a time.
        words: what was left out, in sentences.
    """

    loss_steps: list[int]
    columns: Array | None
    block: int
    rows: int
    words: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing was left out."""
        return not self.words


class Sizes:
    """What the walk over a step's calls takes.

    Args:
        recording: the calls.
        bounds: of the measurement.
        lags: K.
        spent: seconds that are over.
    """

    def __init__(self, recording: Recording, bounds: Bounds, lags: int, spent: float) -> None:
        self.recording, self.bounds, self.lags, self.spent = recording, bounds, lags, spent
        leaves = [place.leaf for place in recording.places.values()]
        outputs = [output.leaf for call in recording.calls for output in call.outputs]
        self.at_outputs = float(sum(leaf.nbytes for leaf in outputs))
        self.sequences = recording.sequences
        self.per_step = KEPT_PER_BYTE * sum(leaf.nbytes for leaf in leaves) / len(recording.calls)
        self.gradient = float(sum(p.nbytes for p in recording.params.values()))
        room = bounds.room
        most = ROOM if bounds.memory is None else bounds.memory
        self.free = min(most, room.aim) if room is not None else most

    def refuse(self, *, in_rows: bool) -> None:
        """Refuse a walk that needs more memory than there may be; the rest is free for rows or loss steps.

        Args:
            in_rows: whether the lags come one after the other, so that few of them need be held.

        Raises:
            OptionError: if it does.
        """
        numbers = sum(p.numel() for p in self.recording.params.values())
        bills = 6 * 8.0 * numbers  # three sums of every parameter in float64, apart and together
        held = bills + (3 * self.gradient if in_rows else self.lags * self.gradient)
        Spent(self.bounds.room).refuse(
            held + self.per_step, "the gradient of every lag of the step's parameters"
        )
        self.free = max(self.free - held, self.free / 4)

    @property
    def allowed(self) -> float:
        """Seconds for the walk."""
        most = SECONDS if self.bounds.seconds is None else self.bounds.seconds
        return max(0.05 * most, most - self.spent)

    @property
    def rows(self) -> int:
        """Rows at a time."""
        each = max(1.0, self.per_step / self.sequences)
        return int(max(1, min(self.free / each, MOST_ROWS)))

    @property
    def block(self) -> int:
        """Loss steps at a time, each with a gradient of its own at one call, or with errors held at all of them."""
        own = max(2 * self.gradient, self.at_outputs)
        return int(max(1, self.free / max(1.0, self.per_step + own)))

    def seconds_per_error(self) -> float:
        """Of a loss step's error at one call: measured at the last call but one."""
        call = next(c for c in reversed(self.recording.calls) if c.entries and c.outputs)
        inputs = [*self.recording.params.values(), *[entry.leaf for entry in call.entries]]
        edges = [output.edge for output in call.outputs]
        count = min(8, len(self.recording.loss_steps), self.block)
        sent = [
            output.leaf.detach().expand(count, *output.leaf.shape).clone()
            for output in call.outputs
        ]
        started = monotonic()
        back(edges, sent, inputs, True, self.recording.one_by_one)
        return (monotonic() - started) / count

    def pairs(self, steps: list[int]) -> float:
        """Loss steps times calls that their errors pass, each by the part of the sequences that it has an error of."""
        each = {level: 0.0 for level in steps}
        for number, error in self.recording.immediate.items():
            level = self.recording.level_of(number)
            if level in each:
                reach = error.reshape(len(error), -1).any(1) if error.ndim else error.any()
                each[level] = max(each[level], float(reach.double().mean()))
        most = sum(part * min(level + 1, self.lags) for level, part in each.items())
        return most * len(self.recording.calls) / self.recording.steps


def portion_of(sizes: Sizes, per_pair: float, *, in_rows: bool) -> Portion:
    """As much as the bounds allow.

    Args:
        sizes: of the walk.
        per_pair: seconds of a loss step's error of all sequences at one call.
        in_rows: whether fewer sequences take less.
    """
    bounds, steps, B = sizes.bounds, sizes.recording.loss_steps, sizes.sequences
    over = sizes.pairs(steps) * per_pair / sizes.allowed
    if bounds.sequences == "all":
        return Portion(steps, None, sizes.block, sizes.rows)
    n = B
    if isinstance(bounds.sequences, int):
        n = min(B, bounds.sequences)
        over *= n / B if in_rows else 1
    elif in_rows and over > 1:
        n = max(min(FEW, B), power_below(B / over))
        over *= n / B
    every = 1
    while over / every > 1 and every < len(steps):
        every *= 2
    columns = None
    words = []
    if n < B:
        chosen = np.random.default_rng(bounds.seed).permutation(B)[:n]
        columns = np.sort(chosen)
        words.append(drawn_in_words(n, B, bounds.seed))
    if every > 1:
        words.append(
            f"Of {len(steps)} loss steps one in {every}, counted from the last, is taken apart by lag."
        )
    return Portion(steps[::-1][::every][::-1], columns, sizes.block, sizes.rows, tuple(words))
