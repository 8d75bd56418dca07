"""A network from an ONNX file: its RNN, LSTM and GRU nodes, and the matrix that reads their states.

    W (D, G·H, I) = W_F      R (D, G·H, H) = W_R      B (D, 2·G·H) = b_F, b_R         D directions

The gates lie in the order i, o, f, g in an LSTM and z, r, n in a GRU, whose b_Rn stands apart where
linear_before_reset is 1. Equations: github.com/onnx/onnx/blob/main/docs/Operators.md. The shapes between the nodes are
followed by ONNX's own reference evaluator; no model is run.
"""

from bptt.models.onnx.reading import read_model

__all__ = ["read_model"]
