"""The gradient of W_R by lag, and what W_R and the slopes do to the signal."""

from dataclasses import dataclass

from bptt.arrays import Array
from bptt.gradients.by_lag.profile import BETWEEN, CARRY, SLOPE, SLOPES, TOGETHER, W_R, Profile


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class LagProfile(Profile):
    r"""dW_R = Σ_k G_k, lag by lag. K lags, T steps, H units, G gates (1, 3 or 4).

    The signal is the error at the pre-activation of an RNN, and on the whole state, h or [h; c], of a GRU or LSTM. The
    gain of an RNN is the sum of the two below; of a gated cell the signal also goes by way of the carry (LSTM: f along
    dc; GRU: z along dh).

    Attributes:
        weight_gain: (K-1,) ln of what W_R does to what passes it in the step from lag k to k+1.
        activation_gain: (K-1,) ln of what φ′ (RNN), or the slopes of the gates, do to the signal.
        dW_R: (G·H, H) the whole gradient, by an ordinary backward pass.
        matrices: (K, G·H, H) every G_k, or None if they were not kept.
    """

    weight_gain: Array
    activation_gain: Array
    dW_R: Array
    matrices: Array | None = None

    @property
    def of(self) -> str:
        """The recurrent weights."""
        return W_R

    @property
    def symbol(self) -> str:
        """Of W_R."""
        return "dW_R"

    @property
    def factors(self) -> dict[str, Array]:
        """W_R, the slopes, the carry, what lies between the steps, and all of them together."""
        factors = {W_R: self.weight_gain}
        factors[SLOPE if self.carry_gain is None else SLOPES] = self.activation_gain
        if self.carry_gain is not None:
            factors[CARRY] = self.carry_gain
        if self.between_gain is not None:
            factors[BETWEEN] = self.between_gain
        return factors | {TOGETHER: self.gain}
