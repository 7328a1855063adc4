"""Losses: `loss(targets, predictions)`, each a definition in unidl.ops."""

from unidl import habits as _habits
from unidl.losses.binary_cross_entropy import BinaryCrossEntropy as BinaryCrossEntropy
from unidl.losses.cross_entropy import CrossEntropy as CrossEntropy
from unidl.losses.difference import MAE as MAE
from unidl.losses.difference import MAPE as MAPE
from unidl.losses.difference import MSLE as MSLE
from unidl.losses.difference import Huber as Huber
from unidl.losses.difference import LogCosh as LogCosh
from unidl.losses.difference import Poisson as Poisson
from unidl.losses.direction import CosineSimilarity as CosineSimilarity
from unidl.losses.divergence import KLDivergence as KLDivergence
from unidl.losses.focal import BinaryFocalCrossEntropy as BinaryFocalCrossEntropy
from unidl.losses.focal import FocalCrossEntropy as FocalCrossEntropy
from unidl.losses.hinge import CategoricalHinge as CategoricalHinge
from unidl.losses.hinge import Hinge as Hinge
from unidl.losses.hinge import SquaredHinge as SquaredHinge
from unidl.losses.loss import Loss as Loss
from unidl.losses.loss import get as get
from unidl.losses.mean_squared_error import MSE as MSE
from unidl.losses.overlap import Dice as Dice
from unidl.losses.overlap import Tversky as Tversky


def __getattr__(name: str) -> object:
    raise _habits.missing(__name__, name, _habits.LOSSES, globals(), _habits.FAMILIES)
