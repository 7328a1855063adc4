"""`unidl.inspect`: what a framework made of a model, or of one training step."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from importlib import metadata
from typing import Any

import unidl
from unidl import arguments
from unidl.backends.contract import Backend
from unidl.capture import told_arguments
from unidl.data import Arrays
from unidl.errors import ArgumentError, DataError, NotPortableError
from unidl.insight import report
from unidl.insight.drawing import svg
from unidl.insight.inspections import text
from unidl.insight.inspections.costs import costs, parameters_alone
from unidl.insight.inspections.programs import program_of_model, program_of_trainer
from unidl.inspection import inspection as data
from unidl.inspection.inspection import Inspection
from unidl.inspection.program import Program
from unidl.models import Model
from unidl.training import Trainer
from unidl.training.engine import arguments_of

OWN_STEP = "The training_step is the Trainer's own writing, so it is not known what it calls the model with: inspect(model, x) has the layers' costs."


@told_arguments
def inspect(model: Any, batch: Any, *others: Any, compiler: bool = True, times: bool = True) -> Inspection:
    """See what the framework makes of a model, or of one training step of a Trainer: graphs, costs, events, changes.

    Everything runs on copies: the model or Trainer, its weights, its generators and counters, and what was traced or compiled of
    it, are afterwards as they were. A training_step of your own runs too: what it does to objects other than these, such as a
    writer, it does. One that is not built yet is built, as a call or a step would build it.

    Args:
        model: A model; or a Trainer, whose whole step is looked at: forward, loss, backward, update.
        batch: What it is called with: an array, a nest of them, a tuple for a forward of several arguments. For a Trainer what
            `Trainer.step` takes: (x, y, sample_weight), (x, y), or x alone.
        *others: More of the same, to see in what they differ: a dynamic network may run other layers for them.
        compiler: Whether to ask the framework's compiler too (torch.compile, XLA), which takes seconds.
        times: Whether to measure each layer's seconds, forward and backward.

    Returns:
        An inspection: `print` it, look at `graphs`, `costs`, `events`, `changes` and `facts`, or take it away with `data`,
        `svg` and `save`.

    Raises:
        ArgumentError: It is neither a model nor a Trainer.
        ShapeError: The batch does not fit the model.
        NotPortableError: The backend is a third party's that shows nothing of itself.

    Example:
        >>> import numpy, unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(4), unidl.layers.Dense(2)]).build((3,), backend="torch")
        >>> seen = unidl.inspect(m, numpy.ones((5, 3), "float32"), compiler=False, times=False)
        >>> seen.graphs["aten"].counts()["aten.addmm"], seen.costs[0].flops  # 2 * 5 * (3 * 4 + 4 * 2) and the biases
        (2, 230)

    Where the frameworks differ: docs/inspect.md has what each one shows. Operations are counted from the description, so they are
    the same everywhere.
    """
    arguments.flag("inspect", "compiler", compiler)
    arguments.flag("inspect", "times", times)
    if isinstance(model, Trainer):
        return _inspect_step(model, (batch, *others), compiler, times)
    if not isinstance(model, Model):
        raise ArgumentError(
            "inspect looks at a model or a Trainer of unidl's.",
            expected="a Model or a Trainer",
            received=type(model).__name__,
            fix="Give the unidl model itself, not model.native.",
        )
    if not model.is_built:
        model.build(*(model.inputs() or arguments_of(batch)))
    backend = _backend(model)
    program = program_of_model(model, tuple(map(arguments_of, (batch, *others))), compiler)
    with _drawing_aside(model):
        picture = backend.inspect_model(program)
        known = costs(model.copy(), program.calls[0], False, times)
    return _inspection(model, program, picture, known)


def _inspect_step(trainer: Trainer, given: tuple[Any, ...], compiler: bool, times: bool) -> Inspection:
    batches = tuple(batch if isinstance(batch, tuple) else (batch,) for batch in given)
    for batch in batches:
        if trainer.engine.takes_own_step() and len(batch) not in (2, 3):
            raise DataError("The Trainer's own step needs inputs and targets.", expected="inspect(trainer, (x, y))")
        source = Arrays(*batch, batch_size=arguments.LARGEST_SIZE)
        trainer._build_for(source)
        trainer._prepare(source)
    model = trainer.model
    backend = _backend(model)
    program = program_of_trainer(trainer, batches, compiler)
    with _drawing_aside(model):
        picture = backend.inspect_step(program)
        known = costs(model.copy(), program.calls[0], True, times) if program.calls else parameters_alone(model)
    return _inspection(model, program, picture, known, () if program.calls else (OWN_STEP,))


def _drawing_aside(model: Model) -> AbstractContextManager[Any]:
    """Inside, random ops draw from a generator of their own."""
    built = model._need_built()
    return built.backend.random_state(0, built.device)


def _backend(model: Model) -> Backend:
    backend = model._need_built().backend
    if not hasattr(backend, "inspect_model"):
        raise NotPortableError(
            f"The backend {backend.NAME!r} shows nothing of what it makes.",
            expected="inspect_model, inspect_step and staged, as unidl.backends.contract says",
        )
    return backend


def _inspection(model: Model, program: Program, picture: Any, known: Any, notes: tuple[str, ...] = ()) -> Inspection:
    backend = model._need_built().backend
    return Inspection(
        program.subject,
        model.name,
        backend.NAME if backend.ENGINE is None else f"{backend.NAME} on {backend.ENGINE}",
        _versions(backend),
        {graph.name: graph for graph in picture.graphs},
        known,
        tuple(picture.events),
        tuple(picture.changes),
        dict(picture.facts),
        (*picture.notes, *notes),
    )


def _versions(backend: Backend) -> dict[str, str]:
    packages = {"python": platform.python_version(), "unidl": unidl.__version__, "numpy": metadata.version("numpy")}
    packages[backend.NAME] = backend.version()
    if backend.ENGINE is not None:
        packages[backend.ENGINE] = metadata.version(backend.ENGINE)
    return packages


data.SHOWN.update(text=text.text, rich=text.rich, html=text.page_part, svg=svg, page=report.write)
