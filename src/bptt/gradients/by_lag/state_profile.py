"""The gradient of a recurrence of any kind by lag: of every parameter of its step, and the signal on its state."""

from dataclasses import dataclass

from bptt.arrays import Array
from bptt.gradients.by_lag.norms import Norms
from bptt.gradients.by_lag.profile import BETWEEN, CARRY, REST, TOGETHER, W_R, Profile


@dataclass(frozen=True, eq=False)
class ParameterLags(Norms):
    """One parameter's gradient, dθ = Σ_k G_k.

    Attributes:
        log10_norm: (K,) log10 ‖G_k‖; -inf for zero.
        share: (K,) signed share ⟨G_k, dθ⟩ / ‖dθ‖²; all lags together give 1. NaN if dθ is 0.
        log10_whole: log10 ‖dθ‖.
        residual: ‖Σ_k G_k - dθ‖ / ‖dθ‖, where every lag was computed; else what lies beyond them.
    """

    log10_norm: Array
    share: Array
    log10_whole: float
    residual: float


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class StateProfile(Profile):
    """A recurrence of which nothing is known but its step: norms are of some of its parameters, or all of them together.

    The signal is the error on the whole state that goes from one step to the next.

    Attributes:
        parameters: each parameter of the step by name.
        counted: names of those that ``log10_norm`` and ``share`` are of.
        weight_gain: (K-1,) ln of what the map from state to state does to what passes it, where one can be named.
        rest_gain: (K-1,) ln of what the rest of the step does to the signal; None likewise.
    """

    parameters: dict[str, ParameterLags]
    counted: tuple[str, ...]
    weight_gain: Array | None = None
    rest_gain: Array | None = None

    @property
    def of(self) -> str:
        """The parameter that is counted, or all of them."""
        return self.counted[0] if len(self.counted) == 1 else "the step's parameters"

    @property
    def symbol(self) -> str:
        """Of its parameters."""
        return "dθ"

    @property
    def factors(self) -> dict[str, Array]:
        """The map from state to state and the rest, the carry, what lies between the steps, and all of them together."""
        named = {
            W_R: self.weight_gain,
            REST: self.rest_gain,
            CARRY: self.carry_gain,
            BETWEEN: self.between_gain,
        }
        return {name: gain for name, gain in named.items() if gain is not None} | {
            TOGETHER: self.gain
        }
