"""Some of the sequences of a call, as a call of their own."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from bptt.arrays import Array
from bptt.torch_models.capture.calls import Call


def some_sequences(call: Call, columns: Array) -> Call:
    """The call with a few of its sequences, as if the others had not been there.

    Args:
        call: over sequences, packed or not.
        columns: (n,) which of them, in ascending order.
    """
    x, sizes = _of_numbers(call, call.x, columns)
    return replace(
        call,
        x=x,
        batch_sizes=sizes,
        states=tuple(state[:, columns] for state in call.states),
        outputs=of_outputs(call, call.outputs, columns),
        of=(call, columns),
    )


def of_outputs(call: Call, outputs: Sequence[Tensor | None], columns: Array) -> tuple[Tensor, ...]:
    """What belongs to a few sequences of a call's outputs and final states, or of errors at them.

    Args:
        call: whose.
        outputs: one per output; None stays None.
        columns: (n,) which sequences, in ascending order.
    """
    first, *final = outputs
    parts = [None if first is None else _of_numbers(call, first, columns)[0]]
    parts += [None if state is None else state[:, columns] for state in final]
    return tuple(parts)  # type: ignore[arg-type]


def _of_numbers(call: Call, numbers: Tensor, columns: Array) -> tuple[Tensor, Tensor | None]:
    """Inputs or outputs of a few sequences, and the batch sizes where they are packed."""
    chosen = torch.from_numpy(columns).to(numbers.device)
    if call.batch_sizes is None:
        return numbers.index_select(0 if call.batch_first else 1, chosen), None
    padded, lengths = pad_packed_sequence(PackedSequence(numbers, call.batch_sizes))
    packed = pack_padded_sequence(padded[:, chosen], lengths[torch.from_numpy(columns)])
    return packed.data, packed.batch_sizes
