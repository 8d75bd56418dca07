"""PyTorch's nn.RNN, nn.GRU, nn.LSTM and their cells, computed by the compiled loops: the same numbers, sooner, on a CPU."""

from bptt.extras import needing

with needing("torch", "bptt.nn"):
    from bptt.nn.check import Agreement, check
    from bptt.nn.exchange import Exchanged, accelerate, is_accelerated, restore
    from bptt.nn.layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
    from bptt.nn.taken import pytorchs_own

__all__ = [
    "GRU", "LSTM", "RNN", "Agreement", "Exchanged", "GRUCell", "LSTMCell", "RNNCell", "accelerate", "check", "is_accelerated", "pytorchs_own",
    "restore",
]  # fmt: skip
