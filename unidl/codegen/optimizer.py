"""An optimizer as code of the file: functions traced from its `update`, one that serves all weights or one for each kind of weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unidl import ops
from unidl.capture import snake_case
from unidl.codegen.author import Author
from unidl.codegen.code import Line
from unidl.codegen.identifiers import distinct, identifier
from unidl.codegen.layout import tidy
from unidl.codegen.literals import docstring, literal
from unidl.codegen.pointwise import POINTWISE
from unidl.codegen.scope import Scope
from unidl.codegen.trained import Piece, Trained, pieces_of
from unidl.description.trace import tracing
from unidl.errors import SourceError, UnidlError
from unidl.graph.node import OpCall, ancestors
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.optimizers import Optimizer

METHODS = ("update", "state_names", "decays", "clipped")  # what a subclass changes that is another optimizer


@dataclass(frozen=True)
class Update:
    """An optimizer's step on one weight.

    Args:
        class_name: What the optimizer is called in the file.
        doc: Its docstring.
        states: The names of its states.
        functions: Texts of `update(weight, gradient, *states, learning_rate, step)`, by name; each returns the weight and the states.
        of: The function for each trained tensor, by its path in the weights' file.
    """

    class_name: str
    doc: list[str]
    states: tuple[str, ...]
    functions: dict[str, str]
    of: dict[str, str]

    @property
    def single(self) -> str | None:
        """The function for all weights, if there is one."""
        return next(iter(self.functions)) if len(self.functions) == 1 else None

    @property
    def variables(self) -> list[str]:
        """Local variables for the states."""
        return list(distinct(self.states, identifier).values())


def update_of(author: Author, optimizer: Optimizer, trained: Sequence[Trained]) -> Update:
    """The functions that an optimizer's `update` becomes.

    Raises:
        SourceError: It cannot be traced, or clips by another rule.
    """
    cls = type(optimizer)
    if cls.clipped is not Optimizer.clipped:
        raise SourceError(
            f"The optimizer {cls.__name__} clips gradients by a rule of its own, whose code is not written.",
            fix="Clip each weight's gradient in update, or use clip_norm.",
        )
    moving = [one for one in trained if not one.frozen]
    shapes = {path: spec.shape for plan in author.root.walk() for path, spec in _specs(plan)}
    named: dict[str, str] = {}  # text -> name
    known: dict[Any, str] = {}  # what the text follows from -> text
    pieces: Mapping[str, list[Piece]] = {}
    if not all(_is_pointwise(optimizer, shape) for shape in {shapes[path] for one in moving for path in one.paths}):
        pieces = pieces_of(author, moving)
    of = {}
    for one in moving:
        parts = pieces.get(one.name)
        key = (repr(parts), tuple(shapes[path] for path in one.paths))
        if key not in known:
            known[key] = _text(author, optimizer, shapes[one.paths[0]], parts)
        text = known[key]
        if text not in named:
            named[text] = author.name(f"{snake_case(cls.__name__)}_update")
        of[one.name] = named[text]
    functions = {name: "\n".join(tidy(text.replace(_NAME, name, 1).splitlines())) for text, name in named.items()}
    first = next(iter((cls.__doc__ or "").strip().splitlines()), "")
    doc = docstring(first if 0 < len(first) <= 76 else f"{cls.__name__} optimizer.")
    return Update(author.name(cls.__name__), doc, tuple(optimizer.state_names), functions, of)


_NAME = "\0"  # stands in a function's text for its name, until it has one


def _specs(plan: Any) -> list[tuple[str, Any]]:
    return [(f"{plan.path}/{name}" if plan.path else name, spec) for name, spec in plan.weights.items()]


def _run(optimizer: Optimizer, tensors: Mapping[str, Any]) -> list[Any]:
    """The weight and the states after a step."""
    state = {name: tensors[f"state {name}"] for name in optimizer.state_names}
    try:
        with tracing():
            weight, after = optimizer.update(
                tensors["weight"], tensors["gradient"], state, tensors["learning_rate"], tensors["step"]
            )
            found = [weight, *(after[name] for name in optimizer.state_names)]
            return [t if isinstance(t, SymbolicTensor) else ops.full_like(weight, t) for t in found]
    except UnidlError as error:
        raise SourceError(
            f"{type(optimizer).__name__}.update cannot be traced, so its code is not written.",
            received=str(error),
            fix="Write update with unidl.ops; a branch on a tensor is ops.where.",
        ) from error


def _given(optimizer: Optimizer, shape: tuple[int | None, ...]) -> dict[str, SymbolicTensor]:
    names = ["weight", "gradient", *(f"state {name}" for name in optimizer.state_names)]
    tensors = {name: placeholder(TensorSpec(shape, "float32")) for name in names}
    return tensors | {name: placeholder(TensorSpec((), "float32")) for name in ("learning_rate", "step")}


def _is_pointwise(optimizer: Optimizer, shape: tuple[int, ...]) -> bool:
    """Whether each element's step follows from its own gradient, so that a tensor's layout means nothing."""
    calls = [node for node in ancestors(_run(optimizer, _given(optimizer, shape))) if isinstance(node, OpCall)]
    return all(node.op.name in POINTWISE for node in calls)


def _text(author: Author, optimizer: Optimizer, shape: tuple[int, ...], pieces: Sequence[Piece] | None) -> str:
    """The function's text; with pieces it takes the framework's tensor and computes with the canonical weights inside."""
    native = shape
    if pieces is not None:
        lengths = list(pieces[0].shape)
        if lengths:
            lengths[pieces[0].axis] = sum(piece.shape[piece.axis] for piece in pieces)
        native = tuple(lengths)
    tensors = _given(optimizer, native)
    scope = Scope(author)
    hints = ["weight", "gradient", *optimizer.state_names, "learning_rate", "step"]
    parameters = [scope.parameter(tensor, hint) for tensor, hint in zip(tensors.values(), hints, strict=True)]
    scope.outside = frozenset(scope.taken)  # parameters keep their meaning
    if pieces is None:
        outputs = _run(optimizer, tensors)
    else:
        with tracing():
            parts = [
                _run(optimizer, {n: piece.read(t) if len(t.shape) else t for n, t in tensors.items()})
                if native
                else _run(optimizer, tensors)
                for piece in pieces
            ]
            outputs = [
                [piece.written(t) for piece, t in zip(pieces, several, strict=True)]
                for several in zip(*parts, strict=True)
            ]
            outputs = [
                several[0] if len(several) == 1 else ops.concatenate(several, axis=pieces[0].axis)
                for several in outputs
            ]
    result = scope.graph(outputs)
    own = [parameters[0], *parameters[2:-2]]
    result = [  # what is given back under another name is not the same tensor
        author.language.copied(value.code) if str(value) in parameters and str(value) != name else value.code
        for value, name in zip(result, own, strict=True)
    ]
    scope.say(f"return {result[0] if len(result) == 1 else literal(result)[1:-1]}")
    lines = [Line(line.text, "", line.indent) for line in scope.lines]
    return "\n".join(author.language.function_lines(_NAME, parameters, lines))
