"""What this framework made of a program, to be seen."""

from unidl.backends.tensorflow.inspection.model import inspect_model as inspect_model
from unidl.backends.tensorflow.inspection.step import inspect_step as inspect_step
from unidl.backends.tensorflow.inspection.timing import staged as staged
from unidl.backends.tensorflow.inspection.watching import traces_in as traces_in
from unidl.backends.tensorflow.inspection.watching import watch as watch
