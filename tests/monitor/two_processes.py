"""One of two processes that train one model on their own halves of the data: python two_processes.py RANK FOLDER.

Before that the first alone asks for a diagnosis and for remedies, and a monitor is asked for with a batch that does not fit on the second: both refuse it.
"""

import json
import sys
from pathlib import Path

import torch
from torch import distributed, nn

import bptt
from bptt.errors import OptionError
from bptt.monitor import ranks
from tests.monitor.models import loss, made

STEPS = 6


def main(rank, folder):
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2
    )
    model = nn.parallel.DistributedDataParallel(made().eval())
    generator = torch.Generator().manual_seed(rank)
    x, targets = torch.randn(20, 8, 12, generator=generator), torch.arange(8)
    batch, seen = (x, targets), []
    if rank == 0:  # alone: the other one is not waited for
        report = bptt.diagnose(model, batch, loss)
        report.try_remedies(budget=40, only=["update-bias"], progress=False)
    wrong = (batch[0][..., :5], batch[1]) if rank == 1 else batch
    try:
        bptt.Monitor(model, wrong, loss, log=folder / f"{rank}.jsonl")
    except OptionError as error:
        (folder / f"{rank}.txt").write_text(str(error))
    together = ranks.together

    def noted(figures):  # what this rank measured, before the ranks meet
        seen.append(dict(figures))
        return together(figures)

    ranks.together = noted
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def moody(model, batch):
        if len(seen) == 2 and rank == 1:
            raise RuntimeError("this rank alone fails")
        return loss(model, batch)

    with bptt.Monitor(model, batch, moody, every=2, log=folder / f"{rank}.jsonl"):
        for k in range(STEPS):
            optimizer.zero_grad()
            loss(model, batch).backward()
            if k == 1 and rank == 1:  # one rank alone: the other must not wait for it
                model.module.out.bias.grad[0] = float("nan")
            optimizer.step()
            with torch.no_grad():
                model.module.out.bias.nan_to_num_()
    (folder / f"{rank}.json").write_text(json.dumps(seen))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
