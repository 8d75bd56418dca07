"""A fresh network and a batch to measure it on, for every kind of data.

Data are found by name: a task, Gaussian noise, a text, a set of sequences, or a file.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bptt import data as real
from bptt import tasks
from bptt.data import Series, Text
from bptt.data.text import chunk, streams
from bptt.errors import OptionError
from bptt.network import Network
from bptt.tasks import Task
from bptt.tasks.noise import noise

Data = Text | Series | Task


def load_data(name: str, length: int | None = None, characters: str | None = None) -> Data:
    """A task or noise by name, at that length, else what ``bptt.data.load`` finds.

    Raises:
        FileError: if the file is missing or not what it says.
        OptionError: if the task cannot be made in that length, or a package is missing.
    """
    if name == "noise":
        return noise() if length is None else noise(length)
    return tasks.load(name, length) if name in tasks.NAMES else real.load(name, characters)


def fresh_network(
    data: Data,
    hidden: int,
    init: str,
    seed: int,
    dtype: str = "float32",
    **options: Any,
) -> Network:
    """A network of the sizes and the loss that the data need."""
    if isinstance(data, Text):
        size = len(data.characters)
        return Network.init(size, hidden, size, init, rng=seed, dtype=dtype, **options)
    return Network.init(
        data.inputs, hidden, data.outputs, init, rng=seed, dtype=dtype,
        loss=data.loss, loss_at=data.loss_at, **options,
    )  # fmt: skip


def measured_batch(
    data: Data, length: int | None, batch: int | None, dtype: npt.DTypeLike, seed: int = 0
) -> dict[str, Any]:
    """The arguments of ``network.run`` on data it has not been trained on.

    Args:
        data: a text, series, task or noise.
        length: steps of a text; 128 if None. The others have their own.
        batch: sequences; 16 if None, fewer where they are long.
        dtype: of the input.
        seed: of the sequences that are drawn; a text and a series begin at their beginning.

    Raises:
        OptionError: if there are not so many sequences.
    """
    if isinstance(data, Text):
        parts = streams(data.held_out, 16 if batch is None else batch)
        codes, targets, _ = chunk(parts, 128 if length is None else length, 0)
        return {"x": data.one_hot(codes, dtype), "targets": targets}
    if isinstance(data, Task):
        batch = max(1, min(16, 4000 // data.steps)) if batch is None else batch
        # A spawned seed: no batch that is trained on, whatever its seed, can be this one.
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
        return data.batch(batch, rng, held_out=True).arguments(dtype)
    longest = int(data.held_out.lengths.max())
    sequences = len(data.held_out.lengths)
    batch = max(1, min(16, sequences, 4000 // longest)) if batch is None else batch
    if not 1 <= batch <= sequences:
        raise OptionError("batch", f"from 1 to {sequences} sequences", str(batch), "Take fewer.")
    return data.held_out.part(slice(0, batch)).arguments(dtype)
