"""A model as source code of a framework, which runs without unidl."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from unidl.backends import registry
from unidl.codegen.author import Author
from unidl.codegen.language import Language
from unidl.description.trace import Tracer
from unidl.errors import ArgumentError, NotBuiltError, SourceError
from unidl.graph.node import map_nest
from unidl.models import Model
from unidl.models.input import to_specs


def source(model: Model, backend: str) -> str:
    """The model as readable source code of a framework."""
    author = written(model, backend)
    return author.language.file(author, model.name)


def written(model: Model, backend: str) -> Author:
    """The author of a model's source code, who knows its names too."""
    language: Language = registry.load(backend).SOURCE
    args, kwargs = _inputs(model)
    inference = Tracer("float32").trace(model, args, kwargs, training=False)
    training = Tracer("float32").trace(model, args, kwargs, inference=False)
    author = Author(language, inference, training)
    author.class_of(author.root)
    return author


def _inputs(model: Model) -> tuple[Any, Any]:
    if model.is_built:
        built = model._need_built()
        if built.precision != "float32":
            raise SourceError(
                f"The source code of {model.name!r} would be of a model in float32, and it is one in {built.precision}.",
                fix=f'unidl.convert(model, {model.backend!r}, precision="float32").',
            )
        call = built.plan.calls[0]
        return map_nest(lambda leaf: getattr(leaf, "spec", leaf), (call.args, call.kwargs))  # type: ignore[no-any-return]
    inputs = model.inputs()
    if not inputs:
        raise NotBuiltError(
            f"{model.name!r} is not built, so its shapes are not known.",
            fix="model.build((28, 28, 1)) with your input's shape.",
        )
    return to_specs(inputs, "float32"), {}


def eject(model: Model, backend: str, folder: str | os.PathLike[str]) -> None:
    """Source code, weights, and the loop that trains them, in a folder."""
    author = written(model, backend)
    path = Path(folder)
    if path.exists():
        raise ArgumentError(f"{path} is there.")
    path.mkdir()
    save_file(
        {name: np.array(a, order="C") for name, a in author.arrays(model.weights()).items()},
        path / "weights.safetensors",
    )
    (path / "model.py").write_text(author.language.file(author, model.name, loads=True))
