"""One batch of a PyTorch model as its sequences: some of them make a smaller batch of the same kind."""

from collections.abc import Mapping
from copy import copy
from dataclasses import is_dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from bptt.arrays import Array
from bptt.errors import BpttError, OptionError
from bptt.torch_models.capture import Loss
from bptt.torch_models.learner.kinds import Kinds

WANTED = "a batch whose sequences can be told apart, to learn from some and measure on others"
CURE = "Pass at least 10 batches: then some of them are held out as they are."


class Sequences:
    """The sequences of one batch.

    Args:
        model: a copy of the user's.
        batch: whatever ``loss`` takes: tensors, arrays and packed sequences, in tuples, lists, dicts and dataclasses.
        loss: called as loss(model, batch).
        kinds: which recurrence is measured.

    Raises:
        OptionError: if it cannot be told which axis of a tensor the sequences lie along, or the loss does not take a part
            of them.
    """

    def __init__(self, model: nn.Module, batch: Any, loss: Loss, kinds: Kinds) -> None:
        self.batch = batch
        kind = kinds.of(model, batch, loss)
        self.count = kind.sequences(model, batch, loss)
        half = np.arange(self.count // 2)
        try:
            of_half = kind.sequences(model, self.take(half), loss)
        except BpttError:
            raise
        except Exception as error:
            raise OptionError(
                "data", WANTED, f"one of whose first half the loss raises {type(error).__name__}: {error}", CURE
            ) from error  # fmt: skip
        if of_half != len(half):
            raise OptionError(
                "data", WANTED,
                f"one of whose first {len(half)} sequences the recurrent layers see {of_half}", CURE,
            )  # fmt: skip

    def take(self, rows: Array) -> Any:
        """Some of the sequences, as a batch.

        Args:
            rows: (n,) which.
        """
        return _Taken(self.count, rows).of(self.batch, "batch")


class _Taken:
    """Some of the sequences of a batch.

    Args:
        count: how many sequences it has.
        rows: (n,) which are taken.
    """

    def __init__(self, count: int, rows: Array) -> None:
        self.count, self.rows = count, rows

    def of(self, part: Any, path: str) -> Any:
        """The same part of a smaller batch.

        Args:
            part: of the batch.
            path: its name, for an error.
        """
        if isinstance(part, PackedSequence):
            padded, lengths = pad_packed_sequence(part)
            rows = torch.from_numpy(self.rows)
            return pack_padded_sequence(padded[:, rows], lengths[rows], enforce_sorted=False)
        if isinstance(part, Tensor | np.ndarray):
            return self._of_numbers(part, path)
        if isinstance(part, Mapping):
            taken = {key: self.of(value, f"{path}[{key!r}]") for key, value in part.items()}
            return taken if type(part) is dict else _with(part, taken)
        if isinstance(part, list | tuple):
            if len(part) == self.count:
                return type(part)(part[row] for row in self.rows)  # an entry per sequence
            parts = [self.of(value, f"{path}[{n}]") for n, value in enumerate(part)]
            return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
        if is_dataclass(part) and not isinstance(part, type):
            names = part.__dataclass_fields__
            return replace(
                part, **{name: self.of(getattr(part, name), f"{path}.{name}") for name in names}
            )
        return part

    def _of_numbers(self, part: Any, path: str) -> Any:
        axes = [axis for axis, size in enumerate(part.shape[:2]) if size == self.count]
        if len(axes) > 1:
            raise OptionError(
                "data", WANTED,
                f"{path} of shape {tuple(part.shape)}, whose {self.count} sequences may lie along either axis", CURE,
            )  # fmt: skip
        if not axes:
            return part
        rows = torch.from_numpy(self.rows) if isinstance(part, Tensor) else self.rows
        return part[rows] if axes == [0] else part[:, rows]


def _with(mapping: Any, taken: dict[Any, Any]) -> Any:
    """A mapping of a class of its own with other values."""
    other = copy(mapping)
    if hasattr(other, "data") and isinstance(other.data, dict):
        other.data = dict(other.data)  # of a UserDict, whose copy may share it
    for key, value in taken.items():
        other[key] = value
    return other
