"""torch's side of bench/train.ts: one training step for each line of the input.

torch 2.13.0 (CPU). Arguments: network, batch, image size, classes.
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

LAYOUTS = {  # stem channels, stem kernel, stem pool, bottleneck, (blocks, width, channels, stride) a stage
    "resnet18": (64, 7, True, False, [(2, 64, 64, 1), (2, 128, 128, 2), (2, 256, 256, 2), (2, 512, 512, 2)]),
    "wide_resnet50_2": (64, 7, True, True,
                        [(3, 128, 256, 1), (4, 256, 512, 2), (6, 512, 1024, 2), (3, 1024, 2048, 2)]),
    "small": (24, 3, False, False, [(2, 32, 32, 2), (2, 64, 64, 2), (1, 96, 96, 2)]),
}


def conv_norm(inputs, outputs, kernel, stride=1):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    def __init__(self, inputs, width, channels, stride, bottleneck):
        super().__init__()
        if bottleneck:
            parts = [conv_norm(inputs, width, 1), conv_norm(width, width, 3, stride), conv_norm(width, channels, 1)]
        else:
            parts = [conv_norm(inputs, width, 3, stride), conv_norm(width, channels, 3)]
        self.parts = nn.ModuleList(parts)
        same = stride == 1 and inputs == channels
        self.shortcut = nn.Identity() if same else conv_norm(inputs, channels, 1, stride)

    def forward(self, x):
        y = x
        for part in self.parts[:-1]:
            y = F.relu(part(y), inplace=True)
        return F.relu(self.parts[-1](y) + self.shortcut(x), inplace=True)


def network(name, classes):
    channels, kernel, pool, bottleneck, stages = LAYOUTS[name]
    layers = [conv_norm(3, channels, kernel, 2), nn.ReLU(inplace=True)]
    if pool:
        layers.append(nn.MaxPool2d(3, 2, 1))
    for blocks, width, outputs, stride in stages:
        for block in range(blocks):
            layers.append(Block(channels, width, outputs, stride if block == 0 else 1, bottleneck))
            channels = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]
    return nn.Sequential(*layers)


def main():
    name, batch, size, classes = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = network(name, classes).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    images = torch.randint(0, 256, (batch, 3, size, size)).float() / 255
    labels = torch.randint(0, classes, (batch,))
    for _ in sys.stdin:
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


main()
