"""Training: the Trainer, what it remembers, and what it shows."""

from unidl.training.history import History as History
from unidl.training.trainer import Trainer as Trainer
