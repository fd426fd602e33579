"""Small models for tests of the meta gradient, in float64 from a fixed start."""

import torch
from torch import nn

CLASSES = 4


def small(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers).double()


class Recurrent(nn.Module):
    """An LSTM over tokens of four numbers: in float32 one fused operation, without a forward-mode rule."""

    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, CLASSES)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])
