"""The whole network of the lecture: recurrent layers, a readout and a loss."""

from bptt.network.losses import LossAt
from bptt.network.network import LossName, Network
from bptt.network.run import Run

__all__ = ["LossAt", "LossName", "Network", "Run"]
