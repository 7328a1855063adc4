import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.dense_2, self.dense_3 = nn.Linear(784, 256), nn.Linear(256, 256), nn.Linear(256, 10)

    def forward(self, x):
        return self.dense_3(torch.relu_(self.dense_2(torch.relu_(self.dense(x)))))


loss = functional.cross_entropy
