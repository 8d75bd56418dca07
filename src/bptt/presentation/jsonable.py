"""Results as JSON knows them."""

from dataclasses import fields
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Dataclasses, arrays and tuples as JSON knows them; infinite numbers and NaN become None."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        # dW_R is the gradient itself, not a finding; by-step signals are in the page.
        left_out = {"dW_R", "matrices", "log10_signal_by_step", "kept"}
        return {
            f.name: plain(getattr(value, f.name)) for f in fields(value) if f.name not in left_out
        }
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
