"""A weight update on text: ``bptt.training.train`` beside PyTorch, same weights, same chunks, same Adam, clipped.

python -m benchmarks.training      # prints the table
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.worker import FIXED, THREADS

LENGTH, BATCH, HIDDEN = 64, 32, 128
CELLS = ("rnn", "gru", "lstm")
COMPARED, TURNS, TURN = 50, 12, 25  # updates compared; turns, and updates of each


def network(cell, size):
    """The one that both start from."""
    import bptt

    return bptt.Network.init(size, HIDDEN, size, cell=cell, rng=0)


def with_bptt(cell, hand_over):
    """Updates until the pipe is closed."""
    from bptt import training
    from bptt.data import Text

    text = Text.load()
    start = time.perf_counter()
    updates = COMPARED + TURNS * TURN

    def after(progress):
        nonlocal start
        hand_over(progress.done, time.perf_counter() - start, progress.loss)
        start = time.perf_counter()

    training.train(
        network(cell, len(text.characters)), text, updates=updates, length=LENGTH, batch=BATCH,
        optimiser=training.Adam(2e-3), clip=1.0, progress=after,
    )  # fmt: skip


def with_torch(cell, hand_over):
    """The same in PyTorch, as one writes it."""
    import torch
    from torch import nn

    import bptt
    from bptt.data import Text
    from bptt.data.text import chunk, streams

    torch.set_num_threads(THREADS)
    text = Text.load()
    net, stream = network(cell, len(text.characters)), streams(text.train, BATCH)
    rnn, readout = bptt.to_torch(net.body), nn.Linear(HIDDEN, len(text.characters))
    with torch.no_grad():
        readout.weight.copy_(torch.tensor(net.W_O))
        readout.bias.copy_(torch.tensor(net.b_O))
    # bptt has one bias, and a GRU that of its candidate's state: with two, Adam takes it twice as far
    own = torch.zeros_like(rnn.bias_hh_l0)
    own[2 * HIDDEN :] = cell == "gru"
    rnn.bias_hh_l0.register_hook(lambda gradient: gradient * own)
    learnt = [p for p in [*rnn.parameters(), *readout.parameters()] if p.requires_grad]
    optimizer, one_hot, state = torch.optim.Adam(learnt, 2e-3), torch.eye(net.stack.inputs), None
    for n in range(COMPARED + TURNS * TURN):
        start = time.perf_counter()
        codes, targets, first = chunk(stream, LENGTH, n)
        h, state = rnn(one_hot[torch.as_tensor(codes)], None if first else state)
        state = tuple(s.detach() for s in state) if cell == "lstm" else state.detach()
        o = readout(h)
        E = nn.functional.cross_entropy(o.flatten(0, 1), torch.as_tensor(targets).flatten())
        optimizer.zero_grad()
        E.backward()
        nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        loss = E.item() / np.log(2)
        hand_over(n + 1, time.perf_counter() - start, loss)


def serve(name, cell):
    """One contender: a line of losses and seconds after the first updates and after every turn."""
    losses, seconds = [], []

    def hand_over(done, took, loss):
        losses.append(loss)
        seconds.append(took)
        if done >= COMPARED and (done - COMPARED) % TURN == 0:
            print(json.dumps([losses, seconds]), flush=True)
            losses.clear()
            seconds.clear()
            sys.stdin.readline()  # the other's turn

    {"bptt": with_bptt, "torch": with_torch}[name](cell, hand_over)


def measure(cell):
    """Largest difference of the first losses, and the median ms of either, in turns."""
    home = Path(__file__).parent.parent
    processes = {
        name: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training", name, cell], cwd=home, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | FIXED,
        )
        for name in ("bptt", "torch")
    }  # fmt: skip
    losses, ms = {}, {"bptt": [], "torch": []}
    for name, process in processes.items():
        losses[name] = np.array(json.loads(process.stdout.readline())[0])
    for _ in range(TURNS):
        for name, process in processes.items():
            process.stdin.write("\n")
            process.stdin.flush()
            ms[name] += [1e3 * s for s in json.loads(process.stdout.readline())[1]]
    for process in processes.values():
        process.stdin.close()
        process.wait()
    apart = float(np.abs(losses["bptt"] - losses["torch"]).max())
    return apart, {name: float(np.median(times)) for name, times in ms.items()}


def main():
    """The table."""
    print(f"T {LENGTH}, B {BATCH}, H {HIDDEN}, float32, {THREADS} threads; ms per update, median")
    print(
        f"{'':6}{'bptt':>8}{'PyTorch':>10}{'×':>6}   largest difference of {COMPARED} losses, bits"
    )
    for cell in CELLS:
        apart, ms = measure(cell)
        ratio = ms["torch"] / ms["bptt"]
        print(f"{cell:6}{ms['bptt']:8.2f}{ms['torch']:10.2f}{ratio:6.1f}   {apart:.1e}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve(*sys.argv[1:])
    else:
        main()
