"""Fresh networks by name: the kinds that the experiments of the prognosis train.

A name is the cell and how it starts: "tanh, orthogonal", "LSTM, forget bias 1". Several layers are of one kind.
"""

import numpy as np

import bptt

KINDS = {
    "tanh, PyTorch's init": {"scheme": "pytorch"},
    "tanh, orthogonal": {"scheme": "orthogonal"},
    "tanh, orthogonal × 1.1": {"scheme": "orthogonal", "gain": 1.1},
    "tanh, gaussian × 1.5": {"scheme": "gaussian", "gain": 1.5},
    "softsign, orthogonal × 1.3": {"scheme": "orthogonal", "gain": 1.3, "activation": "softsign"},
    "relu, orthogonal": {"scheme": "orthogonal", "activation": "relu"},
    "relu, identity": {"scheme": "identity", "activation": "relu"},
    "relu, identity, W_F of PyTorch": {"scheme": "pytorch", "activation": "relu"},
    "leaky relu, orthogonal": {"scheme": "orthogonal", "activation": "leaky_relu"},
    "leaky relu, identity": {"scheme": "identity", "activation": "leaky_relu"},
    "LSTM, PyTorch's init": {"scheme": "pytorch", "cell": "lstm"},
    "LSTM, forget bias 1": {"scheme": "pytorch", "cell": "lstm"},
    "LSTM, orthogonal, forget bias 3": {"scheme": "orthogonal", "cell": "lstm"},
    "LSTM, forget bias 5": {"scheme": "pytorch", "cell": "lstm"},
    "LSTM, chrono": {"scheme": "pytorch", "cell": "lstm"},
    "GRU, PyTorch's init": {"scheme": "pytorch", "cell": "gru"},
    "GRU, orthogonal": {"scheme": "orthogonal", "cell": "gru"},
    "GRU, update bias 4": {"scheme": "pytorch", "cell": "gru"},
}


def fresh(kind, data, hidden, layers=1, seed=0, steps=None):
    """A network of one of ``KINDS`` for a task, series or text; ``steps`` is what chrono is told of its length."""
    size = getattr(data, "characters", None)
    inputs, outputs = (len(size), len(size)) if size else (data.inputs, data.outputs)
    network = bptt.Network.init(
        inputs, hidden, outputs, layers=layers, rng=seed,
        loss=getattr(data, "loss", "cross_entropy"), loss_at=getattr(data, "loss_at", "every"),
        **KINDS[kind],
    )  # fmt: skip
    rng = np.random.default_rng([seed, 1])
    for layer in network.stack.layers:
        if kind.endswith("W_F of PyTorch"):
            layer.W_R[...] = np.eye(hidden)
            layer.b[...] = 0
        if "forget bias" in kind:
            layer.b[layer.cell.block("f", hidden)] = float(kind.split()[-1])
        if "update bias" in kind:
            layer.b[layer.cell.block("z", hidden)] = float(kind.split()[-1])
        if "chrono" in kind:  # Tallec & Ollivier 2018: b_f = log U(1, T - 1), b_i = -b_f
            carried = np.log(rng.uniform(1, max(2, steps - 1), hidden))
            layer.b[layer.cell.block("f", hidden)] = carried
            layer.b[layer.cell.block("i", hidden)] = -carried
    return network
