"""What this framework made of a program, to be seen."""

from unidl.backends.torch.inspection.model import inspect_model as inspect_model
from unidl.backends.torch.inspection.step import inspect_step as inspect_step
from unidl.backends.torch.inspection.timing import staged as staged
from unidl.backends.torch.inspection.watching import traces_in as traces_in
from unidl.backends.torch.inspection.watching import watch as watch
