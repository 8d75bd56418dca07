"""A network from a file of Keras': its configuration names the layers, and its arrays are their weights.

    kernel (I, G·H) = W_Fᵀ      recurrent_kernel (H, G·H) = W_Rᵀ      bias = b

The gates lie in the order i, f, g, o in an LSTM, as here, and z, r, n in a GRU. A GRU with reset_after has two
biases, (2, 3H): the second is that of the recurrent side. Without it it is ``bptt.ChoGRU``, and has one. Nothing here
imports Keras.
"""

from bptt.models.keras.reading import read_model

__all__ = ["read_model"]
