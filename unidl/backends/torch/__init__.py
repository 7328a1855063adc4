"""PyTorch: a description becomes an `nn.Module` whose children are torch's own modules."""

from typing import TYPE_CHECKING, Any

import torch

from unidl.backends import registry
from unidl.backends.torch.ambient import ambient as ambient
from unidl.backends.torch.bridge import CHANNELS_FIRST as CHANNELS_FIRST
from unidl.backends.torch.bridge import READERS as READERS
from unidl.backends.torch.bridge import SEPARATOR as SEPARATOR
from unidl.backends.torch.bridge import foreign as foreign
from unidl.backends.torch.device import device as device
from unidl.backends.torch.device import devices as devices
from unidl.backends.torch.device import version as version
from unidl.backends.torch.export import WRITERS as WRITERS
from unidl.backends.torch.generator import generator as generator
from unidl.backends.torch.generator import random_state as random_state
from unidl.backends.torch.gradient import jit as jit
from unidl.backends.torch.gradient import value_and_grad as value_and_grad
from unidl.backends.torch.module import reset_mode as reset_mode
from unidl.backends.torch.module import set_mode as set_mode
from unidl.backends.torch.native import lowering_of as lowering_of
from unidl.backends.torch.ops import OPS as OPS
from unidl.backends.torch.optimizers import optimizer as optimizer
from unidl.backends.torch.program import build as build
from unidl.backends.torch.program import child as child
from unidl.backends.torch.program import lowered as lowered
from unidl.backends.torch.program import run as run
from unidl.backends.torch.program import set_trainable as set_trainable
from unidl.backends.torch.program import slots as slots
from unidl.backends.torch.source import SOURCE as SOURCE
from unidl.backends.torch.stream import next_random_state as next_random_state
from unidl.backends.torch.stream import set_random_state as set_random_state
from unidl.backends.torch.tensor import ERRORS as ERRORS
from unidl.backends.torch.tensor import accepts_tensors_of as accepts_tensors_of
from unidl.backends.torch.tensor import arrays_to_tensors as arrays_to_tensors
from unidl.backends.torch.tensor import at_hand as at_hand
from unidl.backends.torch.tensor import blank as blank
from unidl.backends.torch.tensor import ensure_shape as ensure_shape
from unidl.backends.torch.tensor import fill as fill
from unidl.backends.torch.tensor import finite as finite
from unidl.backends.torch.tensor import is_compiling as is_compiling
from unidl.backends.torch.tensor import to_numpy as to_numpy
from unidl.backends.torch.tensor import to_tensor as to_tensor
from unidl.backends.torch.training import compile_steps as compile_steps
from unidl.backends.torch.training import explained as explained
from unidl.backends.torch.training import repeat as repeat
from unidl.backends.torch.training import training_mode as training_mode

if TYPE_CHECKING:  # else imported when they are asked for, below
    from unidl.backends.torch.inspection import inspect_model as inspect_model
    from unidl.backends.torch.inspection import inspect_step as inspect_step
    from unidl.backends.torch.inspection import staged as staged
    from unidl.backends.torch.inspection import traces_in as traces_in
    from unidl.backends.torch.inspection import watch as watch

NAME = "torch"
TENSOR_TYPES = (torch.Tensor,)
SHARES_TENSORS = False
ENGINE: str | None = None


def __getattr__(name: str) -> Any:
    return registry.inspection(__name__, name)
