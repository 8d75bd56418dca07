"""What a layer has already, so that nobody is told to begin with it."""

import numpy as np

from bptt.layers.parameters import Parameters

NEAR = 0.1  # as far as singular values may be from 1 of a W_R that is called orthogonal, or W_R from the identity


def is_orthogonal(layer: Parameters) -> bool:
    """Whether every block of W_R is orthogonal, its singular values within a tenth of 1."""
    blocks = [layer.gate(gate) for gate in layer.cell.gates]
    with np.errstate(over="ignore"):
        rows = np.linalg.norm(blocks, axis=2)  # cheap, and never beyond the singular values
    return bool((np.abs(rows - 1) <= NEAR).all()) and all(
        bool((np.abs(np.linalg.svd(block, compute_uv=False) - 1) <= NEAR).all()) for block in blocks
    )


def is_identity_relu(layer: Parameters) -> bool:
    """Whether W_R is the identity, to a tenth, and the activation relu."""
    if layer.phi.name != "relu":
        return False
    return float(np.linalg.norm(layer.W_R - np.eye(layer.hidden), 2)) <= NEAR
