"""The states of a recurrent layer that leave the range of their type: at which step, and what made them grow."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from bptt.torch_models.as_found import without_wrappers
from bptt.torch_models.nonfinite.numbers import finite, short, storage
from bptt.torch_models.nonfinite.watch import Operation, Watch
from bptt.torch_models.nonfinite.words import DIVERGED, call_of, largest

LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
CELLS = tuple(f"{name}_cell" for name in LAYERS)
LARGEST_EIGEN = 1024  # of larger matrices the spectral radius takes too long
WINDOW = 10  # steps over which growth is measured


@dataclass(frozen=True)
class Bad:
    """The first state that is not finite.

    Attributes:
        step: counted from 0.
        sequence: its number in the batch, or None where it is not known.
        unit: counted from 0, within its direction.
        level: of the stack.
        reverse: whether it is of the backward direction.
        norms: of that sequence's states at the steps before, in the order in which they were computed.
        infinite: whether there are infinities among the states of that step.
    """

    step: int
    sequence: int | None
    unit: int
    level: int
    reverse: bool
    norms: list[float]
    infinite: bool


def is_recurrent(operation: Operation) -> bool:
    """Whether an operation is a recurrent layer or a cell of PyTorch's."""
    return operation.name in (*LAYERS, *CELLS)


def overflow(operation: Operation, watch: Watch, model: nn.Module) -> str:
    """Where the states stop being finite though inputs and weights are, what made them grow, and the cure."""
    cell = operation.name in CELLS
    bad = _of_cell(operation, watch) if cell else _of_layer(operation)
    W_R = _weight(operation, bad)
    name, weight = _names(operation, W_R, watch, model)
    where = (
        f"unit {bad.unit}" if bad.sequence is None else f"sequence {bad.sequence}, unit {bad.unit}"
    )
    levels = "" if cell or operation.args[_options(operation)] == 1 else f" at level {bad.level}"
    way = ", in the backward direction" if bad.reverse else ""
    what = "overflow" if bad.infinite or _growth(bad.norms) > 2 else "are nan"
    first = f"The states of {name}{levels} {what} at step {bad.step} ({where}{way})"
    return f"{first}{_why(operation, bad, W_R)}. {_cure(operation, weight, model)}".rstrip()


def _options(operation: Operation) -> int:
    """Which argument of a layer's function is the number of its levels."""
    return 5 if _packed(operation) else 4


def _packed(operation: Operation) -> bool:
    sizes = operation.args[1]
    return isinstance(sizes, Tensor) and not sizes.is_floating_point()


def _of_layer(operation: Operation) -> Bad:
    at = _options(operation)
    two = bool(operation.args[at + 3])
    level, outputs = _lowest_level(operation)
    out = outputs[0]
    if _packed(operation):
        padded = nn.utils.rnn.PackedSequence(out, operation.args[1].cpu())
        out = nn.utils.rnn.pad_packed_sequence(padded)[0]
    elif operation.args[at + 4]:
        out = out.transpose(0, 1)
    if finite(out):  # an LSTM's c alone, whose tanh is 1 at infinity
        c = outputs[-1][-1 - two :]
        reverse, sequence, unit = (int(i) for i in (~torch.isfinite(c)).nonzero()[0])
        return Bad(
            len(out) - 1, _sequence(operation, sequence), unit, level, bool(reverse), [], True
        )  # fmt: skip
    H = out.shape[2] // (1 + two)
    reverse = two and finite(out[..., :H])
    states = out[..., H:] if reverse else out[..., :H]
    steps = (~torch.isfinite(states)).flatten(1).any(1).nonzero().flatten()
    step = int(steps[-1] if reverse else steps[0])
    sequence, unit = (int(i) for i in (~torch.isfinite(states[step])).nonzero()[0])
    before = states[step + 1 :].flip(0) if reverse else states[:step]
    norms = before[:, sequence].cpu().double().norm(dim=1).tolist()
    return Bad(
        step, _sequence(operation, sequence), unit, level, bool(reverse), norms,
        bool(states[step].isinf().any()),
    )  # fmt: skip


