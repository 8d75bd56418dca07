r"""A network and what it reads, in a few names and numbers: one point of the space that is explored.

    Configuration(gain=1.4, input_variance=0.1).build()

The input variance is what W_F x adds to the variance of every z, the σ_in² of mean-field theory: W_F is
scaled so that the mean of (W_F x)² over the batch is just that. The bias is added where it decides how long
the state lasts: to the forget gate of an LSTM, to the update gate of a GRU, to every unit of a plain RNN.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bptt.arrays import as_number, as_whole
from bptt.data import Data, Reading, Task, Text, load
from bptt.data.tasks.noise import noise
from bptt.data.text import chunk, streams
from bptt.errors import OptionError
from bptt.layers import Layer
from bptt.network import Network


@dataclass(frozen=True, eq=False)
class Built:
    """What a configuration stands for.

    Attributes:
        network: with fresh weights.
        batch: the arguments of ``network.run``.
        data: where the batch was drawn from.
        needed_lag: what the task needs; None where nobody says.
    """

    network: Network
    batch: dict[str, Any]
    data: Data
    needed_lag: int | None


@dataclass(frozen=True)
class Configuration:
    """One point.

    Attributes:
        cell: "rnn", "lstm", "gru" or "cho_gru".
        activation: of a plain RNN.
        init: name of the scheme of the weights (``bptt.cells.initialise``).
        gain: multiplies W_R.
        input_variance: mean of (W_F x)² over the batch, in the lowest layer; None leaves W_F as drawn.
        bias: added to b, of an LSTM to the forget gate's part, of a GRU to the update gate's.
        hidden: H, units of each layer.
        layers: how many.
        length: T; of data that have a length of their own without effect.
        batch: B, sequences.
        seed: of weights and sequences.
        data: "noise", or what ``bptt.data.load`` takes: a name or a file.
        loss_at: "last" or "every" step, of noise; None for the data's own.
        dtype: float32 or float64.
        inputs, target, sequence, batch_first: how a file of sequences is read (``bptt.data.own.Reading``); the
            inputs in one string, separated by commas.

    >>> built = Configuration(hidden=16, length=30, input_variance=0.1).build()
    >>> x, W_F = built.batch["x"], built.network.layer.W_F
    >>> round(float(((x @ W_F.T) ** 2).mean()), 6)
    0.1
    """

    cell: str = "rnn"
    activation: str = "tanh"
    init: str = "orthogonal"
    gain: float = 1.0
    input_variance: float | None = None
    bias: float = 0.0
    hidden: int = 64
    layers: int = 1
    length: int = 100
    batch: int = 8
    seed: int = 0
    data: str = "noise"
    loss_at: str | None = None
    dtype: str = "float32"
    inputs: str | None = None
    target: str | None = None
    sequence: str | None = None
    batch_first: bool | None = None

    def loaded(self) -> Data:
        """The data, at this length.

        Raises:
            FileError: if a file is missing or not what it says.
            OptionError: if there are no such data, or they say themselves where the loss is taken.
        """
        reading = Reading.of(self.inputs, self.target, self.sequence, self.batch_first)
        if self.data == "noise" and not reading.said:
            return noise(self.length, loss_at=self.loss_at or "last")
        if self.data != "noise" and self.loss_at is not None:
            raise OptionError(
                "loss_at", f"none for {self.data}, which says itself where the loss is taken",
                repr(self.loss_at), "Leave it out, or use noise.",
            )  # fmt: skip
        return load(self.data, self.length, reading=reading)

    def build(self, data: Data | None = None) -> Built:
        """The network, and the batch to measure it on.

        Args:
            data: in the place of the setting's own; of these as many sequences are measured as their length allows.

        Raises:
            FileError: as for ``loaded``.
            OptionError: if a name or number is outside its choices.
        """
        sequences = self.batch if data is None else None
        data = self.loaded() if data is None else data
        network = fresh_network(
            data, self.hidden, self.init, self.seed, self.dtype,
            cell=self.cell, layers=self.layers, activation=self.activation, gain=self.gain,
        )  # fmt: skip
        batch = measured_batch(data, self.length, sequences, network.stack.dtype, self.seed)
        if self.input_variance is not None:
            _scale_inputs(network.layer, batch["x"], self.input_variance)
        as_number("bias", self.bias, cure="0 adds nothing.")
        for layer in network.stack.layers:
            gate = layer.cell.carry_gate
            part = layer.b if gate is None else layer.gate(gate, "b")
            part += layer.dtype.type(self.bias)
        return Built(network, batch, data, data.needed_lag if isinstance(data, Task) else None)


def fresh_network(
    data: Data,
    hidden: int,
    init: str,
    seed: int,
    dtype: str = "float32",
    **options: Any,
) -> Network:
    """A network of the sizes and the loss that the data need.

    Args:
        data: what it is to read.
        hidden: H, units of each layer.
        init: name of the scheme of the weights (``bptt.cells.initialise``).
        seed: of the weights.
        dtype: "float32" or "float64".
        options: cell, layers, bidirectional, activation and gain, as for ``Network.init``.

    Raises:
        OptionError: if a name or number is outside its choices.
    """
    if isinstance(data, Text):
        size = len(data.characters)
        return Network.init(size, hidden, size, init, rng=seed, dtype=dtype, **options)
    return Network.init(
        data.inputs, hidden, data.outputs, init, rng=seed, dtype=dtype,
        loss=data.loss, loss_at=data.loss_at, **options,
    )  # fmt: skip


def measured_batch(
    data: Data, length: int | None, batch: int | None, dtype: npt.DTypeLike, seed: int = 0
) -> dict[str, Any]:
    """The arguments of ``network.run`` on data it has not been trained on.

    Args:
        data: a text, series, task or noise.
        length: steps of a text; 128 if None. The others have their own.
        batch: sequences; 16 if None, fewer where they are long.
        dtype: of the input.
        seed: of the sequences that are drawn; a text and a series begin at their beginning.

    Raises:
        OptionError: if there are not so many sequences.
    """
    steps, sequences = batch_shape(data, length, batch)
    seed = as_whole("seed", seed, least=0)
    if isinstance(data, Text):
        codes, targets, _ = chunk(streams(data.held_out, sequences), steps, 0)
        return {"x": data.one_hot(codes, dtype), "targets": targets}
    if isinstance(data, Task):
        # A spawned seed: no batch that is trained on, whatever its seed, can be this one.
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
        return data.batch(sequences, rng, held_out=True).arguments(dtype)
    return data.held_out.part(slice(0, sequences)).arguments(dtype)


def batch_shape(data: Data, length: int | None, batch: int | None) -> tuple[int, int]:
    """(T, B) of what ``measured_batch`` gives, known before anything is drawn.

    Args:
        data: a text, series, task or noise.
        length: as for ``measured_batch``.
        batch: as for ``measured_batch``.

    Raises:
        OptionError: if there are not so many sequences.
    """
    if batch is not None:
        batch = as_whole("batch", batch, least=1)
    if isinstance(data, Text):
        return 128 if length is None else length, 16 if batch is None else batch
    if isinstance(data, Task):
        return data.steps, max(1, min(16, 4000 // data.steps)) if batch is None else batch
    lengths = data.held_out.lengths
    most = len(lengths)
    if batch is None:
        batch = max(1, min(16, most, 4000 // int(lengths.max())))
    if batch > most:
        raise OptionError(
            "batch", f"from 1 to {most} sequences", str(batch), "Pass a smaller batch."
        )
    return int(lengths[:batch].max()), batch


def _scale_inputs(layer: Layer, x: Any, variance: float) -> None:
    """Scale W_F in place so that the mean of (W_F x)² is the variance.

    Raises:
        OptionError: if the variance is negative or not finite, or the inputs are all zero.
    """
    as_number("input_variance", variance, "[0, ∞)", "Pass 0 or more.")
    # over (time, batch): the mean of (w x)² is w C w, with C the second moments of x
    rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
    moments = rows.T @ rows / len(rows)
    W_F = layer.W_F.astype(np.float64)
    now = float(np.einsum("hi,ij,hj->", W_F, moments, W_F)) / len(W_F)
    if now == 0 and variance > 0:
        raise OptionError(
            "input_variance", "0, for every input is zero", str(variance), "Use other data."
        )
    layer.W_F *= (variance / now) ** 0.5 if now else 0.0
