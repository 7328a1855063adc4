from torch import nn
from torch.nn import functional


class Network(nn.Module):
    """nn.LSTM has two biases; one of them rests at zero, as everywhere else there is one."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.dense = (
            nn.Embedding(2000, 64),
            nn.LSTM(64, 128, batch_first=True),
            nn.Linear(128, 4),
        )
        nn.init.zeros_(self.lstm.bias_hh_l0)
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, x):
        y, _ = self.lstm(self.embedding(x))
        return self.dense(y[:, -1])


loss = functional.cross_entropy
