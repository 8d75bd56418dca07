"""What a look ahead trains on, and what it keeps apart to measure on."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.data import DataLoader, Dataset, IterableDataset

from bptt.arrays import Array, as_whole
from bptt.errors import OptionError
from bptt.prognoses.held_out import FEWEST_HELD, FEWEST_TRAIN, PART_HELD
from bptt.prognoses.learner import EACH, GROUPS
from bptt.torch_models.as_found import Stream, eagerly, recording, untouched
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner.kinds import Kinds
from bptt.torch_models.learner.sequences import Sequences

ONE_IN = 5  # batches is held out
FEWEST_BATCHES = 2 * ONE_IN  # fewer are split into sequences
FEWEST_GROUPS, LEAST = (
    8,
    8,
)  # groups that a spread can be told from, and sequences of a part of a batch


@runtime_checkable
class Batches(Protocol):
    """Read once, and shared by all learners that are compared.

    Attributes:
        held: groups of sequences to measure on.
        per_group: sequences of an update over those of a group.
        epoch: updates in which all that is not held out is gone through once; infinite where every batch is drawn anew,
            None where nobody knows.
    """

    held: list[Any]
    per_group: float
    epoch: float | None

    def at(self, number: int) -> Any:
        """The batch of an update, from 0.

        Raises:
            OptionError: if there are no more.
        """
        ...


def batches_of(
    data: Any,
    model: nn.Module,
    loss: Loss,
    batch: int = EACH,
    seed: int = 0,
    *,
    shared: bool = True,
    kinds: Kinds | None = None,
) -> Batches:
    """Part some data into batches to train on and groups to measure on.

    Args:
        data: an iterable of batches, a DataLoader for example; a function that draws one; or a single batch: tensors in a
            tuple, a list or a dict.
        model: a copy of the user's, to tell the sequences of a batch apart.
        loss: called as loss(model, batch).
        batch: sequences per update, where batches are split.
        seed: of the random numbers that the data draw from, and of what is held out.
        shared: whether several learners ask for the same batches; those that a function drew are kept then.
        kinds: which recurrence is measured; what is found if None.

    Raises:
        OptionError: if there are too few batches, or too few sequences in them.
    """
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        raise OptionError(
            "data", "batches", f"a {type(data).__name__}, which holds single samples",
            "Pass DataLoader(dataset, batch_size=32, shuffle=True).",
        )  # fmt: skip
    if data is None or isinstance(data, str | bytes | int | float):
        raise OptionError(
            "data", "an iterable of batches, a function that draws one, or a batch of tensors", repr(data),
            "Pass a DataLoader, for example.",
        )  # fmt: skip
    batch, seed = as_whole("batch", batch, least=1), as_whole("seed", seed, least=0, most=2**32 - 1)
    single = isinstance(data, Tensor | np.ndarray | Mapping | tuple | PackedSequence)
    if not single and not isinstance(data, Iterable) and callable(data):
        return _Drawn(data, seed, shared)
    kinds = kinds or Kinds(model)
    read = _Read([data] if single or not isinstance(data, Iterable) else data, seed)
    if read.held:
        if len(read.held) < FEWEST_GROUPS:
            read.held, read.per_group = _finer(read.held, model, loss, kinds)
        return read
    whole = (
        isinstance(data, list) and _takes(model, data, loss) and not _takes(model, data[0], loss)
    )
    return _Split([data] if whole else read.first, model, loss, batch, seed, kinds)


def _finer(held: list[Any], model: nn.Module, loss: Loss, kinds: Kinds) -> tuple[list[Any], float]:
    """A few groups as more and smaller ones, if their sequences can be told apart; and ``per_group``."""
    try:
        parts = [Sequences(model, each, loss, kinds) for each in held]
    except OptionError:
        return held, 1.0
    pieces = min(-(-FEWEST_GROUPS // len(held)), min(part.count for part in parts) // LEAST)
    if pieces < 2:
        return held, 1.0
    rows = [
        (part, piece) for part in parts for piece in np.array_split(np.arange(part.count), pieces)
    ]
    return [part.take(piece) for part, piece in rows], float(pieces)


def _takes(model: nn.Module, batch: Any, loss: Loss) -> bool:
    """Whether something is a batch: a list may be one, or hold several."""
    try:
        with untouched(model), eagerly(model):
            loss(model, batch)
    except Exception:
        return False
    return True


class _Drawn:
    """Batches that a function draws: the first are held out."""

    per_group = 1.0
    epoch: float | None = math.inf

    def __init__(self, draw: Callable[[], Any], seed: int, shared: bool) -> None:
        self._draw, self._stream, self._shared = draw, Stream(seed), shared
        self._train: dict[int, Any] = {}
        self._count = 0
        self.held = [self._next() for _ in range(GROUPS)]

    def at(self, number: int) -> Any:
        """See ``Batches``."""
        while self._count <= number:
            if not self._shared:
                self._train.clear()
            self._train[self._count] = self._next()
            self._count += 1
        return self._train[number]

    def _next(self) -> Any:
        with self._stream.drawing(), recording():
            try:
                return self._draw()
            except StopIteration:
                raise _ended(self._count) from None


class _Read:
    """Batches of an iterable, some of the first of them held out.

    What was read is kept: an order that is drawn anew every time would bring what is held out into the training.
    """

    def __init__(self, data: Iterable[Any], seed: int) -> None:
        self.per_group = 1.0
        self._stream, self._again = Stream(seed), not isinstance(data, Iterator)
        generator = data.generator if isinstance(data, DataLoader) else None
        before = None if generator is None else generator.get_state()
        with self._stream.drawing(), recording():
            self._rest = iter(data)
            self.first = list(islice(self._rest, ONE_IN * GROUPS))
        if generator is not None and before is not None:
            generator.set_state(before)
        if not self.first:
            raise OptionError(
                "data", "batches to learn from", "none",
                "Pass a list or a DataLoader: an iterator that was used is empty.",
            )  # fmt: skip
        self.held: list[Any] = []
        self._train: list[Any] = []
        if len(self.first) >= FEWEST_BATCHES:
            order = _rng(seed).permutation(len(self.first))
            out = set(order[: max(3, len(self.first) // ONE_IN)].tolist())
            self.held = [batch for n, batch in enumerate(self.first) if n in out]
            self._train = [batch for n, batch in enumerate(self.first) if n not in out]
        self.epoch = float(len(data) - len(self.held)) if isinstance(data, Sized) else None

    def at(self, number: int) -> Any:
        """See ``Batches``."""
        with self._stream.drawing(), recording():
            wanted = number + 1 - len(self._train)
            self._train += islice(self._rest, max(0, wanted))
        if number >= len(self._train) and not self._again:
            raise _ended(len(self._train))
        return self._train[number % len(self._train)]


class _Split:
    """A few batches whose sequences are parted; they are drawn anew in every round."""

    def __init__(
        self, batches: list[Any], model: nn.Module, loss: Loss, batch: int, seed: int, kinds: Kinds
    ) -> None:
        parts = [Sequences(model, each, loss, kinds) for each in batches]
        total, self._rng = sum(part.count for part in parts), _rng(seed)
        self.held: list[Any] = []
        self._of_training: list[tuple[Sequences, Array]] = []
        sizes = []
        for part in parts:
            rows = self._rng.permutation(part.count)
            held = max(round(PART_HELD * part.count), FEWEST_HELD if len(parts) == 1 else 2)
            most = max(1, held // 4)
            groups = (
                min(GROUPS // len(parts), most) if len(parts) > 1 else min(GROUPS, max(2, most))
            )
            each = min(EACH, held // groups)
            self.held += [part.take(rows[g * each : (g + 1) * each]) for g in range(groups)]
            self._of_training.append((part, np.sort(rows[held:])))
            sizes.append((min(batch, part.count - held), each))
        train = sum(len(rows) for _, rows in self._of_training)
        if train < FEWEST_TRAIN or total - train < FEWEST_HELD:
            raise OptionError(
                "data", f"at least {FEWEST_TRAIN + FEWEST_HELD} sequences, to learn from some and measure on others",
                f"{total} in {len(parts)} batch{'es' if len(parts) > 1 else ''}",
                "Pass more batches, or larger ones.",
            )  # fmt: skip
        self.per_group = sum(size for size, _ in sizes) / sum(each for _, each in sizes)
        self._size = batch
        self.epoch: float | None = float(
            sum(-(-len(rows) // batch) for _, rows in self._of_training)
        )
        self._rounds = self._drawn()
        self._made: list[tuple[Sequences, Array]] = []

    def at(self, number: int) -> Any:
        """See ``Batches``."""
        self._made += islice(self._rounds, max(0, number + 1 - len(self._made)))
        part, rows = self._made[number]
        return part.take(rows)

    def _drawn(self) -> Iterator[tuple[Sequences, Array]]:
        while True:
            for part, rows in self._of_training:
                order = self._rng.permutation(rows)
                for piece in np.array_split(order, -(-len(order) // self._size)):
                    yield part, piece


def _rng(seed: int) -> np.random.Generator:
    """For what is held out: a seed of its own, that no training begins with."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))


def _ended(count: int) -> OptionError:
    return OptionError(
        "data", "batches for every update of the look ahead", f"an iterator that ended after {count}",
        "Pass a list or a DataLoader, which are gone through again, or a smaller budget.",
    )  # fmt: skip
