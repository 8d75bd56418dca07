"""A gradient by lag as a tidy table: a row per lag, with units and the definition of each number."""

from typing import Any

import numpy as np

from bptt.arrays import Array
from bptt.tables import Field, Table

LAG = Field("lag", int, "steps", "k = t - s, steps back from the loss (Q5)")
FIELDS = (
    LAG,
    Field("log10_norm", float, "log10", "size of the gradient's part with this lag, log10 ‖G_k‖_F (Q8)"),
    Field("cumulative", float, "1", "part of Σ‖G_k‖ that this lag and the shorter ones hold (Q8)"),
    Field("share", float, "1", "signed share ⟨G_k, dW⟩ / ‖dW‖²; all lags add up to 1 (Q8)"),
    Field("log10_signal", float, "log10", "error signal at this lag, RMS over loss steps and sequences (Q8)"),
    Field("gain", float, "ln per step", "growth of the signal from this lag to the next (Q9)"),
    Field("weight_gain", float, "ln per step", "of it what the map from state to state does to what passes it (Q9)"),
    Field("activation_gain", float, "ln per step", "of it the slopes φ′ (Q9)"),
    Field("rest_gain", float, "ln per step", "of it the rest of a step of its own kind (Q9)"),
    Field("carry_gain", float, "ln per step", "how strongly the carry passes on the error (Q9)"),
    Field("carry_share", float, "1", "part of the signal, squared, that goes by the carry (Q9)"),
    Field("between_gain", float, "ln per step", "what lies between the steps does to the signal (Q9)"),
    Field("bias_window", float, "1", "relative bias of a sliding window that ends behind this lag, K = lag + 1 (Q10)"),
    Field("cosine_window", float, "1", "cosine of what it keeps with dW (Q10)"),
    Field("bias_chunks", float, "1", "relative bias of chunks of K = lag + 1 steps (Q10)"),
    Field("cosine_chunks", float, "1", "cosine of what they keep with dW (Q10)"),
)  # fmt: skip
OPTIONAL = ("weight_gain", "activation_gain", "rest_gain", "carry_gain", "carry_share", "between_gain")  # fmt: skip


def lag_table(profile: Any) -> Table:
    """All that a profile has of each lag; a gain from lag k to k+1 stands in the row of k.

    Args:
        profile: a ``Profile``. What it has no part of has no column.
    """
    K = len(profile.lags)
    left, cosine, left_chunked, cosine_chunked, _ = profile.kept
    with np.errstate(over="ignore"):
        values: dict[str, Any] = {
            "lag": profile.lags.tolist(),
            "log10_norm": profile.log10_norm,
            "cumulative": profile.cumulative,
            "share": profile.share,
            "log10_signal": profile.log10_signal,
            "gain": _padded(profile.gain, K),
            "bias_window": np.exp(left),
            "cosine_window": cosine,
            "bias_chunks": np.exp(left_chunked - np.log(profile.lags + 1)),
            "cosine_chunks": cosine_chunked,
        }
    for name in OPTIONAL:
        part = getattr(profile, name, None)
        if part is not None:
            values[name] = _padded(part, K)
    fields = tuple(field for field in FIELDS if field.name in values)
    floats = {name: v if name == "lag" else np.asarray(v, np.float64) for name, v in values.items()}
    return Table(fields, floats, ("lag",), {"title": f"the gradient of {profile.of} by lag"})


def parameter_table(profile: Any) -> Table:
    """Of a recurrence that is known by its step, each parameter's gradient by lag.

    Args:
        profile: a ``StateProfile``.
    """
    names = list(profile.parameters)
    some = [profile.parameters[name] for name in names]
    size = [len(each.log10_norm) for each in some]
    values = {
        "parameter": [name for name, n in zip(names, size, strict=True) for _ in range(n)],
        "lag": [lag for n in size for lag in range(n)],
        "log10_norm": np.concatenate([each.log10_norm for each in some]),
        "share": np.concatenate([each.share for each in some]),
    }
    fields = (Field("parameter", str, "", "name of the parameter"), *(f for f in FIELDS if f.name in values))  # fmt: skip
    return Table(
        fields, values, ("parameter", "lag"), {"title": "each parameter's gradient by lag"}
    )


def _padded(gains: Array, K: int) -> Array:
    """(K,) with no number behind the last step back."""
    whole = np.full(K, np.nan)
    whole[: len(gains)] = gains
    return whole
