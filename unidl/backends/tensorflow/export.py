"""A model as a SavedModel, and that in LiteRT's format, for inference."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError

from unidl.backends.tensorflow.module import Adapter, compute, scope_name
from unidl.backends.tensorflow.ops.random import State, drawing_from, new_state
from unidl.backends.tensorflow.tracing import Traced, for_elsewhere
from unidl.codegen.identifiers import plain
from unidl.description.plan import LayerPlan
from unidl.errors import ExportError
from unidl.graph.node import leaves, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor
from unidl.models.input_names import numbered
from unidl.models.output_names import output_names


class Served(tf.Module):
    """What is saved: the variables, and one function of the input tensors.

    Args:
        native: The model's module; its variables are shared.
    """

    def __init__(self, native: Adapter) -> None:
        super().__init__()
        self.weights = list(native.variables)
        self.random_state = new_state()


def write_savedmodel(plan: LayerPlan, native: Adapter, names: list[str], path: Path) -> None:
    """A folder: the signature "serving_default" takes the inputs by name and gives a dict; calling it takes them in order.

    A signature's inputs are identifiers of ASCII letters: "my input" is my_input there. Outputs have the model's names.

    Raises:
        ExportError: The model was built for inputs that are given by name, or an output is None.
    """
    _save(plan, native, names, path, None)


def _save(plan: LayerPlan, native: Adapter, names: list[str], path: Path, batch_size: int | None) -> None:
    call = plan.calls[0]
    inputs = list(symbols(call.args))
    if any(symbols(call.kwargs)):
        raise ExportError(
            f"{plan.title} cannot be served: it was built for inputs that are given by name ({', '.join(call.kwargs)}).",
            fix="Build it for inputs in order.",
        )
    outputs = output_names(plan)
    served = Served(native)

    def answer(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        values = {id(symbol): tensor for symbol, tensor in zip(inputs, tensors, strict=True)}
        nest = map_nest(lambda leaf: values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf, call.args)
        with drawing_from(State(served.random_state)):
            return dict(zip(outputs, leaves(compute(native, nest, call.kwargs, training=False)), strict=True))

    def spec(tensor: SymbolicTensor, name: str) -> tf.TensorSpec:
        fixed = tensor.shape[:1] == (None,) and batch_size is not None
        return tf.TensorSpec((batch_size, *tensor.shape[1:]) if fixed else tensor.shape, tensor.dtype, name)

    specs = [spec(tensor, name) for tensor, name in zip(inputs, numbered(map(plain, names)), strict=True)]
    served.__call__ = Traced(answer, "serve", specs).function
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what TensorFlow calls in itself
        tf.saved_model.save(served, str(path), signatures=served.__call__)


def write_litert(plan: LayerPlan, native: Adapter, names: list[str], path: Path, batch_size: int | None = None) -> None:
    """A .tflite file, whose signature "serving_default" is the SavedModel's.

    Args:
        batch_size: The length of the batch axis; None leaves it free.

    Raises:
        ExportError: As `write_savedmodel`; or LiteRT has no operator for a layer.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what TensorFlow calls in itself
        with for_elsewhere():
            _save(plan, native, names, Path(folder, "served"), batch_size)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(Path(folder, "served")))
        try:
            path.write_bytes(converter.convert())
        except ConverterError as error:
            raise _refused(plan, str(error), batch_size) from error


def _refused(plan: LayerPlan, told: str, batch_size: int | None) -> ExportError:
    """Which layer it was: TensorFlow names its operations after it."""
    places = re.findall(r'", "([^"@]*)@', told)
    parts = [part for part in plan.walk() if any(place.startswith(scope_name(part)) for place in places)]
    part = max(parts, key=lambda part: len(part.path), default=plan)
    if "requires element_shape to be static" in told and batch_size is None:
        return ExportError(
            f"{part.title} cannot be exported to LiteRT with a batch axis of any length: LiteRT's loops need fixed lengths.",
            fix='Fix it: unidl.export(model, "litert", path, batch_size=1).',
        )
    first = next((line for line in told.splitlines() if "error:" in line), told.splitlines()[0] if told else "")
    return ExportError(
        f"{part.title} cannot be exported to LiteRT.",
        received=first[:500],
        fix='Build the model with fixed lengths, give batch_size=, or export to "savedmodel" or "onnx".',
    )


WRITERS: dict[str, Callable[..., None]] = {"savedmodel": write_savedmodel, "litert": write_litert}
"""Format -> its writer."""
