"""What a recurrent call takes of the memory while a model runs, from its shapes: in bytes.

Besides what autograd keeps inside of the call there are its inputs, copied, and of its outputs PyTorch's own, the copy that
the model gets, what the loss makes of them, and the gradients at them.
"""

import ctypes
import os
from dataclasses import dataclass

import torch
from torch import Tensor

from bptt.errors import OptionError
from bptt.torch_models.convert import ActingLayers

# Floats that autograd keeps per unit, step, sequence and direction of a level, forward and backward at the most.
KEPT = {"lstm": 15, "gru": 12, "rnn_tanh": 4, "rnn_relu": 4}
# Bytes that it keeps per step and direction of a level, however few sequences there are: the nodes of its graph.
NODES = {"lstm": 20_000, "gru": 16_000, "rnn_tanh": 5_000, "rnn_relu": 5_000}
AROUND = 5  # arrays like the outputs that stand around a call while the gradient is taken
LEFT = 2  # of them, those that stand afterwards: PyTorch's outputs and the immediate gradient
AT_ONCE = 2e10  # operations of a piece: Ctrl-C waits for its end


@dataclass(frozen=True)
class Size:
    """Of one call.

    Attributes:
        inputs: bytes of its inputs.
        outputs: bytes of its outputs.
        kept: bytes that autograd keeps inside of it of all sequences.
        nodes: bytes that it keeps beside them, whether of one sequence or of all.
        operations: forward and back.
        sequences: of the batch.
    """

    inputs: int
    outputs: int
    kept: int
    nodes: int
    operations: float
    sequences: int

    @classmethod
    def of(cls, x: Tensor, rows: int, steps: int, sequences: int, acting: ActingLayers) -> "Size":
        """The size of a call.

        Args:
            x: the inputs.
            rows: steps of all sequences together.
            steps: of the longest one.
            sequences: of the batch.
            acting: the layers.
        """
        floats = rows * acting.hidden * x.element_size()
        operations = 6.0 * rows * sum(W.numel() for W in acting.weights)
        layers = len(acting.per_layer)
        kept = KEPT[acting.mode] * floats * layers
        fused = acting.mode == "lstm" and x.dtype == torch.float32  # one operation for all steps
        nodes = 0 if fused else NODES[acting.mode] * steps * layers
        return cls(
            x.numel() * x.element_size(),
            floats * (1 + acting.two),
            kept,
            nodes,
            operations,
            sequences,
        )

    @property
    def around(self) -> int:
        """Bytes that a pass takes besides what autograd keeps inside of the call."""
        return self.inputs + AROUND * self.outputs

    @property
    def left(self) -> int:
        """Bytes that stand when the pass is over."""
        return self.inputs + LEFT * self.outputs


@dataclass(frozen=True)
class Room:
    """Bytes of memory that a pass may take.

    Attributes:
        aim: what it is kept to where it can be.
        most: a pass that needs more is refused.
    """

    aim: float
    most: float

    def piece(self, size: Size, before: float, *, can_be_cut: bool) -> int | None:
        """How many sequences of a call to run at a time; None for all.

        Args:
            size: of the call.
            before: bytes that calls before it take.
            can_be_cut: whether it can be run a few sequences at a time.

        Raises:
            OptionError: if it needs more than there is.
        """
        each = size.kept / max(1, size.sequences)
        stands = before + size.around + size.nodes
        left = self.aim - stands
        self.refuse(stands + (each if can_be_cut else size.kept), "the pass through the model")
        if not can_be_cut or size.kept <= left:
            return None
        quick = AT_ONCE * size.sequences / size.operations
        return max(1, int(min(left / 2 / each, max(8, quick))))

    def refuse(self, least: float, what: str) -> None:
        """Refuse what cannot be done with less.

        Args:
            least: bytes that it takes.
            what: it is.

        Raises:
            OptionError: if that is more than there may be.
        """
        if least > self.most:
            raise OptionError(
                "memory", f"at least {least:.2g} bytes for this batch, which {what} takes",
                f"{self.most:.2g}", "Pass a batch of fewer or shorter sequences, or more memory.",
            )  # fmt: skip


def resident() -> float:
    """Bytes of memory that this process takes; 0 where the system does not say so."""
    try:
        with open("/proc/self/statm") as file:
            return float(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0.0


def give_back() -> None:
    """Let what was freed go back to the system, where the C library can: between small gaps nothing large fits."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another library than glibc
        return
