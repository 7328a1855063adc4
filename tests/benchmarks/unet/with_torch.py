import torch
from torch import nn
from torch.nn import functional


class Twice(nn.Module):
    def __init__(self, inputs, filters):
        super().__init__()
        self.first, self.second = nn.Conv2d(inputs, filters, 3, padding=1), nn.Conv2d(filters, filters, 3, padding=1)

    def forward(self, x):
        return torch.relu_(self.second(torch.relu_(self.first(x))))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([Twice(3, 16), Twice(16, 32)])
        self.bottom = Twice(32, 64)
        self.larger = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
        self.up = nn.ModuleList([Twice(64, 32), Twice(32, 16)])
        self.head = nn.Conv2d(16, 3, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):  # (batch, 64, 64, 3) -> (batch, 64, 64, 3)
        x = x.permute(0, 3, 1, 2)
        kept = []
        for level in self.down:
            kept.append(level(x))
            x = functional.max_pool2d(kept[-1], 2)
        x = self.bottom(x)
        for larger, level in zip(self.larger, self.up, strict=True):
            x = level(torch.cat([larger(x), kept.pop()], 1))
        return self.head(x).permute(0, 2, 3, 1)


def loss(outputs, targets):
    return functional.cross_entropy(outputs.flatten(0, 2), targets.flatten())
