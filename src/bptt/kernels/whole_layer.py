"""A whole layer as PyTorch has it, in one call: all levels, both directions, over a sequence, forward and back.

Memory is given by address, as ``torch.Tensor.data_ptr`` says it, and is neither copied nor kept: to make arrays of
tensors costs more than a step of a small layer. Sizes are checked, addresses cannot be. Weights are PyTorch's as
they stand, in its order of gates. The results are the same bits for any number of threads.

Forward, for each level and direction: the loops of ``numpy_loops`` with W_F = weight_ih, W_R = weight_hh and
b = bias_ih + bias_hh, a GRU's bias_hh of the candidate within the reset. The slopes of tanh and relu are
taken from h, as PyTorch takes them.
"""

from typing import Any

from bptt.kernels.instruction_sets import compiled

C: Any = compiled
available: bool = C is not None
KINDS = {"RNN_TANH": 0, "RNN_RELU": 1, "LSTM": 2, "GRU": 3}
_SAVED = (1, 1, 6, 5)  # numbers that a step of one unit leaves for the way back


def numbers_saved(kind: int, rows: int, H: int, levels: int, directions: int) -> int:
    """How many numbers ``forward`` leaves for ``backward``.

    Args:
        kind: one of ``KINDS``.
        rows: T B, or how many rows a packed sequence has.
        H: units.
        levels: num_layers.
        directions: 1, or 2 where each level goes both ways.
    """
    return rows * H * levels * directions * _SAVED[kind]


def forward(
    kind: int, double: bool, T: int, B: int, I: int, H: int, levels: int, directions: int, batch_sizes: int,
    x: int, x_step: int, x_row: int, h0: int, c0: int, weights: tuple[int, ...], masks: int,
    y: int, y_step: int, y_row: int, h_n: int, c_n: int, saved: int, threads: int,
) -> None:  # fmt: skip
    """States over a sequence. Addresses may be 0 where something is absent.

    Args:
        kind: one of ``KINDS``.
        double: float64 throughout, else float32.
        T: steps.
        B: sequences.
        I: inputs.
        H: units.
        levels: num_layers.
        directions: 1, or 2 where each level goes both ways.
        batch_sizes: of (T,) int64, how many sequences are alive at each step, where they are packed.
        x: of (T, B, I); the last axis in line.
        x_step: numbers from step to step; of no meaning where sequences are packed.
        x_row: numbers from sequence to sequence, or from row to row of what is packed.
        h0: of (levels·directions, B, H) in line; absent: zeros.
        c0: the same of an LSTM.
        weights: of weight_ih, weight_hh, bias_ih and bias_hh of each level and direction, in line.
        masks: of (levels-1, rows, directions·H) in line, rows by step, then sequence: what the states of each level
            are multiplied by before the level above reads them.
        y: of (T, B, directions·H); takes the states of the top level. Absent: not wanted, for one step only.
        y_step: as for x.
        y_row: as for x.
        h_n: of (levels·directions, B, H) in line; takes the last states.
        c_n: the same of an LSTM.
        saved: of ``numbers_saved`` numbers for ``backward``. Absent: nothing is saved.
        threads: how many to use at most.

    Raises:
        ValueError: if sizes or batch_sizes cannot be, or something is absent that must be there.
    """
    C.whole_forward(
        kind, double, T, B, I, H, levels, directions, batch_sizes, x, x_step, x_row, h0, c0, weights, masks,
        y, y_step, y_row, h_n, c_n, saved, threads,
    )  # fmt: skip


def backward(
    kind: int, double: bool, T: int, B: int, I: int, H: int, levels: int, directions: int, batch_sizes: int,
    x: int, x_step: int, x_row: int, h0: int, c0: int, weights: tuple[int, ...], masks: int, saved: int,
    dy: int, dy_step: int, dy_row: int, dh_n: int, dc_n: int, dx: int, dx_step: int, dx_row: int,
    dh0: int, dc0: int, dweights: tuple[int, ...], threads: int,
) -> None:  # fmt: skip
    """Gradients over a sequence. Addresses may be 0 where something is absent, or a gradient is not wanted.

    Args:
        kind: as for ``forward``, and so to ``masks``.
        double: float64 throughout, else float32.
        T: steps.
        B: sequences.
        I: inputs.
        H: units.
        levels: num_layers.
        directions: 1 or 2.
        batch_sizes: where sequences are packed.
        x: inputs, unchanged since.
        x_step: their strides.
        x_row: their strides.
        h0: first states.
        c0: first states.
        weights: unchanged since.
        masks: unchanged since.
        saved: from ``forward``; read only.
        dy: of (T, B, directions·H) errors of y; absent: zeros.
        dy_step: numbers from step to step.
        dy_row: numbers from sequence to sequence.
        dh_n: of (levels·directions, B, H) in line, errors of h_n; absent: zeros.
        dc_n: the same of an LSTM.
        dx: takes the errors of x.
        dx_step: numbers from step to step.
        dx_row: numbers from sequence to sequence.
        dh0: of (levels·directions, B, H) in line; takes the errors of h0.
        dc0: the same of an LSTM.
        dweights: as ``weights``; takes their gradients, whatever was there before.
        threads: how many to use at most.

    Raises:
        ValueError: as ``forward``.
    """
    C.whole_backward(
        kind, double, T, B, I, H, levels, directions, batch_sizes, x, x_step, x_row, h0, c0, weights, masks, saved,
        dy, dy_step, dy_row, dh_n, dc_n, dx, dx_step, dx_row, dh0, dc0, dweights, threads,
    )  # fmt: skip
