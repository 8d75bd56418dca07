"""Recurrent layers: the parameters, and forward and backward over a sequence."""

from bptt.layers.checkpoints import CheckpointedTrace
from bptt.layers.kinds import GRU, LSTM, RNN, ChoGRU
from bptt.layers.layer import Layer
from bptt.layers.levels import Bidirectional, BidirectionalTrace
from bptt.layers.stack import Stack
from bptt.layers.stacked import StackGrads, StackTrace
from bptt.layers.trace import Grads, Trace

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "BidirectionalTrace",
    "CheckpointedTrace",
    "ChoGRU",
    "Grads",
    "Layer",
    "Stack",
    "StackGrads",
    "StackTrace",
    "Trace",
]
