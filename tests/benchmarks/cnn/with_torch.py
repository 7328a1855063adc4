import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    """Channels-last in memory, so that neither the data nor the flattened features are ever turned round."""

    def __init__(self):
        super().__init__()
        self.conv2d, self.conv2d_2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.dense, self.dense_2 = nn.Linear(800, 64), nn.Linear(64, 10)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):  # (batch, 28, 28, 1)
        x = x.permute(0, 3, 1, 2)
        x = functional.max_pool2d(torch.relu_(self.conv2d(x)), 2)  # (batch, 16, 13, 13)
        x = functional.max_pool2d(torch.relu_(self.conv2d_2(x)), 2)  # (batch, 32, 5, 5)
        x = x.permute(0, 2, 3, 1).flatten(1)  # (batch, 800)
        return self.dense_2(torch.relu_(self.dense(x)))


loss = functional.cross_entropy
