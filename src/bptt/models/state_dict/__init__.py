"""A network from the weights that PyTorch saved: names and shapes tell what it is.

    W_F  weight_ih_l{k}      W_R  weight_hh_l{k}      b  bias_ih_l{k} + bias_hh_l{k}

weight_hh is (G H, H): G = 1 in a plain RNN, 3 in a GRU, 4 in an LSTM. A GRU's candidate keeps its recurrent
bias apart: b_Rn is the last third of bias_hh. "_reverse" at the end is the backward direction; the cells
(nn.LSTMCell) have names without "_l{k}". The readout is the two-axis "weight" that fits the top level's
states. Nothing here imports PyTorch.
"""

from bptt.models.state_dict.parts import Parts, parts_of, readouts_of
from bptt.models.state_dict.reading import network_of
from bptt.models.state_dict.weight_norm import Normed, with_weights, without_weights
from bptt.models.state_dict.writing import with_layers

__all__ = [
    "Normed",
    "Parts",
    "network_of",
    "parts_of",
    "readouts_of",
    "with_layers",
    "with_weights",
    "without_weights",
]
