"""Model: a layer that can be built, called, looked into and trained."""

from __future__ import annotations

import copy as copying
import inspect
import os
from collections.abc import Mapping
from contextvars import ContextVar
from fnmatch import fnmatchcase
from threading import get_ident
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unidl import arguments
from unidl.arguments import flag, instance, number, positive, shown, text
from unidl.backends import registry
from unidl.backends.contract import Slot
from unidl.capture import Captured, told_arguments
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, DataError, NotBuiltError
from unidl.graph.node import leaves, map_nest
from unidl.models import change
from unidl.models.build import Built, Part, build, build_once, refuse_built, weight_path
from unidl.models.calling import begin, changing, end, raise_meant, reading
from unidl.models.door import admit
from unidl.models.input import PLAIN, check_described
from unidl.models.paths import LayerMapping, matching
from unidl.models.pickling import with_weights
from unidl.models.summary import LoweringRow, lowering_rows, table
from unidl.ops.op import running
from unidl.settings import Choice
from unidl.table import Table
from unidl.terminal import show
from unidl.within import within

_in_step: ContextVar[bool] = ContextVar("unidl_in_training_step", default=False)


def training_step(inside: bool = True) -> within[bool]:
    """Inside, a call of a model is part of training unless it says otherwise; with False it is not, whatever stands around it."""
    return within(_in_step, inside)


def in_training_step() -> bool:
    """Whether a training step is being taken."""
    return _in_step.get()


class _ModelType(Captured):
    """`Model(inputs, outputs)` makes a functional model; a subclass makes itself."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """A functional model's, of Model itself."""
        if cls is Model:
            return inspect.signature(FUNCTIONAL)
        return super().__signature__

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model:
            return FUNCTIONAL(*args, **kwargs)
        return super().__call__(*args, **kwargs)


def _not_ready(*_: Any, **__: Any) -> Any:
    raise RuntimeError("unidl.models is not imported")


# Filled by unidl.models: the functional model is a subclass of Model and would else be imported in a circle.
FUNCTIONAL: Any = _not_ready
EXTRACT: Any = _not_ready
SAVE: Any = _not_ready