@torch.no_grad()
def _lowest_level(operation: Operation) -> tuple[int, list[Tensor]]:
    """The first level whose states are not finite, and what it gives: the levels run one more at a time."""
    at, args = _options(operation), list(operation.args)
    levels, directions = args[at], 1 + bool(args[at + 3])
    hx, weights, dropout = args[at - 3], args[at - 2], args[at + 1]
    each = len(weights) // levels
    for level in range(levels - 1):
        if dropout and args[at + 2] and level:
            break  # other units would be dropped
        upto = (level + 1) * directions
        args[at - 3] = tuple(h[:upto] for h in hx) if isinstance(hx, tuple) else hx[:upto]
        args[at - 2], args[at] = weights[: (level + 1) * each], level + 1
        outputs = [value.detach() for value in getattr(torch, operation.name)(*args)]
        if not all(map(finite, outputs)):
            return level, outputs
    return levels - 1, [value.detach() for value in operation.outputs]


def _sequence(operation: Operation, row: int) -> int | None:
    """The number of a sequence in the user's order."""
    if not _packed(operation):
        return row
    given = operation.visit.args if operation.visit is not None else ()
    for value in given[:1]:
        if isinstance(value, nn.utils.rnn.PackedSequence):
            order = value.sorted_indices
            return row if order is None else int(order[row])
    return None


def _of_cell(operation: Operation, watch: Watch) -> Bad:
    W_R = operation.args[3]
    same = [
        o
        for o in watch.operations
        if o.name == operation.name and storage(o.args[3]) == storage(W_R)
    ]
    step = next(number for number, each in enumerate(same) if each is operation)
    states = next(h.detach() for h in operation.outputs if not finite(h))
    row = (~torch.isfinite(states)).nonzero()[0].tolist()
    sequence, unit = (row[0], row[1]) if len(row) == 2 else (None, row[0])
    before = [o.outputs[0].detach().cpu().double() for o in same[:step]]
    norms = [
        float((h if sequence is None else h[min(sequence, len(h) - 1)]).norm()) for h in before
    ]
    return Bad(step, sequence, unit, 0, False, norms, bool(states.isinf().any()))


def _weight(operation: Operation, bad: Bad) -> Tensor:
    """W_R of the level and direction."""
    args = operation.args
    if operation.name in CELLS:
        W_R: Tensor = args[3]
        return W_R
    at = _options(operation)
    weights, two = args[at - 2], bool(args[at + 3])
    each = len(weights) // (args[at] * (1 + two))
    W_R = weights[(bad.level * (1 + two) + bad.reverse) * each + 1]
    return W_R


def _names(operation: Operation, W_R: Tensor, watch: Watch, model: nn.Module) -> tuple[str, str]:
    """The layer's name and its W_R's."""
    visit = operation.visit
    weight = next((without_wrappers(n, model) for n, p in model.named_parameters() if p is W_R), "")
    if visit is not None and isinstance(visit.module, nn.RNNBase | nn.RNNCellBase):
        cell = operation.name in CELLS
        name = (visit.path or "the model") + ("" if cell else call_of(visit, watch))
        return name, weight or "W_R"
    path = weight.rpartition(".")[0]
    return path or (visit.path if visit is not None else "") or "the model", weight or "W_R"


def _growth(norms: list[float]) -> float:
    """By how much the last norms grew a step, as a factor."""
    last = [n for n in norms[-WINDOW:] if n > 0]
    return float((last[-1] / last[0]) ** (1 / (len(last) - 1))) if len(last) > 1 else 1.0


def _why(operation: Operation, bad: Bad, W_R: Tensor) -> str:
    growth = _growth(bad.norms)
    if growth > 1.01:
        radius = ""
        if W_R.shape[0] == W_R.shape[1] <= LARGEST_EIGEN:
            eigenvalues = np.linalg.eigvals(W_R.detach().cpu().double().numpy())
            radius = f", of spectral radius {short(float(np.abs(eigenvalues).max()))},"
        return f": W_R{radius} grows them by {short(growth)} a step"
    x = operation.args[0].detach()
    return f": the inputs reach {short(float(x.abs().max()))}, W_R {short(float(W_R.detach().abs().max()))}"


def _cure(operation: Operation, weight: str, model: nn.Module) -> str:
    huge = largest(model)
    if huge is not None:
        return f"The parameter {huge}: {DIVERGED}"
    if operation.outputs[0].dtype == torch.float16:
        return "float16 ends at 65504: run it in float32 or bfloat16."
    if operation.name.startswith("rnn_relu"):
        return f"Scale {weight} until its spectral radius is at most 1, or use tanh."
    return "Scale the inputs and the weights down."
