r"""The gate that lets a step keep its state, and the bias that sets it, read off the graph of a call.

    state_t = σ(p) ⊙ state_{t-1} + …          or  (1 - σ(p)) ⊙ state_{t-1} + …

The product must reach what the step puts out by sums alone: a reset gate's, inside of an activation, does not. A bias is a
parameter that p adds as it is, one number per unit of the state; a norm's counts.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from bptt.diagnosis import Keep
from bptt.torch_models.stepped.calls import StepCall
from bptt.torch_models.stepped.named_map import leaf_of, through_views
from bptt.torch_models.stepped.recording import Recording, back

SUMS = ("AddBackward0", "SubBackward0")
PARTS = (
    "SplitBackward0", "SplitWithSizesBackward0", "SliceBackward0", "SelectBackward0", "UnbindBackward0",
)  # fmt: skip
WHOLE = (torch.float32, torch.float64)  # of half precision too few digits are left to compare
ROUNDING = 64  # times eps of the sum of all sizes
Bias = tuple[str, int, int]  # the parameter's name, and the part of it that belongs to the gate


def keep_of(recording: Recording) -> Keep | None:
    """How the step comes to keep more of its state; None where no gate with a bias of its own does that.

    Args:
        recording: its calls.
    """
    call = next((call for call in reversed(recording.calls) if call.entries and call.outputs), None)
    if call is None:
        return None
    leaves = [entry.leaf for entry in call.entries]
    for node in _summed(call):
        for leaf, gate, sign in _factors(node, leaves):
            found = _sigmoid(gate.node)
            if found is None:
                continue
            sigmoid, rises = found
            biases = _biases(gate, sigmoid, rises, leaf, recording.params)
            if biases:
                return _keeper(recording.params, biases, sign * rises)
    return None


def _summed(call: StepCall) -> list[Any]:
    """The products that what was put out is a sum of."""
    pending = [through_views(output.edge.node) for output in call.outputs]
    found, seen = [], set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node.name() in ("MulBackward0", "LerpBackward1"):
            found.append(node)
        elif node.name() in SUMS:
            pending += [through_views(each) for each, _ in node.next_functions]
    return found


def _factors(node: Any, leaves: list[Tensor]) -> Iterator[tuple[Tensor, GradientEdge, float]]:
    """The state that a product may keep, what it is multiplied by, and -1 where it is kept by 1 less that."""
    edges = [GradientEdge(*edge) for edge in node.next_functions if edge[0] is not None]
    if node.name() == "LerpBackward1" and len(edges) == 3:
        # lerp(a, b, w) = a + w (b - a)
        sides = [(edges[1].node, edges[2], 1.0), (edges[0].node, edges[2], -1.0)]
    elif node.name() == "MulBackward0" and len(edges) == 2:
        sides = []
        for state, gate in (edges, edges[::-1]):
            side = through_views(state.node)
            sides.append((side, gate, 1.0))
            if side is not None and side.name() == "SubBackward0":
                # n + z (h - n), or h + z (n - h)
                sides += [
                    (side.next_functions[n][0], gate, sign) for n, sign in ((0, 1.0), (1, -1.0))
                ]
    else:
        return
    for side, gate, sign in sides:
        leaf = leaf_of(side)
        if leaf is not None and any(leaf is each for each in leaves):
            yield leaf, gate, sign


def _sigmoid(node: Any) -> tuple[Any, float] | None:
    """The logistic that a gate is, or is a part of, or is 1 less than; and 1, or -1 where it is 1 less."""
    rises = 1.0
    while node is not None and node.name() != "SigmoidBackward0":
        if node.name() in ("RsubBackward1", "RsubBackward0"):
            rises = -rises
        elif node.name() not in PARTS and through_views(node) is node:
            return None
        node = node.next_functions[0][0]
    return None if node is None else (node, rises)


def _biases(
    gate: GradientEdge, sigmoid: Any, rises: float, leaf: Tensor, params: dict[str, Tensor]
) -> list[Bias]:
    """The parts of parameters that stand in p as they are: whatever is asked of p, they get it, unit by unit."""
    if leaf.ndim != 2 or leaf.dtype not in WHOLE:
        return []
    asked = torch.randn(leaf.shape, generator=torch.Generator().manual_seed(0)).to(leaf)
    vectors = {name: value for name, value in params.items() if value.ndim == 1}
    p = GradientEdge(*sigmoid.next_functions[0])
    try:
        (at_p,) = back([gate], [asked], [p], False)
        slope = sigmoid._saved_result.detach()
        slope = slope * (1 - slope)
        asked_of_p = torch.zeros_like(slope) if at_p is None else at_p / slope
        grads = back([p], [asked_of_p], [*vectors.values()], False)
    except RuntimeError:  # the gate has another shape than the state
        return []
    wanted, found = rises * asked.sum(0), []
    bar = ROUNDING * torch.finfo(leaf.dtype).eps * float(asked.abs().sum(0).max())
    for name, grad in zip(vectors, grads, strict=True):
        own = np.array([]) if grad is None else grad.nonzero()[:, 0].cpu().numpy()
        if grad is None or len(own) != len(wanted) or own[-1] - own[0] + 1 != len(own):
            continue
        if torch.allclose(grad[own[0] : own[-1] + 1], wanted.to(grad.dtype), rtol=0, atol=bar):
            found.append((name, int(own[0]), int(own[-1]) + 1))
    return found


def _keeper(params: dict[str, Tensor], biases: list[Bias], sign: float) -> Keep:
    name, first, last = biases[0]

    def keep(part: float) -> tuple[str, float, str] | None:
        number = sign * float(np.log(part) - np.log1p(-part))
        now = sum(float(params[of][a:b].detach().mean()) for of, a, b in biases)
        if sign * now >= sign * number - 1e-3:
            return None
        lines = [f"module.get_parameter({name!r}).data[{first}:{last}] = {number:.4g}"]
        lines += [f"module.get_parameter({of!r}).data[{a}:{b}] = 0" for of, a, b in biases[1:]]
        sentence = f"Initialise {name}[{first}:{last}], the bias of the gate that keeps the state, at {number:.3g}"
        return sentence, number, "\n".join(lines)

    return keep
