"""What a backend must supply. A backend's package is a module that has these names; nothing else about it is known outside.

`OPS` needs every op that is not composed (see `unidl.ops.op`). Layers need nothing: each has a definition in ops. A backend
*lowers* a layer, an optimizer, to the framework's own where that is better, and the conformance tests prove it equal.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from unidl.backends.foreign import Foreign, Stored
from unidl.backends.lowering import Way

if TYPE_CHECKING:
    from unidl.codegen.language import Language
    from unidl.description.plan import LayerPlan
    from unidl.errors import UnidlError
    from unidl.graph.spec import Shape
    from unidl.inspection.picture import Picture
    from unidl.inspection.program import Program
    from unidl.inspection.watched import Watched
    from unidl.lazy_array import LazyArray
    from unidl.settings import Choice

Tensor = Any
Native = Any
Purpose = Literal["building", "training", "evaluation", "gradient"]


class Held(Protocol):
    """A tensor of a native object or of an optimizer, in canonical layout."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its canonical shape now."""

    @property
    def is_computed(self) -> bool:
        """Whether reading a part of it computes all of it, as behind a parametrization."""

    def read(self, index: Any = ...) -> Tensor:
        """The value now, in canonical layout, as a tensor of its own on the device: later steps do not change it.

        Args:
            index: Of the part that is wanted: integers and slices, one for each axis.
        """

    def fill(self, array: LazyArray) -> None:
        """Overwrite the value with an array in canonical layout, with no second copy of it in memory."""


class Slot(Held, Protocol):
    """One weight of a description inside the native object, which holds the only copy.

    The native layout may differ (a transposed kernel, a part of a packed matrix): `view` is the linear map from the native
    tensor to the canonical one, so it serves values and gradients alike.
    """

    @property
    def native(self) -> Any:
        """The framework's parameter, variable or buffer; several slots may share one."""

    def view(self, tensor: Tensor) -> Tensor:
        """The canonical tensor in a tensor of the native layout (a weight's value, or its gradient)."""

    def value(self) -> Tensor:
        """The weight in canonical layout, as a forward reads it: gradients go through it to the native tensor."""

    def write(self, value: Any) -> None:
        """Overwrite the value with an array or tensor in canonical layout."""

    def held(self, tensor: Any) -> Held:
        """Another tensor or variable of the weight's native layout (an optimizer's state), in canonical layout."""


# One step: `step(batch, metric states, learning rates by optimizer) -> (metric states, numbers)`.
Step = Callable[[Any, Any, dict[str, Any]], tuple[Any, dict[str, Tensor]]]
# Many: `steps(data, order, first, count, batch_size, metric states, rates) -> (metric states, numbers)`. Step i takes the examples
# order[i * batch_size : (i + 1) * batch_size] of the data, for i from `first` on; `rates` has an array (count,) for each
# optimizer, and each number comes back as one tensor (count,).
Steps = Callable[..., tuple[Any, dict[str, Tensor]]]
Store = dict[Hashable, Any]
LONGEST = 1024  # steps in one call of a program that a compiler made for lengths that it must know


class Stepper(Protocol):
    """An optimizer at work on some weights."""

    @property
    def slots(self) -> Mapping[str, Slot]:
        """Weight path -> the weight that it moves."""

    @property
    def wanted(self) -> list[Any]:
        """The parameters or variables by which it wants a gradient."""

    def apply(self, gradients: Sequence[Tensor], learning_rate: Any) -> None:
        """One step; a gradient for each of `wanted`."""

    def held(self) -> Mapping[str, Mapping[str, Held]]:
        """Weight path -> name of a state -> where it is."""

    def read(self, lazily: bool = False) -> dict[str, Any]:
        """{"steps": how many it took, "weights": {weight path: {state name: array in canonical layout}}}.

        Args:
            lazily: Whether the arrays are lazy: read when they are asked for, and as they are then.
        """

    def write(self, state: Mapping[str, Any]) -> None:
        """Go on from what `read` gave, here or on another backend."""


