"""Lightning's Trainer around the network of `with_torch.py`: no logger, no checkpoints, no bar, no summary."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from tests.benchmarks.native.torch import optimizer
from tests.benchmarks.workload import Workload


class Module(pl.LightningModule):
    def __init__(self, work: Workload) -> None:
        super().__init__()
        hand = work.hand("torch")
        self.work, self.network, self.loss = work, hand.Network(), hand.loss

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        *x, y = batch
        return self.loss(self.network(*x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return optimizer(self.work, self.network)


class Side:
    """A network trained by Lightning.

    Args:
        work: The job.
        batched: Whether a batch is one index into the tensors; else examples are collated, as a DataLoader does by itself.
    """

    def __init__(self, work: Workload, batched: bool = False) -> None:
        warnings.simplefilter("ignore")
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        inputs, targets = work.arrays()
        data = TensorDataset(*map(torch.from_numpy, inputs), torch.from_numpy(targets))
        self.module, self.epochs = Module(work), 0
        if batched:
            sampler = BatchSampler(RandomSampler(data), work.batch, drop_last=False)
            self.loader = DataLoader(data, sampler=sampler, batch_size=None)
        else:
            self.loader = DataLoader(data, batch_size=work.batch, shuffle=True)
        self.trainer = pl.Trainer(
            max_epochs=0, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip

    def fit(self, epochs: int) -> np.ndarray:
        """One Trainer goes on where it was, so that what it does once is not counted."""
        self.epochs += epochs
        self.trainer.fit_loop.max_epochs = self.epochs
        self.trainer.fit(self.module, self.loader)
        assert self.trainer.current_epoch == self.epochs
        return np.array([float(self.trainer.callback_metrics.get("loss", np.nan))])
