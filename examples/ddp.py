"""One trial on several processes: torchrun starts them, DistributedDataParallel trains, rank 0 keeps the study.

    torchrun --standalone --nproc-per-node 2 examples/ddp.py runs/ddp.db

Stop it with Ctrl-C or kill -9 and run it again: it goes on from the last checkpoint.
"""

import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import danlu
from danlu.integrations import torchrun

space = {"lr": danlu.Float(1e-3, 1.0, log=True), "width": danlu.Int(4, 64, log=True)}


def train(trial):
    torch.manual_seed(trial.seed)
    x = torch.randn(512, 8)
    y = (x[:, :1] * x[:, 1:2]).tanh()
    rank, ranks = dist.get_rank(), dist.get_world_size()
    model = nn.Sequential(nn.Linear(8, trial["width"]), nn.ReLU(), nn.Linear(trial["width"], 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=trial["lr"], momentum=0.9)
    start = trial.restore(model, optimizer)  # on every rank
    parallel = DistributedDataParallel(model)
    for epoch in range(start + 1, 11):
        for batch in torch.arange(rank, 512, ranks).split(32):  # each rank sees its own share
            optimizer.zero_grad()
            nn.functional.mse_loss(parallel(x[batch]), y[batch]).backward()  # gradients are averaged here
            optimizer.step()
        with torch.no_grad():
            loss = nn.functional.mse_loss(model(x), y)
        trial.save(epoch, model, optimizer)  # rank 0 keeps it
        trial.report(epoch, loss=float(loss))  # all ranks hear the same verdict


if __name__ == "__main__":
    dist.init_process_group("gloo")  # "nccl" on GPUs
    store = sys.argv[1] if len(sys.argv) > 1 else None
    result = torchrun.tune(train, space, minimize="loss", trials=8, store=store, name="ddp", seed=1)
    if result is not None:
        print(result)
    dist.destroy_process_group()
