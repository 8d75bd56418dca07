r"""What opens the gate of a carry, by how much that takes.

A tenth of the signal is to be left over the needed lag (``bptt.dynamics.bias_that_keeps``):

    chrono                 b = ln u, u ~ U(1, T_max - 1), T_max twice the lag; the input gate's bias its negative
    forget / update bias   b = ln(f / (1 - f)), f = 0.1^(1/k), in every unit
"""

from collections.abc import Iterable
from typing import Literal

from bptt.diagnosis.evidence import Evidence
from bptt.diagnosis.piece import Advice, Edit, by_edit, by_remedy
from bptt.diagnosis.saturation_advice import CLEARLY, LARGE
from bptt.dynamics import ENOUGH, bias_that_keeps, longest_memory
from bptt.presentation.formatting import counted

BIAS_REMEDIES = {"forget": "forget-bias", "update": "update-bias"}  # by what the gate is called
LEAST = 1.0  # the usual bias, which short lags leave room for
NEAR = 0.01  # a bias that lies no further below is there already


def usual_bias(lag: int) -> float:
    """The bias that keeps a tenth over a lag; the usual one where that is more."""
    return max(LEAST, bias_that_keeps(ENOUGH, lag))


def open_carry(evidence: Evidence, gate: str) -> Iterable[Advice]:
    """Biases for the lag; where they are set already, what else closes the gate."""
    lag, cell = evidence.steps, evidence.cell
    bias, T_max = bias_that_keeps(ENOUGH, lag), longest_memory(lag)
    name, now = cell.gates[gate], float(evidence.layer.gate(gate, "b").mean())
    goal = f"To keep a tenth of the signal over {counted(lag, 'step')}, {gate} must be {evidence.enough:.3f} or more"
    if now >= bias - NEAR:
        yield _kept_open(evidence, gate, goal, now)
        return
    also = ", and the input gate's bias as its negative" if "input" in cell.gates.values() else ""
    keeps = f" ({gate} near 1 keeps the state)" if name == "update" else ""
    yield by_remedy(
        "chrono",
        f"Open the {name} gate for this lag{keeps}: draw b_{gate} as ln U(1, {T_max - 1}){also} (chrono "
        f"initialisation). {goal} where the signal goes; it is {evidence.passed_on:.2f} there, and b_{gate} is {now:z.2f} "
        "on average.",
        T_max,
    )
    if name in BIAS_REMEDIES:
        usual = usual_bias(lag)
        yield by_remedy(
            BIAS_REMEDIES[name],
            f"Or set b_{gate} to {usual:.2f} in every unit: on its own, this keeps a tenth of the signal over the lag"
            f"{' or more' if usual > bias else ''}.",
            usual,
        )


def _kept_open(evidence: Evidence, gate: str, goal: str, now: float) -> Advice:
    """Against what closes a gate whose bias would keep it open."""
    own, name = evidence.drive[gate], evidence.cell.gates[gate]
    reason = (
        f"{goal}, and its bias would be enough, {now:z.2f} on average. But {own}: {gate} is {evidence.passed_on:.2f} where the "
        "signal goes."
    )
    if max(own.inputs, own.states) <= CLEARLY * LARGE:
        edit = Edit("b", gate, float(f"{now + 1:.2f}"))
        return by_edit(
            f"Open the {name} gate further: set b_{gate} to {edit.number:.2f}. {reason}",
            edit,
            evidence.number,
        )
    weights: Literal["W_F", "W_R"] = "W_F" if own.inputs >= own.states else "W_R"
    edit = Edit(weights, gate, float(f"{1 / max(own.inputs, own.states):.2g}"))
    return by_edit(
        f"Scale {weights} of the {name} gate by {edit.number:.2g}. {reason}", edit, evidence.number
    )
