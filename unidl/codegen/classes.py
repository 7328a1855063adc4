"""A class of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unidl.codegen.code import Line
from unidl.codegen.identifiers import spelled
from unidl.codegen.literals import docstring
from unidl.codegen.names import shape_text
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols


@dataclass
class Class:
    """A class of the file.

    Args:
        name: Its name.
        plan: A layer that is written so.
        init: What its constructor does, after the parent's.
        parameters: Names of its call's inputs.
        lines: The body of its call.
        trains: Whether it does something else in training.
        reads_training: Whether its own code, not only what it calls, does.
        first: Whether images come and go with channels first.
        is_root: Whether it is the model.
    """

    name: str
    plan: LayerPlan
    init: list[Line] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    trains: bool = False
    reads_training: bool = False
    first: bool = False
    is_root: bool = False

    @property
    def text(self) -> tuple[Any, ...]:
        """What tells two classes apart: everything but the name, and the shapes in comments."""
        return (
            tuple((line.text, line.indent) for line in (*self.init, Line("-"), *self.lines)),
            tuple(self.parameters),
            self.trains,
            self.first,
        )

    @property
    def title(self) -> str:
        """The first line of its docstring."""
        if not self.is_called:
            return "Weights that others read."
        call = self.plan.calls[0]
        inputs = [shape_text(t.shape, self.first) for t in symbols((call.args, call.kwargs))]
        outputs = [shape_text(t.shape, self.first) for t in symbols(call.outputs)]
        return f"{', '.join(inputs)} -> {', '.join(outputs)}"

    @property
    def is_called(self) -> bool:
        """Whether it has a call; else its weights alone are read."""
        return bool(self.plan.calls)

    @property
    def docstring_lines(self) -> list[str]:
        """What the description's author says of it, and the shapes."""
        own = type(self.plan.layer).__module__.startswith("unidl.")
        written = type(self.plan.layer).__doc__
        said = "" if own or not isinstance(written, str) else next(iter(written.strip().splitlines()), "")
        return docstring(said, "", self.title) if 0 < len(said) <= 76 else docstring(self.title)


def class_name(plan: LayerPlan, root: LayerPlan) -> str:
    """What a class is to be called, near: that of the description's class, where it has one of its own."""
    generic = type(plan.layer).__module__.startswith("unidl.models")
    if not generic:
        return plan.kind
    if plan is root:
        given = plan.layer._unidl.name
        return _camel(given) if given else "Model"
    return _camel(plan.path.rpartition("/")[2] if not plan.path.rpartition("/")[2].isdigit() else plan.path)


def _camel(text: str) -> str:
    words = spelled(text).replace("_", " ").split()
    found = "".join(word[:1].upper() + word[1:] for word in words)
    return found if found.isidentifier() else f"Model{found}"
