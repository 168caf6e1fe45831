"""torch's side of bench/train_supervised.ts: one training step for each line of the input.

torch 2.13.0 (CPU). Arguments: method, backbone, batch, image size.
"""

import pathlib
import resource
import sys
import time

import torch

FIXTURES = pathlib.Path(__file__).parent.parent / "tests" / "fixtures" / "torch_supervised"
sys.path.insert(0, str(FIXTURES))
from twins import TWINS, optimizer_of, train_step  # noqa: E402


def main():
    method, backbone, batch, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = TWINS[method](backbone).train()
    optimizer = optimizer_of(method, model, 1e-4)
    count = batch + (5 if method == "dra" else 0)
    feeds = [torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8)]
    if method == "dra":
        kinds = torch.zeros(3, batch)
        kinds[torch.arange(batch) % 3, torch.arange(batch)] = 1
        feeds += [kinds, torch.randn(4, 5000)]
    else:
        feeds.append((torch.arange(batch) % 2).float())
        if method == "devnet":
            feeds.append(torch.randn(5000))
    for _ in sys.stdin:
        begin = time.perf_counter()
        train_step(method, model, optimizer, feeds)
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


main()
