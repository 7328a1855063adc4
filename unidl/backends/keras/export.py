"""A model in Keras' own file format, alone or with a file of its layers beside it."""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unidl.backends.keras.binding import child_of
from unidl.backends.keras.engine import keras
from unidl.backends.keras.program import slots
from unidl.backends.keras.source import SOURCE
from unidl.backends.keras.tensor import to_numpy
from unidl.backends.keras.vanilla import vanilla_model
from unidl.codegen.author import Author
from unidl.codegen.calls import call
from unidl.description.plan import LayerPlan
from unidl.description.trace import Tracer
from unidl.errors import ExportError, SourceError
from unidl.graph.node import map_nest
from unidl.models.build import weight_path
from unidl.visible import visible

LAYERS = "layers.py"


def write_keras(plan: LayerPlan, native: Any, names: list[str], path: Path, custom: str | None = None) -> None:
    """A `.keras` file; `keras.saving.load_model(path)` reads it without unidl.

    Args:
        custom: What becomes of layers that Keras has not: None refuses them, "constants" writes their definitions as operations,
            "layers" writes them as classes into a file layers.py beside it.

    Raises:
        ExportError: A layer cannot go into such a file.
    """
    try:
        if custom == "layers" and (author := _author(plan, native)) is not None:
            _write_with_layers(author, plan, native, path)
        else:
            vanilla_model(plan, native, custom).save(path)
    except (TypeError, ValueError, NotImplementedError) as error:  # what Keras raises on what it cannot write
        if isinstance(error, ExportError):
            raise
        raise ExportError(
            f"{plan.title} cannot be written by Keras.", received=f"{type(error).__name__}: {error}"[:500]
        ) from error


# -- layers as source code -----------------------------------------------------------------------------------------------------


def _write_with_layers(author: Author, plan: LayerPlan, native: Any, path: Path) -> None:
    text = _text(author, path.name)
    with _made(text) as model:
        _fill(model, author.arrays(_weights(plan, native)))
        model.save(path)
    path.with_name(LAYERS).write_text(text, encoding="utf-8")


def _author(plan: LayerPlan, native: Any) -> Author | None:
    """Who has written the model's source code; None where it needs no layer that Keras has not."""
    if plan.dtype != "float32":
        raise ExportError(
            f"{plan.title} is a model in {plan.dtype}, and layers are written in float32.",
            fix='unidl.convert(model, "keras", precision="float32"), or custom="constants".',
        )
    call = plan.calls[0]
    args, kwargs = map_nest(lambda leaf: getattr(leaf, "spec", leaf), (call.args, call.kwargs))
    try:
        inference = Tracer(plan.dtype).trace(plan.layer, args, kwargs, training=False)
        training = Tracer(plan.dtype).trace(plan.layer, args, kwargs, inference=False)
        author = Author(SOURCE, inference, training)
        root = author.class_of(author.root)
    except SourceError as error:
        raise ExportError(
            f"{plan.title} cannot be exported to Keras with its layers as source code.",
            received=error.attempted,
            fix=error.fix,
        ) from error
    if any(cls is not root for cls in author.classes):
        return author
    try:
        vanilla_model(plan, native, None)
    except ExportError:
        return author
    return None


def _text(author: Author, name: str) -> str:
    title = f"The layers of {visible(name)}: import this file, then {call('keras.saving.load_model', name)}."
    return SOURCE.file(author, title, registers=True)


@contextmanager
def _made(text: str) -> Iterator[Any]:
    """The model that the source makes. Inside, Keras knows its classes; afterwards what it knew before."""
    module = types.ModuleType(LAYERS.removesuffix(".py"))
    known = keras.saving.get_custom_objects()
    before, state = dict(known), random.getstate()
    try:
        with keras.device("cpu"):
            exec(compile(text, LAYERS, "exec"), module.__dict__)  # what was written here, of a traced graph
            yield module.make_model()
    finally:
        random.setstate(state)
        known.clear()
        known.update(before)


def _fill(model: Any, arrays: dict[str, np.ndarray]) -> None:
    for variable in model.weights:
        if variable.path in arrays:
            variable.assign(arrays.pop(variable.path))
    if arrays:
        raise ExportError("The layers' source code lacks weights.", received=", ".join(arrays))


def _weights(plan: LayerPlan, native: Any) -> dict[str, np.ndarray]:
    """Every weight of the native model by its canonical path."""
    natives = {id(plan): native}
    found: dict[str, np.ndarray] = {}
    for part in plan.walk():
        if part.reached:
            for key, child in part.children.items():
                if child.reached:
                    natives.setdefault(id(child), child_of(natives[id(part)], key))
            found |= {weight_path(part, n): to_numpy(slot.read()) for n, slot in slots(part, natives[id(part)]).items()}
    return found


WRITERS: dict[str, Callable[..., None]] = {"keras": write_keras}
"""Format -> its writer."""
