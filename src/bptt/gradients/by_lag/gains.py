"""What W_R, the slopes and the carry do to the signal in a step back, from the norms of every lag (Q9)."""

from typing import Any

import numpy as np

from bptt.arrays import Array


def gains_of(norms: dict[str, Array], gated: bool) -> dict[str, Any]:
    """(K-1,) ln of what each factor does to the signal in the step from lag k to k+1.

    Args:
        norms: (K,) ln of each norm of ``lag.Lag``, by its name.
        gated: whether the cell has a carry.
    """
    n = {name: values[:-1] for name, values in norms.items()}
    weight = n["through_weights"] - n["at_weights_leaving"]
    if not gated:
        activation = (norms["at_weights"] - norms["state"])[1:]
        return {
            "weight_gain": weight,
            "activation_gain": activation,
            "gain": weight + activation,
            "carry_gain": None,
            "carry_share": None,
        }
    both = np.logaddexp(2 * n["carry"], 2 * n["through_weights"])
    return {
        "weight_gain": weight,
        "activation_gain": n["at_weights_leaving"] - n["state_leaving"],
        "gain": n["arriving"] - n["state_leaving"],
        "carry_gain": n["carry"] - n["carrier"],
        "carry_share": np.exp(2 * n["carry"] - both),
    }
