"""Sequences that a look ahead measures on and never trains on, in independent groups."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt.arrays import as_array, as_floats, as_whole
from bptt.data import Batch, Data, Series, Task, Text
from bptt.data.text import streams
from bptt.errors import OptionError
from bptt.network import Network
from bptt.prognoses.learner import EACH, GROUPS

FEWEST_TRAIN, FEWEST_HELD, PART_HELD = 16, 8, 0.3  # of the sequences of one batch


def enough_to_hold_out(data: Data) -> bool:
    """Whether data have sequences enough for a look ahead, to learn from some and measure on others."""
    if not isinstance(data, Series):
        return True
    if data.apart:
        return len(data.held_out.lengths) >= FEWEST_HELD
    return len(data.train.lengths) >= FEWEST_TRAIN + FEWEST_HELD


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Groups of held-out sequences.

    Attributes:
        batches: one per group, the arguments of ``network.run``.
    """

    batches: tuple[Batch, ...]

    @classmethod
    def of(cls, data: Data, lag: int, seed: int) -> "HeldOut":
        """The held-out part of some data, as many groups of as many sequences as it has, up to 12 of 32.

        Args:
            data: a text, series or task.
            lag: the lag that the task needs.
            seed: of the sequences that are drawn.

        Raises:
            OptionError: if there are too few held-out sequences to measure anything on.
        """
        if isinstance(data, Task):
            # A spawned seed: no batch that is trained on, whatever its seed, can be one of these.
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
            return cls(tuple(data.batch(EACH, rng, held_out=True) for _ in range(GROUPS)))
        whole = _of_text(data, lag) if isinstance(data, Text) else data.held_out
        if isinstance(data, Series) and not data.apart:
            raise OptionError(
                "data", "sequences that are held out, to measure on", "none that are kept apart",
                f"Pass at least {FEWEST_TRAIN + FEWEST_HELD} sequences.",
            )  # fmt: skip
        B = len(whole.lengths)
        if B < FEWEST_HELD:
            raise OptionError(
                "data", f"at least {FEWEST_HELD} held-out sequences", str(B), "Pass more sequences."
            )
        order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,))).permutation(B)
        groups = GROUPS if B >= 4 * GROUPS else max(2, B // 4)
        each = min(EACH, B // groups)
        return cls(tuple(whole.part(order[g * each : (g + 1) * each]) for g in range(groups)))


def _of_text(text: Text, lag: int) -> Batch:
    """Pieces of the held-out text, each long enough for many losses with the lag in their past."""
    T = 2 * lag + 1
    pieces = min(GROUPS * EACH, len(text.held_out) // (T + 1))
    if pieces < FEWEST_HELD:
        raise OptionError(
            "needed_lag", f"one of which {FEWEST_HELD} pieces of twice its length fit into the held-out text",
            str(lag), "Pass a smaller one, or a longer text.",
        )  # fmt: skip
    stream = streams(text.held_out, pieces)[: T + 1]
    return Batch(text.one_hot(stream[:-1]), stream[1:], np.full(pieces, T), per_step=True)


def split(network: Network, batch: dict[str, Any], seed: int, *, name: str = "batch") -> Series:
    """One batch as sequences to learn from and sequences held out.

    Args:
        network: that reads it.
        batch: the arguments of ``network.run`` by name.
        seed: of the split.
        name: of the argument that the batch came by, for the errors; data can be passed beside a "batch".

    Raises:
        OptionError: if it is more than sequences and targets, or too few of them.
    """
    more = sorted(set(batch) - {"x", "targets", "lengths"})
    if more:
        raise OptionError(
            name, "x, targets and lengths only, to train on its sequences", ", ".join(more),
            "Pass data to learn from." if name == "batch" else "Leave them out.",
        )  # fmt: skip
    x = as_floats("x", batch["x"], ("T", "B", network.stack.inputs))
    targets = as_array("targets", batch["targets"])
    B, seed = x.shape[1], as_whole("seed", seed, least=0)
    held = max(FEWEST_HELD, round(PART_HELD * B))
    if B - held < FEWEST_TRAIN:
        raise OptionError(
            name, f"at least {FEWEST_TRAIN + FEWEST_HELD} sequences, to learn from some and measure on others",
            str(B), "Pass data=…, or a larger batch." if name == "batch" else "Pass more sequences.",
        )  # fmt: skip
    lengths = np.asarray(batch.get("lengths", np.full(B, len(x))))
    at: Any = network.loss_at
    whole = Batch(x, targets, lengths, per_step=at == "every")
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,))).permutation(B)
    return Series(
        "the batch itself", whole.part(np.sort(order[held:])), whole.part(np.sort(order[:held])),
        len(network.b_O), network.loss, at,
    )  # fmt: skip
