"""A model as PyTorch source code: what a layer and an op are called there, and how a module is written."""

from unidl.backends.torch.source.language import Torch

SOURCE = Torch()
