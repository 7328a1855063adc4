"""Training and inference by hand in torch: what a careful engineer writes once the loop has to be fast.

Data lies in memory as tensors and a batch is an index_select; one fused optimizer kernel moves all weights; nothing in a step waits
for its result: losses are read when the epoch is over.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from tests.benchmarks.workload import Workload, order


def optimizer(work: Workload, network: nn.Module) -> torch.optim.Optimizer:
    options = dict(work.options)
    if work.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=work.rate, momentum=options.pop("momentum", 0.0), fused=True)
    cls = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[work.optimizer]
    return cls(network.parameters(), lr=work.rate, betas=(0.9, 0.999), eps=1e-8, fused=True, **options)


class Side:
    """A network trained by hand."""

    def __init__(self, work: Workload, weights: Mapping[str, np.ndarray] | None = None, shuffle: bool = True) -> None:
        hand = work.hand("torch")
        self.work, self.shuffle, self.epoch = work, shuffle, 0
        self.network: nn.Module = hand.Network()
        if weights is not None:
            load(self.network, weights)
        self.loss = hand.loss
        self.optimizer = optimizer(work, self.network)
        inputs, targets = work.arrays()
        self.inputs = [torch.from_numpy(a) for a in inputs]
        self.targets = torch.from_numpy(targets)

    def fit(self, epochs: int) -> np.ndarray:
        network, step, inputs, targets = self.network.train(), self.optimizer, self.inputs, self.targets
        found = []
        for _ in range(epochs):
            places = torch.from_numpy(order(len(targets), self.epoch, self.shuffle))
            losses = []
            for chosen in places.split(self.work.batch):
                loss = self.loss(network(*(a.index_select(0, chosen) for a in inputs)), targets.index_select(0, chosen))
                loss.backward()
                step.step()
                step.zero_grad(set_to_none=True)
                losses.append(loss.detach())
            found.append(torch.stack(losses).numpy())  # the first time that anything is read
            self.epoch += 1
        return np.concatenate(found)

    def predict(self, *x: np.ndarray) -> np.ndarray:
        self.network.eval()
        with torch.inference_mode():
            return self.network(*(torch.from_numpy(a) for a in x)).numpy()


# -- the same initial weights ------------------------------------------------------------------------------------------------

NAMES = {"weight": "kernel", "bias": "bias"}
NORMS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def load(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Write weights, named and laid out as in unidl; attributes have the same names on both sides."""
    left = network.unpacked(weights) if hasattr(network, "unpacked") else dict(weights)
    with torch.no_grad():
        for path, module in network.named_modules():
            at = path.replace(".", "/") + "/" if path else ""
            for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
                for key, value in _values(module, name, left, at):
                    tensor.copy_(torch.from_numpy(value))
                    for used in key:
                        del left[used]
    assert not left, f"without a place: {sorted(left)}"


def _values(module: nn.Module, name: str, left: Mapping[str, np.ndarray], at: str):
    if name in ("num_batches_tracked", "bias_hh_l0"):
        return
    if isinstance(module, nn.LSTM):
        key = at + {"weight_ih_l0": "kernel", "weight_hh_l0": "recurrent_kernel", "bias_ih_l0": "bias"}[name]
        yield (key,), left[key].T
    elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
        yield (at + NORMS[name],), left[at + NORMS[name]]
    elif isinstance(module, nn.Embedding):
        yield (at + "embeddings",), left[at + "embeddings"]
    elif isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        value = left[at + NAMES[name]]
        yield (at + NAMES[name],), value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
    else:
        yield (at + name,), left[at + name]
