"""The neutral operations. Each works on tensors of any framework, on NumPy arrays, and on symbolic tensors while a model is built.

One file a family. In the examples `np` is NumPy and `ops` this package; whichever backend is in force computes them.
"""

from unidl import habits as _habits
from unidl.ops import random as random
from unidl.ops.activation import elu as elu
from unidl.ops.activation import gelu as gelu
from unidl.ops.activation import gelu_tanh as gelu_tanh
from unidl.ops.activation import get_activation as get_activation
from unidl.ops.activation import hard_sigmoid as hard_sigmoid
from unidl.ops.activation import hard_silu as hard_silu
from unidl.ops.activation import identity as identity
from unidl.ops.activation import leaky_relu as leaky_relu
from unidl.ops.activation import log_sigmoid as log_sigmoid
from unidl.ops.activation import log_softmax as log_softmax
from unidl.ops.activation import logsumexp as logsumexp
from unidl.ops.activation import mish as mish
from unidl.ops.activation import relu as relu
from unidl.ops.activation import relu6 as relu6
from unidl.ops.activation import selu as selu
from unidl.ops.activation import sigmoid as sigmoid
from unidl.ops.activation import silu as silu
from unidl.ops.activation import softmax as softmax
from unidl.ops.activation import softplus as softplus
from unidl.ops.activation import softsign as softsign
from unidl.ops.arithmetic import abs as abs
from unidl.ops.arithmetic import add as add
from unidl.ops.arithmetic import cast as cast
from unidl.ops.arithmetic import ceil as ceil
from unidl.ops.arithmetic import clip as clip
from unidl.ops.arithmetic import cos as cos
from unidl.ops.arithmetic import divide as divide
from unidl.ops.arithmetic import dtype as dtype
from unidl.ops.arithmetic import erf as erf
from unidl.ops.arithmetic import exp as exp
from unidl.ops.arithmetic import expm1 as expm1
from unidl.ops.arithmetic import floor as floor
from unidl.ops.arithmetic import floor_divide as floor_divide
from unidl.ops.arithmetic import log as log
from unidl.ops.arithmetic import log1p as log1p
from unidl.ops.arithmetic import maximum as maximum
from unidl.ops.arithmetic import minimum as minimum
from unidl.ops.arithmetic import mod as mod
from unidl.ops.arithmetic import multiply as multiply
from unidl.ops.arithmetic import negative as negative
from unidl.ops.arithmetic import power as power
from unidl.ops.arithmetic import reciprocal as reciprocal
from unidl.ops.arithmetic import round as round
from unidl.ops.arithmetic import rsqrt as rsqrt
from unidl.ops.arithmetic import sign as sign
from unidl.ops.arithmetic import sin as sin
from unidl.ops.arithmetic import sqrt as sqrt
from unidl.ops.arithmetic import square as square
from unidl.ops.arithmetic import subtract as subtract
from unidl.ops.arithmetic import tan as tan
from unidl.ops.arithmetic import tanh as tanh
from unidl.ops.bitwise import bitwise_and as bitwise_and
from unidl.ops.bitwise import bitwise_or as bitwise_or
from unidl.ops.bitwise import bitwise_xor as bitwise_xor
from unidl.ops.bitwise import left_shift as left_shift
from unidl.ops.bitwise import right_shift as right_shift
from unidl.ops.comparison import equal as equal
from unidl.ops.comparison import greater as greater
from unidl.ops.comparison import greater_equal as greater_equal
from unidl.ops.comparison import isfinite as isfinite
from unidl.ops.comparison import isinf as isinf
from unidl.ops.comparison import isnan as isnan
from unidl.ops.comparison import less as less
from unidl.ops.comparison import less_equal as less_equal
from unidl.ops.comparison import logical_and as logical_and
from unidl.ops.comparison import logical_not as logical_not
from unidl.ops.comparison import logical_or as logical_or
from unidl.ops.comparison import logical_xor as logical_xor
from unidl.ops.comparison import not_equal as not_equal
from unidl.ops.comparison import where as where
from unidl.ops.control import apply_custom_gradient as apply_custom_gradient
from unidl.ops.control import cond as cond
from unidl.ops.control import custom_gradient as custom_gradient
from unidl.ops.control import scan as scan
from unidl.ops.control import stop_gradient as stop_gradient
from unidl.ops.control import while_loop as while_loop
from unidl.ops.convolution import conv as conv
from unidl.ops.convolution import conv_transpose as conv_transpose
from unidl.ops.creation import arange as arange
from unidl.ops.creation import eye as eye
from unidl.ops.creation import full as full
from unidl.ops.creation import full_like as full_like
from unidl.ops.creation import linspace as linspace
from unidl.ops.creation import ones as ones
from unidl.ops.creation import ones_like as ones_like
from unidl.ops.creation import tensor as tensor
from unidl.ops.creation import zeros as zeros
from unidl.ops.creation import zeros_like as zeros_like
from unidl.ops.indexing import dynamic_slice as dynamic_slice
from unidl.ops.indexing import getitem as getitem
from unidl.ops.indexing import one_hot as one_hot
from unidl.ops.indexing import take as take
from unidl.ops.indexing import take_along_axis as take_along_axis
from unidl.ops.joining import concatenate as concatenate
from unidl.ops.joining import split as split
from unidl.ops.joining import stack as stack
from unidl.ops.joining import unstack as unstack
from unidl.ops.linear_algebra import dot as dot
from unidl.ops.linear_algebra import einsum as einsum
from unidl.ops.linear_algebra import matmul as matmul
from unidl.ops.linear_algebra import outer as outer
from unidl.ops.linear_algebra import tensordot as tensordot
from unidl.ops.loss import mean_squared_error as mean_squared_error
from unidl.ops.loss import negative_log_likelihood as negative_log_likelihood
from unidl.ops.loss import sigmoid_cross_entropy as sigmoid_cross_entropy
from unidl.ops.loss import softmax_cross_entropy as softmax_cross_entropy
from unidl.ops.manipulation import broadcast_to as broadcast_to
from unidl.ops.manipulation import expand_dims as expand_dims
from unidl.ops.manipulation import flip as flip
from unidl.ops.manipulation import moveaxis as moveaxis
from unidl.ops.manipulation import pad_constant as pad_constant
from unidl.ops.manipulation import repeat as repeat
from unidl.ops.manipulation import reshape as reshape
from unidl.ops.manipulation import roll as roll
from unidl.ops.manipulation import shape as shape
from unidl.ops.manipulation import size as size
from unidl.ops.manipulation import squeeze as squeeze
from unidl.ops.manipulation import swapaxes as swapaxes
from unidl.ops.manipulation import tile as tile
from unidl.ops.manipulation import transpose as transpose
from unidl.ops.op import as_operators as _as_operators
from unidl.ops.padding import pad as pad
from unidl.ops.philox import philox as philox
from unidl.ops.pooling import average_pool as average_pool
from unidl.ops.pooling import max_pool as max_pool
from unidl.ops.reduction import all as all
from unidl.ops.reduction import any as any
from unidl.ops.reduction import argmax as argmax
from unidl.ops.reduction import argmin as argmin
from unidl.ops.reduction import count_nonzero as count_nonzero
from unidl.ops.reduction import cumprod as cumprod
from unidl.ops.reduction import cumsum as cumsum
from unidl.ops.reduction import max as max
from unidl.ops.reduction import mean as mean
from unidl.ops.reduction import min as min
from unidl.ops.reduction import norm as norm
from unidl.ops.reduction import prod as prod
from unidl.ops.reduction import std as std
from unidl.ops.reduction import sum as sum
from unidl.ops.reduction import var as var
from unidl.ops.sorting import argsort as argsort
from unidl.ops.sorting import sort as sort
from unidl.ops.sorting import top_k as top_k

_as_operators(
    {
        "add": add,
        "subtract": subtract,
        "multiply": multiply,
        "divide": divide,
        "floor_divide": floor_divide,
        "mod": mod,
        "power": power,
        "matmul": matmul,
        "equal": equal,
        "not_equal": not_equal,
        "less": less,
        "less_equal": less_equal,
        "greater": greater,
        "greater_equal": greater_equal,
        "negative": negative,
        "getitem": getitem,
    }
)


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.OPS, globals(), _habits.FAMILIES)
