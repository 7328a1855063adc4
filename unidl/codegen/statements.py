"""The statements of one function while they are written, and the names that they bind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unidl.codegen.code import Code, Line, Value
from unidl.codegen.identifiers import identifier
from unidl.codegen.names import shape_text, variable
from unidl.description.plan import LayerPlan
from unidl.errors import SourceError
from unidl.graph.node import Node
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor

if TYPE_CHECKING:
    from unidl.codegen.author import Author
    from unidl.codegen.language import Language


class Statements:
    """One function's body, as statements and names.

    Args:
        author: Who writes the file.
        plan: The layer whose function it is; None for a function of the file's.
        training: Whether the graph is that of training.
        outer: Those around a nested function.
        owner: What the layer's own weights and sublayers hang on: "self", or "" in a function that makes the objects itself.
    """

    def __init__(
        self,
        author: Author,
        plan: LayerPlan | None = None,
        training: bool = False,
        outer: Statements | None = None,
        owner: str = "self",
    ) -> None:
        self.author = author
        self.language: Language = author.language
        self.plan = plan
        self.training = training
        self.owner = owner
        self.lines: list[Line] = []
        self.uses: Counter[int] = Counter()
        self.readers: dict[int, list[Node]] = {}
        self.values: dict[int, Value] = dict(outer.values) if outer else {}
        self.kept: dict[int, SymbolicTensor] = {}  # so that an id stays one tensor's
        self.moved: dict[tuple[int, bool], Value] = {}
        self.taken: set[str] = set(outer.taken if outer else author.language.locals)
        self.assigned: set[str] = set()
        self.outside: frozenset[str] = frozenset(self.taken)
        self.depth = 0
        self.chain = "y"  # the name of what goes from layer to layer

    # -- names -----------------------------------------------------------------------------------------------------------

    def name(self, hint: str) -> str:
        """A name that nothing has yet."""
        base = identifier(hint)
        found, count = base, 1
        while found in self.taken or found in self.author.globals:
            count += 1
            found = f"{base}_{count}"
        self.taken.add(found)
        self.author.locals.add(found)
        return found

    def is_live(self, name: str) -> bool:
        """Whether something that is still to be used reads the variable."""
        return any(self.uses[key] > 0 and name in value.code.names for key, value in self.values.items())

    def bind(self, tensor: SymbolicTensor, value: Value) -> None:
        """Say where a tensor is."""
        self.values[id(tensor)] = value
        self.kept[id(tensor)] = tensor

    def parameter(self, tensor: SymbolicTensor, hint: str, first: bool = False) -> str:
        """A parameter of the function, for a tensor."""
        name = self.name(hint)
        self.bind(tensor, Value(variable(name), tensor.spec, first))
        return name

    def value(self, tensor: SymbolicTensor) -> Value:
        """Where a tensor is."""
        found = self.values.get(id(tensor))
        if found is None:
            raise SourceError(
                f"{self._title()} uses a tensor that its graph does not make.",
                fix="Pass it as an argument of forward.",
            )
        return found

    def _title(self) -> str:
        return self.plan.title if self.plan is not None else "A function"

    # -- statements ------------------------------------------------------------------------------------------------------

    def say(self, text: str, comment: str = "", names: Iterable[str] = ()) -> None:
        """A statement."""
        self.lines.append(Line(text, comment, self.depth, tuple(names)))

    @contextmanager
    def function(self, name: str, parameters: str) -> Iterator[None]:
        """Inside, statements are the body of a nested function."""
        last = self.lines[-1] if self.lines else Line("", "")
        if last.text and not (last.text.endswith(":") and last.indent < self.depth):
            self.say("")
        self.say(f"def {name}({parameters}):")
        self.depth += 1
        yield
        self.depth -= 1
        self.say("")

    def assign(self, hint: str, code: Code, spec: TensorSpec, first: bool = False, reuse: Iterable[str] = ()) -> Value:
        """`name = code  # (batch, 8)`; the name of a variable that nothing reads any more is taken again.

        Args:
            hint: For a name.
            code: What it is.
            spec: Its shape and dtype.
            first: Whether its channels are first.
            reuse: Variables whose name may be taken again.
        """
        again = [identifier(hint)] if identifier(hint) in self.assigned else []  # one that is done with
        free = [n for n in (*reuse, *again) if n not in self.outside and not self.is_live(n)]
        name = free[0] if free else self.name(hint)
        self.assigned.add(name)
        self.say(f"{name} = {code}", shape_text(spec.shape, first), [name])
        return Value(variable(name), spec, first)
