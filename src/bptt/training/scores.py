"""How well a network does on what it was not trained on: bits per character, accuracy, mean squared error.

Sequences are run a few at a time, as many as fit into some tens of megabytes, so that those of thousands of
steps can be scored.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from bptt.arrays import as_whole
from bptt.data.series import Batch
from bptt.data.tasks import Task
from bptt.data.text import Text, streams
from bptt.network import Network
from bptt.training.states import at_rest, carried, final, reading

BITS = float(np.log(2.0))  # nats in a bit
AT_ONCE = 32e6  # bytes of states and gates that scoring holds
HELD_OUT, BLOCK = 500, 50  # sequences of a task that it is scored on, and of them drawn together


def held_out(task: Task) -> Iterator[Batch]:
    """The sequences that a task is scored on: the same for every network and run."""
    # A spawned seed: no batch of a run, drawn from [seed, n], can be one of these.
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(1,)))
    for _ in range(HELD_OUT // BLOCK):
        yield task.batch(BLOCK, rng, held_out=True)


def score_sequences(network: Network, batches: Iterable[Batch]) -> float:
    """Accuracy over all loss steps, or the mean squared error."""
    total, weight = 0.0, 0
    for batch in batches:
        for arguments in _few_at_once(network, batch):
            run, lengths = network.run(**arguments), arguments["lengths"]
            N, B, _ = run.o.shape
            counted = np.ones((N, B), bool)
            if batch.per_step:
                counted = np.arange(N)[:, None] < lengths
            if network.loss == "cross_entropy":
                right = run.o.argmax(-1) == arguments["targets"].reshape(N, B)
                total += int(right[counted].sum())
            else:
                total += run.E * int(counted.sum())
            weight += int(counted.sum())
    return total / weight


def bits_per_character(network: Network, text: Text, batch: int = 8) -> float:
    """Mean bits per character on the held-out part, state carried from its beginning to its end.

    Args:
        network: reads one-hot characters and predicts the next.
        text: whose held-out part is read.
        batch: batch size: how many pieces the held-out part is cut into.

    Raises:
        OptionError: if batch is not a whole number from 1.
        ShapeError: if the network does not fit the text.
    """
    batch = as_whole("batch", batch, least=1)
    stream = streams(text.held_out, min(batch, len(text.held_out) // 2))
    state = at_rest(network, stream.shape[1])
    total, length = 0.0, 256
    for first in range(0, len(stream) - 1, length):
        codes = stream[first : first + length + 1]
        run = network.run(**carried(codes[:-1], codes[1:], state))
        total, state = total + run.E * (len(codes) - 1), final(run)
    return total / (len(stream) - 1) / BITS


def evaluate(network: Network, task: Task, lengths: Sequence[int]) -> dict[int, float]:
    """The score by length: does what was learnt on short sequences hold on longer ones?

    Args:
        network: trained on the task, at whatever length.
        task: drawn at every length in turn.
        lengths: as the task counts them.

    Returns:
        accuracy or mean squared error by length, on the sequences that training is scored on.

    Raises:
        OptionError: if a length is not one that the task has.
        ShapeError: if the network does not fit the task.
    """
    scores = {}
    for length in lengths:
        longer = task.at(length)
        scores[length] = score_sequences(reading(network, longer.loss_at), held_out(longer))
    return scores


def _few_at_once(network: Network, batch: Batch) -> Iterator[dict[str, Any]]:
    """The arguments of ``network.run``, for some of the sequences at a time."""
    T, B, I = batch.x.shape
    numbers = I + sum(len(layer.W_R) + layer.state_size for layer in network.stack.layers)
    few = max(1, int(AT_ONCE / (T * numbers * network.stack.dtype.itemsize)))
    for first in range(0, B, few):
        yield batch.part(slice(first, first + few)).arguments(network.stack.dtype)
