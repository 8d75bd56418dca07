"""PyTorch's nn.RNN, nn.GRU, nn.LSTM and their cells, computed by the compiled loops: the same numbers, sooner, on a CPU."""
