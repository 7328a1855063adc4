"""What people type from habit, and unidl's way. One table: it feeds the errors and the dictionary, docs/dictionary.md.

A row maps a foreign word to what to write here. Words that unidl understands as they are stand in tables of their own
(UNDERSTOOD); every other row ends in an error that names the way.
"""

from unidl import distribution as _distribution
from unidl.habits.argument import ARGUMENTS as ARGUMENTS
from unidl.habits.argument import ARGUMENTS_OF as ARGUMENTS_OF
from unidl.habits.argument import argument as argument
from unidl.habits.data import DATA as DATA
from unidl.habits.data import data_source as data_source
from unidl.habits.file import ENDINGS as ENDINGS
from unidl.habits.file import FOREIGN_FILES as FOREIGN_FILES
from unidl.habits.later import GENERIC as GENERIC
from unidl.habits.later import LATER as LATER
from unidl.habits.layer import LAYERS as LAYERS
from unidl.habits.method import METHODS as METHODS
from unidl.habits.model import MODEL as MODEL
from unidl.habits.operation import ACTIVATIONS as ACTIVATIONS
from unidl.habits.operation import OPS as OPS
from unidl.habits.operation import TENSOR as TENSOR
from unidl.habits.place import BACKENDS as BACKENDS
from unidl.habits.place import DEVICES as DEVICES
from unidl.habits.place import TOP as TOP
from unidl.habits.record import FORMATS as FORMATS
from unidl.habits.record import HISTORY as HISTORY
from unidl.habits.record import SOURCES as SOURCES
from unidl.habits.training import CALLBACKS as CALLBACKS
from unidl.habits.training import INITIALIZER_NAMES as INITIALIZER_NAMES
from unidl.habits.training import INITIALIZERS as INITIALIZERS
from unidl.habits.training import LOSS_ALIASES as LOSS_ALIASES
from unidl.habits.training import LOSSES as LOSSES
from unidl.habits.training import METRICS as METRICS
from unidl.habits.training import OPTIMIZERS as OPTIMIZERS
from unidl.habits.training import SCHEDULES as SCHEDULES
from unidl.habits.word import argument_sentence as argument_sentence
from unidl.habits.word import bare as bare
from unidl.habits.word import is_foreign as is_foreign
from unidl.habits.word import later as later
from unidl.habits.word import missing as missing
from unidl.habits.word import no_such as no_such
from unidl.habits.word import sentence as sentence
from unidl.habits.word import suggestion as suggestion

# by the package that has the names
FAMILIES = {
    "layers": LAYERS, "ops": OPS, "losses": LOSSES, "metrics": METRICS, "optimizers": OPTIMIZERS, "schedules": SCHEDULES,
    "callbacks": CALLBACKS, "initializers": INITIALIZER_NAMES,
}  # fmt: skip

# whatever of unidl is imported first comes by here: where another project's package of this name lies over it, it is said
_distribution.check()