class Model(Layer, metaclass=_ModelType):
    """A model: `Model(inputs, outputs)` for a graph, or a subclass with `forward`.

    A model is a description until it is built for a backend, by `build`, by a Trainer, or by its first call. Then `native` is the
    framework's own object and holds the only copy of the weights.

    Args:
        inputs: A symbolic tensor from `unidl.Input`, or a list or dict of them.
        outputs: What was computed from them, or a list or dict of it.

    Example:
        >>> import numpy, unidl
        >>> class Net(unidl.Model):
        ...     def __init__(self):
        ...         self.hidden = unidl.layers.Dense(64)
        ...         self.out = unidl.layers.Dense(10)
        ...     def forward(self, x):
        ...         return self.out(unidl.ops.relu(self.hidden(x)))
        >>> m = Net()
        >>> unidl.to_numpy(m(numpy.zeros((2, 784)))).shape
        (2, 10)
        >>> list(m.weights())
        ['hidden/kernel', 'hidden/bias', 'out/kernel', 'out/bias']
    """

    if (
        TYPE_CHECKING
    ):  # the metaclass makes a functional model of these; a subclass has a constructor of its own, or none

        def __init__(self, inputs: Any = None, outputs: Any = None, *, name: str | None = None) -> None: ...

    # -- building --------------------------------------------------------------------------------------------------------

    def inputs(self) -> tuple[Any, ...]:
        """The descriptions of inputs that the model itself knows."""
        return ()

    @told_arguments
    def build(
        self,
        *inputs: Any,
        backend: str | None = None,
        device: str | None = None,
        precision: str = "float32",
        seed: int = 0,
        random: str = "native",
    ) -> Self:
        """Make the native object.

        Args:
            *inputs: One for each argument of forward: a shape without its batch axis, an `Input`, an example, or nests of these.
            backend: Its name; None is the one in force.
            device: "cpu", "gpu", "gpu:1" or "auto"; None is UNIDL_DEVICE, else "auto".
            precision: The floating dtype of weights and computation.
            seed: Initial weights are drawn from (seed, weight path).
            random: "native": random ops draw from the framework's generator. "portable": from one generator that has the same bits
                on every backend, a function of (seed, step, path of the layer, call in this step).

        Raises:
            ShapeError: A layer does not take what reaches it.
            BackendUnavailableError: The backend is missing, misspelt or broken.
            ArgumentError: It is built already.
            NotPortableError: random="portable", and random numbers are drawn in a loop or branch.
        """
        refuse_built(self)
        described = inputs or self.inputs()
        if not described or isinstance(described[0], PLAIN):
            raise ArgumentError(
                f"{self.name!r} cannot be built without knowing its inputs.",
                expected="a shape without its batch axis, an unidl.Input, or an example",
                received=", ".join(map(shown, described)) or "nothing",
                fix="model.build((28, 28, 1)), model.build((8,)) for one axis, or call the model on data.",
            )
        for description in described:
            check_described(description)
        seed = arguments.seed("Model.build", "seed", seed)
        build(self, described, {}, backend=backend, device=device, precision=precision, seed=seed, random=random)
        return self

    @property
    def is_built(self) -> bool:
        """Whether the model has a native object."""
        return self._unidl.is_built

    def _need_built(self) -> Built:
        part: Part | None = self._unidl.built
        if part is None:
            raise NotBuiltError(
                f"{self.name!r} is not built yet.",
                fix="model.build((28, 28, 1)) with your input's shape, or call it on data.",
            )
        if part.built.plan is part.plan:
            return part.built
        return part.as_root()

    @property
    def native(self) -> Any:
        """The framework's own object: an nn.Module, a keras.Model, a tf.Module."""
        return self._need_built().native

    @property
    def backend(self) -> str:
        """The name of the backend for which it is built."""
        return self._need_built().backend.NAME

    @property
    def device(self) -> Any:
        """The framework's device on which it was built."""
        return self._need_built().device

    @property
    def precision(self) -> str:
        """The floating dtype of weights and computation."""
        return self._need_built().precision

    # -- computing -------------------------------------------------------------------------------------------------------

    def _call_unbound(self, *args: Any, training: Any = None, **kwargs: Any) -> Any:
        """Arrays or native tensors in, native tensors out; inference unless in a training step or `training=True`."""
        if training is not None and type(training) is not bool:
            training = flag(self, "training", training)
        if self._unidl.built is None:
            self._build_by_call(args, kwargs)
        built = self._need_built()
        args, kwargs = admit(built, args, kwargs)
        in_step = _in_step.get()
        if training is None:
            training = in_step
        if in_step and built.plan.access.owner == get_ident():  # the step has it alone already, in its mode
            with running(built.backend):
                return built.backend.run(built.native, args, kwargs, training)
        begun = begin(built, training, "A call")
        try:
            return built.backend.run(built.native, args, kwargs, training)
        except built.backend.ERRORS as error:
            raise_meant(built.backend, error)
        finally:
            end(begun)

    def _build_by_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build the model for the inputs of its first call."""
        known = () if kwargs else self.inputs()  # declared inputs stay as free as they are, whatever comes first
        build_once(
            self,
            lambda: build(
                self, known or args, kwargs, backend=_backend_of(args), device=None, precision="float32", seed=0,
                random="native",
            ),
        )  # fmt: skip

    @told_arguments
    def predict(self, *inputs: Any, batch_size: int = 256) -> Any:
        """Outputs for arrays of any length, batch by batch, as arrays.

        Args:
            *inputs: Arrays, or nests of them, with examples along the first axis.
            batch_size: Examples at a time.

        Raises:
            DataError: There is no example, or the arrays have different lengths.
        """
        positive("Model.predict", "batch_size", batch_size)
        count = _examples(self, inputs)
        if self._unidl.built is None:
            self(*map_nest(lambda a: a[:1] if hasattr(a, "shape") else a, inputs))  # builds it
        built = self._need_built()
        begun = begin(built, False, "predict")
        try:
            with built.backend.training_mode(built.native, False):
                return _predicted(built, inputs, count, batch_size)
        except built.backend.ERRORS as error:
            raise_meant(built.backend, error)
        finally:
            end(begun)

    # -- looking in ------------------------------------------------------------------------------------------------------

    @property
    def layers(self) -> LayerMapping:
        """All layers below, by structural path."""
        return LayerMapping(self)

    def lowering(self) -> list[LoweringRow]:
        """How each layer runs (the framework's own layer, or the definition and why), as data."""
        return lowering_rows(self._need_built())

    @told_arguments
    def summary(self) -> None:
        """Print the table of layers with shapes, parameters and how each runs."""
        self._need_built()
        show(table(self).text())

    def __rich__(self) -> Table:
        """For rich's print: the table of layers; what they were described with where the model is not built."""
        return table(self)

    def _repr_html_(self) -> str:
        """The same, for a notebook."""
        return table(self)._repr_html_()

    @told_arguments
    def outputs_at(self, pattern: str) -> Model:
        """A model with the same inputs and layers that gives what inner layers put out, as {path: output}.

        Args:
            pattern: A path, or a pattern over paths (`*` goes across `/`).

        Example:
            >>> import numpy, unidl
            >>> m = unidl.Sequential([unidl.layers.Dense(4), unidl.layers.Dense(2)]).build((3,))
            >>> unidl.to_numpy(m.outputs_at("dense")(numpy.ones((1, 3)))["dense"]).shape
            (1, 4)
        """
        text("Model.outputs_at", "pattern", pattern)
        built = self._need_built()
        known = [plan.path for plan in built.plan.walk() if plan.path and plan.reached]
        paths = [path for path in matching(known, pattern) if fnmatchcase(path, pattern)]
        inner: Model = EXTRACT(built.plan, paths)
        return inner.build(
            backend=built.backend.NAME, device=built.device_name, precision=built.precision,
            seed=built.seed, random=built.random,
        )  # fmt: skip

    @told_arguments
    def replace(self, path: str, layer: Layer) -> None:
        """Put another layer in a place; the rest keeps its weights. A built model gets a new native object.

        Args:
            path: The place, as in `model.layers`.
            layer: The new layer; its weights are drawn from the model's seed.

        Raises:
            LayerPathError: There is no such place.
            ShapeError: The new layer does not fit there; the model is as it was.
        """
        text("Model.replace", "path", path)
        change.replace(self, path, instance("Model.replace", "layer", layer, Layer, "a layer"))

    def weight_slots(self) -> dict[str, Slot]:
        """Path -> where that weight lives in the native object."""
        return self._need_built().slots()

    def trainable_slots(self) -> dict[str, Slot]:
        """The slots of weights by which a gradient is taken: trainable ones of layers that are not frozen."""
        built = self._need_built()
        slots = built.slots()
        return {
            path: slots[path]
            for plan in built.plan.walk()
            if not plan.layer._unidl.frozen
            for name, weight in plan.weights.items()
            if weight.trainable and (path := weight_path(plan, name)) in slots
        }

    def weights(self) -> dict[str, np.ndarray]:
        """Path -> value of every weight and state now, as arrays in canonical layout (Keras' kernels)."""
        built = self._need_built()
        with reading(built, "weights()"):
            return {path: built.backend.to_numpy(slot.read()) for path, slot in built.slots().items()}

    @told_arguments
    def set_weights(self, weights: Mapping[str, Any], partial: bool = False) -> None:
        """Set every weight and state by path. Nothing is written if anything does not fit.

        Args:
            weights: {path: array} in canonical layout, as `weights` returns them.
            partial: Whether some may be left out, which stay as they are.

        Raises:
            WeightError: A path is unknown or missing, or an array has another shape.
        """
        flag("Model.set_weights", "partial", partial)
        built = self._need_built()
        arrays = change.checked_weights(self.name, built, weights, partial)
        with changing(built, "set_weights"):
            slots = built.slots()
            for path, array in arrays.items():
                slots[path].write(array)

    # -- changing --------------------------------------------------------------------------------------------------------

    @told_arguments
    def freeze(self, pattern: str = "*") -> list[str]:
        """Let layers rest: no gradient by their weights, and in training they run as in inference.

        Args:
            pattern: A path, or a pattern over paths (`*` goes across `/`); all below is frozen too.

        Returns:
            The paths that are frozen now by this call.
        """
        return self._set_trainable(pattern, False)

    @told_arguments
    def unfreeze(self, pattern: str = "*") -> list[str]:
        """Undo `freeze`."""
        return self._set_trainable(pattern, True)

    def _set_trainable(self, pattern: str, trainable: bool) -> list[str]:
        text("Model.unfreeze" if trainable else "Model.freeze", "pattern", pattern)
        built = self._need_built()
        plans = {plan.path: plan for plan in built.plan.walk() if plan.reached}
        hits = matching([path for path in plans if path], pattern)
        with changing(built, "freeze" if not trainable else "unfreeze"):
            natives = built.natives()
            for path in [*hits, ""] if pattern == "*" else hits:
                plans[path].layer._unidl.frozen = not trainable
                built.backend.set_trainable(plans[path], natives[id(plans[path])], trainable)
        return hits

    @told_arguments
    def copy(self, backend: str | None = None, device: str | None = None) -> Self:
        """A new model with the same description and weights, on the same backend or another.

        Args:
            backend: Its name; None is the one this model has.
            device: None is this model's kind of device, or "auto" on another backend.
        """
        if backend is not None:
            registry.check(Choice(backend, "the argument backend="))
        copied: Self = change.copy(self, backend, device)
        return copied

    @told_arguments
    def copy_from(self, other: Model, decay: float = 0.0) -> None:
        """Take another model's weights, without leaving the device: w = decay * w + (1 - decay) * other's w.

        Args:
            other: A model of the same backend with the same weight paths.
            decay: 0 copies; 0.99 keeps a moving average. States that are no floating numbers are copied.
        """
        instance("Model.copy_from", "other", other, Model, "a model built for the same backend")
        change.copy_weights(other, self, number("Model.copy_from", "decay", decay, least=0, most=1))

    @told_arguments
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the description and the weights to a file; `unidl.load` reads it, for any backend.

        The file is a zip of JSON and safetensors. It holds no code: reading it executes nothing. A pickle of a model has its
        weights too, and, as every pickle, executes what it says: load only your own.

        Args:
            path: The file, "m.unidl". It is written aside and renamed: what was there stays until the new one is whole.

        Raises:
            NotSerializableError: Something cannot be written so: a function, a class that is not registered with
                `@unidl.register`, an attribute that the constructor's arguments do not rebuild.
        """
        SAVE(self, path)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return with_weights(self, super().__reduce_ex__(protocol))

    def __copy__(self) -> Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        if self.is_built and "_binding" not in self.__dict__ and not change.describing():
            copied: Self = self.copy()  # with its weights, as people expect of copy.deepcopy(model)
            memo[id(self)] = copied
            return copied
        new = object.__new__(type(self))
        memo[id(self)] = new
        for key, value in self.__dict__.items():
            new.__dict__[key] = copying.deepcopy(value, memo)
        return new


def _backend_of(args: Any) -> str | None:
    """The backend that owns a tensor among the inputs, so that a first call builds for it; None leaves the choice."""
    for leaf in leaves(args):
        if not isinstance(leaf, (np.ndarray, bool, int, float, str)) and leaf is not None:
            owner = registry.owner_of(leaf)
            if owner is not None:
                chosen = registry.load()
                return None if chosen.accepts_tensors_of(registry.load(owner)) else owner
    return None


def _examples(model: Model, inputs: tuple[Any, ...]) -> int:
    """How many examples there are in what predict was given."""
    if len(inputs) == 1 and type(inputs[0]) is np.ndarray and inputs[0].size:
        return len(inputs[0])
    arrays = [leaf for leaf in leaves(inputs) if hasattr(leaf, "shape")]
    lengths = {array.shape[0] if len(array.shape) else 0 for array in arrays}
    count = lengths.pop() if len(lengths) == 1 else 0
    if not count:
        raise DataError(
            f"predict of {model.name!r} needs arrays with the same number of examples, at least one.",
            expected="one length along the first axis, at least 1",
            received=", ".join(str(tuple(a.shape)) for a in arrays) or "no array",
        )
    return count


def _predicted(built: Built, inputs: tuple[Any, ...], count: int, batch_size: int) -> Any:
    """What predict returns; the model is in inference."""
    backend, native = built.backend, built.native
    if count <= batch_size:
        args, kwargs = admit(built, inputs, {}, share=True)
        outputs = backend.run(native, args, kwargs, False)
        if not isinstance(outputs, (tuple, list, dict)) and outputs is not None:  # most are one tensor
            return backend.to_numpy(outputs).copy()  # for it may lie in the weights' memory
        return map_nest(lambda t: t if t is None else backend.to_numpy(t).copy(), outputs)
    parts = []
    for start in range(0, count, batch_size):
        stop = start + batch_size
        batch = map_nest(lambda a, of=slice(start, stop): a[of] if hasattr(a, "shape") else a, inputs)
        args, kwargs = admit(built, batch, {}, share=True)
        outputs = backend.run(native, args, kwargs, False)
        parts.append(map_nest(lambda t: t if t is None else backend.to_numpy(t), outputs))
    return _concatenate(parts)


def _concatenate(parts: list[Any]) -> Any:
    first = parts[0]
    if isinstance(first, dict):
        return {key: _concatenate([p[key] for p in parts]) for key in first}
    if isinstance(first, (list, tuple)):
        return type(first)([_concatenate([p[i] for p in parts]) for i in range(len(first))])
    if isinstance(first, np.ndarray):
        return np.concatenate(parts) if first.shape else first.copy()
    return first
