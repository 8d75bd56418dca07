"""All lags of a Mamba block beside a training step of the same block, in processor time on one thread and in memory.

python -m benchmarks.scans      # measures, stores the results, writes the table of docs/recurrences.md; some five minutes
"""

import json
import os
import subprocess
import sys
import time

from benchmarks import tables
from benchmarks.large import HOME, ONE, peak, spent

WIDTH, T, B = 256, 512, 8


def block():
    """A block of transformers' Mamba, a batch and a loss at every step."""
    import torch
    from transformers import MambaConfig
    from transformers.models.mamba.modeling_mamba import MambaMixer

    torch.manual_seed(0)
    model = MambaMixer(MambaConfig(hidden_size=WIDTH, num_hidden_layers=1), 0).train()
    return model, torch.randn(B, T, WIDTH), lambda m, x: m(x).square().mean()


def one(job):
    """Seconds and bytes of a training step or of a diagnosis, in a process that has done nothing else."""
    import bptt

    model, batch, loss = block()
    few = batch[:1, :8]
    loss(model, few).backward()
    bptt.diagnose(model, few, loss, progress=False)
    before = peak()
    if job == "step":
        seconds = spent(lambda: loss(model, batch).backward())
    else:
        start = time.process_time()
        report = bptt.diagnose(model, batch, loss, progress=False, sequences="all")
        seconds = time.process_time() - start
        assert len(report.diagnosis.decisive.profile.lags) == T
    return {"seconds": seconds, "bytes": peak() - before}


def in_a_process(job):
    """The same in a process of one thread."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scans", job],
        check=True, capture_output=True, text=True, cwd=HOME, env=os.environ | ONE,
    )  # fmt: skip
    return json.loads(done.stdout)


def main():
    """Measure, store, and write the table."""
    result = {"shape": {"width": WIDTH, "T": T, "B": B}} | {
        job: in_a_process(job) for job in ("step", "diagnose")
    }
    tables.SCANS.write_text(json.dumps(result, indent=1) + "\n")
    tables.write()
    print(tables.scans(result))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    if sys.argv[1:]:
        print(json.dumps(one(sys.argv[1])))
    else:
        main()
