"""torch's side of bench/train_efficientad.ts: one training step for each line of the input.

torch 2.13.0 (CPU), float32. Arguments: paper or published, image size. The networks are those of
tests/fixtures/torch_efficientad at full width; torch's default Adam.
"""

import resource
import sys
import time

import torch
from torch import nn

FEATURES = 384


def description(outputs):
    return nn.Sequential(
        nn.Conv2d(3, 256, 4, padding=3), nn.ReLU(True), nn.AvgPool2d(2, 2, padding=1),
        nn.Conv2d(256, 512, 4, padding=3), nn.ReLU(True), nn.AvgPool2d(2, 2, padding=1),
        nn.Conv2d(512, 512, 1), nn.ReLU(True), nn.Conv2d(512, 512, 3, padding=1), nn.ReLU(True),
        nn.Conv2d(512, outputs, 4), nn.ReLU(True), nn.Conv2d(outputs, outputs, 1))


def autoencoder(size):
    layers, channels = [], 3
    for width in (32, 32, 64, 64, 64):
        layers += [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.ReLU(True)]
        channels = width
    layers.append(nn.Conv2d(64, 64, size // 32))
    for side in (size // 64 - 1, size // 32, size // 16 - 1, size // 8, size // 4 - 1, size // 2 - 1):
        layers += [nn.Upsample(size=side, mode="bilinear"), nn.Conv2d(64, 64, 4, padding=2), nn.ReLU(True),
                   nn.Dropout(0.2)]
    layers += [nn.Upsample(size=size // 4, mode="bilinear"), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU(True),
               nn.Conv2d(64, FEATURES, 3, padding=1)]
    return nn.Sequential(*layers)


def main():
    name, size = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher = description(FEATURES).eval().requires_grad_(False)
    student, decoder = description(2 * FEATURES), autoencoder(size)
    optimizer = torch.optim.Adam([*student.parameters(), *decoder.parameters()], lr=1e-4, weight_decay=1e-5)
    image, augmented, penalty = torch.randn(3, 1, 3, size, size)
    for _ in sys.stdin:
        begin = time.perf_counter()
        taught, studied = teacher(image), student(image)
        distance = (taught - studied[:, :FEATURES]) ** 2
        loss = distance[distance >= torch.quantile(distance, 0.999)].mean()
        if name == "published":
            loss = loss + (student(penalty)[:, :FEATURES] ** 2).mean()
            taught, studied = teacher(augmented), student(augmented)
        decoded = decoder(augmented if name == "published" else image)
        loss = loss + ((taught - decoded) ** 2).mean() + ((decoded - studied[:, FEATURES:]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


main()
