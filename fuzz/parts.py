"""The layers of a forward pass of the library's as plain arrays, which is all that the oracle is given."""

import numpy as np

from bptt.layers.levels import BidirectionalTrace, directions
from bptt.layers.sequences import in_reverse, inside
from bptt.layers.stack_errors import immediate_errors
from fuzz.oracle import Part


def parts_of(trace, dh):
    """Every layer, bottom first and forward before backward, and the levels that they make up."""
    """Every layer as plain arrays, and the levels that they make up."""
    errors = iter(immediate_errors(trace, dh))
    parts, levels = [], []
    for level in trace.levels:
        own = []
        for turn, t in enumerate(directions(level)):
            T, B, _ = t.x.shape
            real = np.ones((T, B), bool) if t.lengths is None else inside(t.lengths, T)
            steps = np.broadcast_to(np.arange(T)[:, None], (T, B))
            place = in_reverse(np.ascontiguousarray(steps), t.lengths) if turn else steps
            keep = np.ones((T, B), bool) if t.resets is None else ~t.resets
            layer = t.layer
            own.append(
                Part(
                    layer.kind, layer.phi.name, layer.W_F, layer.W_R, layer.b, getattr(layer, "b_Rn", None)
                    if layer.kind == "gru" else None, t.x, t.saved, t.h, t.c if layer.kind == "lstm" else None,
                    keep, place, real, next(errors),
                )
            )  # fmt: skip
        parts += own
        levels.append(own)
        assert isinstance(level, BidirectionalTrace) == (len(own) == 2)
    return parts, levels
