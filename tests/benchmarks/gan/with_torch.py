import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus

from tests.benchmarks.native.torch import load, optimizer
from tests.benchmarks.workload import order


class Layers(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.dense, self.dense_2, self.dense_3 = nn.Linear(inputs, 128), nn.Linear(128, 128), nn.Linear(128, outputs)

    def forward(self, x):
        return self.dense_3(torch.relu_(self.dense_2(torch.relu_(self.dense(x)))))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.critic = Layers(32, 64), Layers(64, 1)


class Side:
    """A step moves the critic, then the generator; gradients are taken by the weights that move, and by no others."""

    def __init__(self, work, weights=None, shuffle=True):
        self.work, self.shuffle, self.epoch, self.network = work, shuffle, 0, Network()
        if weights is not None:
            load(self.network, weights)
        inputs, labels = work.arrays()
        self.data = [torch.from_numpy(a) for a in (*inputs, labels)]
        parts = self.network.critic, self.network.generator
        self.parts = [(list(part.parameters()), optimizer(work, part)) for part in parts]

    def move(self, part, loss):
        parameters, stepper = part
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        stepper.step()

    def step(self, x, noise, labels):
        generator, critic = self.network.generator, self.network.critic
        with torch.no_grad():
            fake = generator(noise)
        real = critic(x)
        first = (softplus(real) - real * labels).mean() + softplus(critic(fake)).mean()
        self.move(self.parts[0], first)
        second = softplus(-critic(generator(noise))).mean()
        self.move(self.parts[1], second)
        return first.detach() + second.detach()

    def fit(self, epochs):
        found = []
        for _ in range(epochs):
            places = torch.from_numpy(order(len(self.data[0]), self.epoch, self.shuffle))
            batches = places.split(self.work.batch)
            losses = [self.step(*(a.index_select(0, chosen) for a in self.data)) for chosen in batches]
            found.append(torch.stack(losses).numpy())
            self.epoch += 1
        return np.concatenate(found)

    def predict(self, x, noise):
        self.network.eval()
        with torch.inference_mode():
            x, noise = torch.from_numpy(x), torch.from_numpy(noise)
            return [self.network.critic(x).numpy(), self.network.critic(self.network.generator(noise)).numpy()]
