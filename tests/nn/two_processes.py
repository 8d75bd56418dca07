"""One rank of two that train an accelerated model together: python -m tests.nn.two_processes RANK FILE OUT."""

import sys

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import bptt


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = (
            nn.LSTM(3, 6, num_layers=2, dtype=torch.float64),
            nn.Linear(6, 2).double(),
        )

    def forward(self, x):
        return self.head(self.encoder(x)[0])


def train(model, batches, step):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x in batches:
        optimizer.zero_grad()
        step(model, x)
        optimizer.step()


def made():
    torch.manual_seed(0)
    model = Tagger()
    return model, torch.randn(5, 8, 4, 3, dtype=torch.float64)


def main(rank, file, out):
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    model, batches = made()
    bptt.accelerate(model)
    parallel = DistributedDataParallel(model)
    train(
        parallel,
        [x[:, 2 * rank : 2 * rank + 2] for x in batches],
        lambda m, x: m(x).square().mean().backward(),
    )
    if rank == 0:
        torch.save(model.state_dict(), out)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
