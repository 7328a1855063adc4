import torch
from torch import nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 512)


class Down(nn.Conv2d):
    """3 × 3 with stride 2, padded at the end only: what "same" means for an even length in TensorFlow and in unidl."""

    def forward(self, x):
        return super().forward(functional.pad(x, (0, 1, 0, 1)))


class Block(nn.Module):
    def __init__(self, inputs, filters, strides):
        super().__init__()
        first = (
            Down(inputs, filters, 3, 2, bias=False) if strides == 2 else nn.Conv2d(inputs, filters, 3, 1, 1, bias=False)
        )
        self.conv_1, self.norm_1 = first, nn.BatchNorm2d(filters)
        self.conv_2, self.norm_2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.project = strides == 2
        if self.project:
            self.conv_3, self.norm_3 = nn.Conv2d(inputs, filters, 1, 2, bias=False), nn.BatchNorm2d(filters)

    def forward(self, x):
        y = torch.relu_(self.norm_1(self.conv_1(x)))
        y = self.norm_2(self.conv_2(y))
        return torch.relu_(y.add_(self.norm_3(self.conv_3(x)) if self.project else x))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64)
        self.blocks = nn.ModuleList()
        inputs = 64
        for stage, filters in enumerate(WIDTHS):
            self.blocks += [Block(inputs, filters, 1 if stage == 0 else 2), Block(filters, filters, 1)]
            inputs = filters
        self.head = nn.Linear(512, 10)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):  # (batch, 32, 32, 3)
        x = torch.relu_(self.norm(self.stem(x.permute(0, 3, 1, 2))))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


loss = functional.cross_entropy
