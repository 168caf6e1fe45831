"""torch's side of bench/train_detectors.ts: one training step for each line of the input.

torch 2.13.0 (CPU), float32. Arguments: detector, batch, image size. The networks are those of
tests/fixtures/torch_fastflow and torch_rd4ad, in float32 on WideResNet-50-2: FastFlow as FrEIA and
anomalib write it (its permutations are 1 x 1 convolutions), RD4AD with anomalib's bottleneck width.
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

LAYERS = [(256, 4), (512, 8), (1024, 16)]  # channels, stride


class TeacherBlock(nn.Module):
    def __init__(self, inputs, width, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = None if stride == 1 and inputs == channels else nn.Sequential(
            nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)), inplace=True)


class Teacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        inputs, stages = 64, []
        for blocks, width, channels, stride in [(3, 128, 256, 1), (4, 256, 512, 2), (6, 512, 1024, 2)]:
            layers = []
            for block in range(blocks):
                layers.append(TeacherBlock(inputs, width, channels, stride if block == 0 else 1))
                inputs = channels
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)

    @torch.no_grad()
    def forward(self, x):
        x, features = self.stem(x), []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Coupling(nn.Module):
    def __init__(self, channels, kernel):
        super().__init__()
        self.moved = channels // 2
        self.kept = channels - self.moved
        pad = kernel // 2
        self.subnet = nn.Sequential(
            nn.Conv2d(self.kept, self.kept, kernel, padding=pad), nn.ReLU(),
            nn.Conv2d(self.kept, 2 * self.moved, kernel, padding=pad))
        self.global_scale = nn.Parameter(torch.full((1, channels, 1, 1), 9.98))
        self.global_offset = nn.Parameter(torch.zeros(1, channels, 1, 1))
        matrix = torch.zeros(channels, channels, 1, 1)
        matrix[torch.arange(channels), torch.randperm(channels)] = 1
        self.w_perm = nn.Parameter(matrix, requires_grad=False)

    def forward(self, x):
        x1, x2 = torch.split(x, [self.kept, self.moved], dim=1)
        a = self.subnet(x1)
        a *= 0.1
        s = 2.0 * torch.tanh(a[:, :self.moved])
        x2 = x2 * torch.exp(s) + a[:, self.moved:]
        scale = 0.1 * F.softplus(self.global_scale, beta=0.5)
        y = F.conv2d(torch.cat([x1, x2], 1) * scale + self.global_offset, self.w_perm)
        return y, s.sum(dim=(1, 2, 3)) + x.shape[2] * x.shape[3] * torch.log(scale).sum()


class FastFlow(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.norms = nn.ModuleList(
            nn.LayerNorm([channels, size // stride, size // stride]) for channels, stride in LAYERS)
        self.flows = nn.ModuleList(
            nn.ModuleList(Coupling(channels, 3 if step % 2 == 0 else 1) for step in range(8))
            for channels, _ in LAYERS)

    def loss(self, features):
        total = 0
        for x, norm, flow in zip(features, self.norms, self.flows):
            x, determinants = norm(x), 0
            for block in flow:
                x, determinant = block(x)
                determinants = determinants + determinant
            total = total + torch.mean(0.5 * torch.sum(x**2, dim=(1, 2, 3)) - determinants)
        return total


def conv_or_doubling(inputs, outputs, kernel, resize):
    if resize == "double":
        return nn.ConvTranspose2d(inputs, outputs, 2, 2, bias=False)
    return nn.Conv2d(inputs, outputs, kernel, 2 if resize == "halve" else 1, kernel // 2, bias=False)


class StudentBlock(nn.Module):
    def __init__(self, inputs, channels, width, resize):
        super().__init__()
        inside = channels // 4 * width // 64
        sizes = [(inputs, inside, 1, None), (inside, inside, 3, resize), (inside, channels, 1, None)]
        self.parts = nn.ModuleList(
            nn.Sequential(conv_or_doubling(*size), nn.BatchNorm2d(size[1])) for size in sizes)
        self.shortcut = None if resize is None else nn.Sequential(
            conv_or_doubling(inputs, channels, 1, resize), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.parts[0](x), inplace=True)
        y = F.relu(self.parts[1](y), inplace=True)
        return F.relu(self.parts[2](y) + (x if self.shortcut is None else self.shortcut(x)), inplace=True)


class Student(nn.Module):
    def __init__(self):
        super().__init__()

        def halving(inputs, outputs):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

        self.shallow = nn.Sequential(halving(256, 512), halving(512, 1024))
        self.middle = halving(512, 1024)
        self.embedding = nn.Sequential(
            StudentBlock(3072, 2048, 64, "halve"), StudentBlock(2048, 2048, 64, None),
            StudentBlock(2048, 2048, 64, None))
        inputs, stages = 2048, []
        for channels, blocks in [(1024, 3), (512, 4), (256, 6)]:
            stages.append(nn.Sequential(*[
                StudentBlock(inputs if i == 0 else channels, channels, 128, "double" if i == 0 else None)
                for i in range(blocks)]))
            inputs = channels
        self.stages = nn.ModuleList(stages)

    def loss(self, teacher):
        x = self.embedding(torch.cat([self.shallow(teacher[0]), self.middle(teacher[1]), teacher[2]], 1))
        total = 0
        for stage, features in zip(self.stages, reversed(teacher)):
            x = stage(x)
            total = total + torch.mean(1 - F.cosine_similarity(features.flatten(1), x.flatten(1)))
        return total


def main():
    name, batch, size = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    teacher = Teacher().eval().requires_grad_(False)
    if name == "fastflow":
        model = FastFlow(size)
        optimizer = torch.optim.Adam(
            [p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=1e-5)
    else:
        model = Student().train()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.5, 0.999))
    images = torch.randint(0, 256, (batch, 3, size, size)).float() / 255
    for _ in sys.stdin:
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = model.loss(teacher(images))
        loss.backward()
        optimizer.step()
        loss.item()
        print(time.perf_counter() - begin, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)


main()
