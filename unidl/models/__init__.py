"""Models: Sequential, functional, subclassed; building them, and what a built one can do."""

from unidl.models import model as _model
from unidl.models.extract import outputs_at as _outputs_at
from unidl.models.functional import Functional as Functional
from unidl.models.functional import functional as _functional
from unidl.models.input import Input as Input
from unidl.models.model import Model as Model
from unidl.models.saving import load as load
from unidl.models.saving import save as _save
from unidl.models.sequential import Sequential as Sequential

_model.FUNCTIONAL = _functional
_model.EXTRACT = _outputs_at
_model.SAVE = _save
