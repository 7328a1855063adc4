"""What this framework made of a program, to be seen."""

from unidl.backends.keras.inspection.model import inspect_model as inspect_model
from unidl.backends.keras.inspection.step import inspect_step as inspect_step
from unidl.backends.keras.inspection.timing import staged as staged
from unidl.backends.keras.inspection.watching import traces_in as traces_in
from unidl.backends.keras.inspection.watching import watch as watch
