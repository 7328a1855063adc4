"""Initial weights, drawn by NumPy from (seed, path), so that every backend starts from the same bits."""

from unidl import habits as _habits
from unidl.initializers.constant import Constant as Constant
from unidl.initializers.constant import Ones as Ones
from unidl.initializers.constant import Zeros as Zeros
from unidl.initializers.initializer import Initializer as Initializer
from unidl.initializers.initializer import draw as draw
from unidl.initializers.initializer import get as get
from unidl.initializers.orthogonal import Orthogonal as Orthogonal
from unidl.initializers.random import Normal as Normal
from unidl.initializers.random import TruncatedNormal as TruncatedNormal
from unidl.initializers.random import Uniform as Uniform
from unidl.initializers.variance_scaling import GlorotNormal as GlorotNormal
from unidl.initializers.variance_scaling import GlorotUniform as GlorotUniform
from unidl.initializers.variance_scaling import HeNormal as HeNormal
from unidl.initializers.variance_scaling import HeUniform as HeUniform
from unidl.initializers.variance_scaling import LecunNormal as LecunNormal
from unidl.initializers.variance_scaling import LecunUniform as LecunUniform
from unidl.initializers.variance_scaling import VarianceScaling as VarianceScaling


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.INITIALIZER_NAMES, globals(), _habits.FAMILIES)
