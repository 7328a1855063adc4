"""PyTorch: a description becomes an `nn.Module` whose children are torch's own modules."""

import torch

from unidl.backends.torch.device import device as device
from unidl.backends.torch.device import devices as devices
from unidl.backends.torch.device import version as version
from unidl.backends.torch.ops import OPS as OPS
from unidl.backends.torch.tensor import accepts_tensors_of as accepts_tensors_of
from unidl.backends.torch.tensor import arrays_to_tensors as arrays_to_tensors
from unidl.backends.torch.tensor import is_compiling as is_compiling
from unidl.backends.torch.tensor import to_numpy as to_numpy
from unidl.backends.torch.tensor import to_tensor as to_tensor

NAME = "torch"
TENSOR_TYPES = (torch.Tensor,)
SHARES_TENSORS = False
ENGINE = None