class Generator(Protocol):
    """Random generators of a framework, with their owner."""

    def seed(self, seed: int) -> None:
        """Begin anew from a seed."""

    def read(self) -> dict[str, np.ndarray]:
        """Their state."""

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from that state."""

    def drawing(self) -> AbstractContextManager[object]:
        """Inside, random ops of this thread draw from it."""

    def turn(self) -> AbstractContextManager[object]:
        """Likewise for the steps of a run: where a framework draws from generators that all threads share, other runs wait."""


class Backend(Protocol):
    """The contract. The three packages in this folder fulfil it with modules of the same names."""

    # read only, as the names of a module are to those who import it
    @property
    def NAME(self) -> str:  # noqa: N802
        """The backend's name."""

    @property
    def OPS(self) -> Mapping[str, Callable[..., Any]]:  # noqa: N802
        """Op name -> implementation."""

    @property
    def TENSOR_TYPES(self) -> tuple[Any, ...]:  # noqa: N802
        """The classes of its tensors."""

    @property
    def SHARES_TENSORS(self) -> bool:  # noqa: N802
        """Whether other backends' tensors may be what its engine computes with (Keras)."""

    @property
    def ENGINE(self) -> str | None:  # noqa: N802
        """The framework that computes beneath, where there is a choice (Keras); None where there is none."""

    @property
    def WRITERS(self) -> Mapping[str, Callable[..., None]]:  # noqa: N802
        """Format name -> `write(plan, native, names, path, **options)`: the model in inference mode, with its inputs' names.

        The options are those that the registry names for the format.

        The native object, its mode and its weights stay as they are. Raises ExportError, which names the layer, where
        something cannot go. In export.py; the table `formats` of the registry has the same names.
        """

    # bridge.py
    @property
    def SEPARATOR(self) -> str:  # noqa: N802
        """What stands between the parts of a weight's name in this framework: "." or "/"."""

    @property
    def CHANNELS_FIRST(self) -> bool:  # noqa: N802
        """Whether models written in this framework have images channels first."""

    @property
    def READERS(self) -> Mapping[str, Callable[[Path], Mapping[str, Stored]]]:  # noqa: N802
        """How a file of weights ends -> its reader; the table `weights` of the registry has the same endings."""

    def foreign(self, plan: LayerPlan) -> Foreign:
        """How this framework's own class keeps a layer's weights."""

    @property
    def SOURCE(self) -> Language | None:  # noqa: N802
        """How models are written as source code of this framework (`unidl.source`); None where they are not. In source/."""

    # tensor.py
    def accepts_tensors_of(self, other: Backend) -> bool:
        """Whether that backend's tensors are what this one's engine computes with."""

    def is_compiling(self) -> bool:
        """Whether this framework's compiler is tracing right now, where a ContextVar cannot be read."""

    def arrays_to_tensors(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """NumPy arrays in an op's arguments as tensors; floating ones in the float dtype (and device) of the tensors beside."""

    def to_tensor(self, value: Any, dtype: str | None = None, device: Any = None, share: bool = False) -> Tensor:
        """An array, scalar or tensor of this framework as a tensor.

        Args:
            value: What is to become one.
            dtype: Its dtype; None is the value's own.
            device: Where it is to be; None is the framework's choice.
            share: Whether it may lie in an array's own memory; else an array is copied. Whoever shares must neither change the
                array while the tensor lives nor hand the tensor on.
        """

    def to_numpy(self, tensor: Tensor) -> np.ndarray:
        """A tensor, or a variable, as an array, off its device and graph."""

    def blank(self, shape: tuple[int, ...], dtype: str) -> Tensor:
        """Zeros, to be written over: with no memory of their own before, if this framework can."""

    def fill(self, tensor: Any, array: LazyArray) -> None:
        """Overwrite a tensor or variable of the array's shape, with no second copy of the array in memory."""

    @property
    def ERRORS(self) -> tuple[type[Exception], ...]:  # noqa: N802
        """What this framework raises on arguments and files that it cannot use, where these are no errors of Python's own."""

    def at_hand(self, tensor: Tensor) -> np.ndarray | None:
        """A tensor's values where they are computed already and in the process' own memory; None where to look would wait."""

    def ensure_shape(self, tensor: Tensor, shape: Shape) -> Tensor:
        """The tensor, whose lengths are these where they are not known before a graph runs; what `explained` makes of its error is a ShapeError."""

    def finite(self, tensors: Sequence[Any]) -> list[bool]:
        """Of each parameter, variable or tensor whether it holds neither NaN nor infinity; the device is waited for once."""

    # device.py
    def version(self) -> str:
        """The framework's version."""

    def devices(self) -> tuple[str, ...]:
        """The devices there are, such as "cpu" and "gpu:0"."""

    def device(self, wanted: Choice | str) -> Any:
        """The framework's own device for "cpu", "gpu", "gpu:1" or "auto". Raises DeviceError if it is not there.

        Args:
            wanted: The name with its origin (from `settings.chosen_device`); a plain name came as the argument `device=`.
        """

    # program.py
    def build(self, plan: LayerPlan, *, device: Any, natives: Mapping[int, Native]) -> Native:
        """The native object of a traced model, with every weight zero until it is written.

        Args:
            natives: id of a plan -> a native object that exists already, for layers shared with a built model.
        """

    def run(self, native: Native, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
        """Call the native object in that mode.

        A mode that is kept on the native object is left as it was; other threads must not call it meanwhile unless `set_mode` has put
        it into that mode already.
        """

    def set_mode(self, native: Native, training: bool) -> Any:
        """Put the native object into a mode, where it keeps one; what was changed, for `reset_mode`, or None.

        `unidl.models.calling` sees to it that no call in another mode runs meanwhile.
        """

    def reset_mode(self, changed: Any) -> None:
        """Put back what `set_mode` changed."""

    def child(self, native: Native, key: str) -> Native:
        """The native object under a key ("hidden", "blocks/0") of an adapter. Raises NativeStructureError."""

    def lowered(self, plan: LayerPlan, native: Native) -> Way:
        """How that layer runs, and why."""

    def slots(self, plan: LayerPlan, native: Native) -> Mapping[str, Slot]:
        """The layer's own weights (children's not), by their canonical names. Raises NativeStructureError."""

    def set_trainable(self, plan: LayerPlan, native: Native, trainable: bool) -> None:
        """Freeze or unfreeze one layer: its weights take no gradient, and its states stay as they are in training."""

    # ambient.py
    def ambient(self, what: str, device: Any, purpose: Purpose) -> AbstractContextManager[object]:
        """Inside, contexts and settings of the framework that stand around do not change what is computed.

        Args:
            what: What is attempted, for messages: "Trainer.fit".
            device: Where it computes.
            purpose: What for.

        Raises:
            ContextError: One of them would.
            ForkError: This is the child of a fork that the framework did not survive.
        """

    # gradient.py
    def value_and_grad(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wanted: list[Any],
        has_aux: bool = False,
    ) -> tuple[Any, list[Tensor]]:
        """`function(*args, **kwargs)`, a scalar, and its gradient by each wanted tensor, parameter or variable.

        What is returned takes no gradient itself, but inside another gradient. A gradient is zeros where the value does not depend on what is wanted. With `has_aux` the function returns a pair,
        the scalar and whatever else the caller wants to see; both are returned.
        """

    def jit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function compiled by the framework's compiler."""

    # training.py
    def repeat(self, step: Step, width: int | None = None) -> Steps:
        """`count` steps in a row, each on a batch taken from data that lies on the device: as a loop in the graph, or in Python.

        Args:
            step: One step.
            width: Examples in every batch, where a compiler must know; None: the last batch of an epoch may be shorter.
        """

    def compile_steps(self, step: Step, native: Native, data: Any, jit: bool, store: Store) -> Steps:
        """`repeat`, as this framework runs it best: a tf.function of many steps, or a loop in Python.

        Args:
            step: One step.
            native: The model's native object.
            data: TensorSpecs of the data, nested alike, with None for the axis of examples: one trace serves any number.
            jit: Whether the framework's compiler compiles it. What a compiler cannot serve with the same program (a last batch
                that is shorter) runs without it.
            store: Where traces are kept. It belongs to the Trainer, so that they go with it.

        Raises:
            NotPortableError: The framework has no compiler for it.
        """

    def explained(self, error: BaseException) -> UnidlError | None:
        """What this framework's error while steps ran means in unidl's terms; None where nothing is known of it."""

    def training_mode(self, native: Native, training: bool) -> AbstractContextManager[object]:
        """Inside, what this thread computes with the native object is in that mode; `set_mode` does what is kept on the object."""

    # generator.py
    def generator(self, device: Any) -> Generator:
        """A random generator of its own: nobody draws from it but who has it. To be seeded before anything is drawn."""

    def random_state(self, seed: int, device: Any) -> AbstractContextManager[Generator]:
        """Inside, random ops of this thread draw from a generator seeded so; the process' own generators stay as they were."""

    # stream.py, for models that were built with random="portable"
    def set_random_state(self, native: Native, seed: int, step: int) -> None:
        """The seed of the random numbers of one native object, and how many steps were taken; nothing for a framework's own layer."""

    def next_random_state(self, native: Native) -> Tensor:
        """Take the native object to its next step, on its device; (seed, step) there, for `unidl.ops.stream.step_of`."""

    # optimizers.py
    def optimizer(self, definition: Any, slots: Mapping[str, Slot]) -> Stepper:
        """The framework's own optimizer, or the definition, on those slots."""

    # inspection/
    def inspect_model(self, program: Program) -> Picture:
        """What this framework made of a built model, for its calls in inference mode.

        The graph "layers" is the framework's own objects, one node for each layer (`unidl.inspection.layers` joins them). Nodes of
        every graph say which layer they come from. The user's own native objects are looked at only; what is to be run is run
        on `program.trial()`.
        """

    def inspect_step(self, program: Program) -> Picture:
        """What this framework makes of one whole training step.

        Beside "layers" there is the graph "step", whose nodes have their lane (`unidl.inspection.graph.LANES`): gradients and
        the optimizer's work included.
        """

    def watch(self, watched: Watched) -> Picture:
        """What this framework does while something runs, also for a backend whose engine it is: one or more graphs, with facts."""

    def traces_in(self, watched: Watched) -> int:
        """How many programs this framework traces into graphs while it runs."""

    def staged(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of tensors as this framework runs a training step without being asked: traced into a graph, or as it is.

        What it returns, a nest of tensors, is computed when it returns.
        """
