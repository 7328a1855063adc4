"""What a backend says of its framework's code: a row for each layer, an expression for each op, how classes and files look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Line, Value
from unidl.codegen.grammar import checked
from unidl.codegen.identifiers import attribute
from unidl.codegen.layout import written
from unidl.codegen.literals import literal
from unidl.description.plan import LayerPlan, WeightSpec
from unidl.errors import SourceError
from unidl.graph.spec import TensorSpec
from unidl.models.input_names import input_names
from unidl.native.row import LAST, Native

if TYPE_CHECKING:
    from unidl.codegen.author import Author
    from unidl.codegen.classes import Class
    from unidl.codegen.loop import Loop
    from unidl.codegen.members import Members
    from unidl.codegen.operations import Operations
    from unidl.codegen.scope import Scope

Arrays = dict[str, np.ndarray]


@dataclass
class Making:
    """A layer's object that is to be written.

    Args:
        plan: The layer.
        author: Who writes the file: it takes helpers.
        name: The object's name, where the framework wants one.
        note: Why the framework's class trains differently from unidl's meaning; stands behind or above the line.
        after: Statements on the new object, which they call `{me}`.
        text: The expression that makes it, once it is known.
    """

    plan: LayerPlan
    author: Author
    name: str = ""
    note: str = ""
    after: list[str] = field(default_factory=list)
    text: str = ""

    @property
    def layer(self) -> Any:
        """The description."""
        return self.plan.layer

    def length(self, weight: str, axis: int) -> int:
        """The length of a weight's axis."""
        return self.plan.weights[weight].shape[axis]


@dataclass
class Calling:
    """A layer's call that is to be written.

    Args:
        plan: The layer.
        scope: Where the call stands.
        me: The layer's object, as the code names it.
        args: The call's inputs, by the names of forward's parameters: values, nests of them, plain values; without those that
            are None.
        outputs: The specs of what it gives.
    """

    plan: LayerPlan
    scope: Scope
    me: str
    args: dict[str, Any]
    outputs: Any

    @property
    def layer(self) -> Any:
        """The description."""
        return self.plan.layer

    @property
    def x(self) -> Value:
        """The first input."""
        value: Value = next(iter(self.args.values()))
        return value

    def of(self, *args: Any, **kwargs: Any) -> Code:
        """A call of the layer's object."""
        return call(self.me, *args, **kwargs)

    def activated(self, y: Code) -> Value:
        """The layer's activation of something."""
        spec = self.outputs if isinstance(self.outputs, TensorSpec) else self.outputs[0]
        return self.scope.apply(self.layer.activation, Value(y, spec, self.x.first))

    def axis(self, axis: int) -> int:
        """An axis of the inputs, where it is in the code."""
        one: Value = self.x if isinstance(self.x, Value) else self.x[0]
        axis %= len(one.shape)
        return axis if not one.first else {0: 0, len(one.shape) - 1: 1}.get(axis, axis + 1)


def _make_nothing(making: Making) -> str:
    return ""


def _no_arrays(plan: LayerPlan, values: Arrays) -> Arrays:
    return {}


def _never(plan: LayerPlan) -> bool:
    return False


@dataclass(frozen=True)
class Row:
    """How one layer is written.

    Args:
        call: The expression of a call; a list of them, as the outputs are nested, where there are several.
        make: The constructor's expression; "" where the layer has no object.
        arrays: The layer's weights by the names under which its object has them.
        layout: Whether images come with channels first.
        trains: Whether it does something else in training.
        serves: Whether this is how that layer is written; its definition is, where it is not.
        reads: The expression of a weight in canonical layout, for a layer that reads another's.
        native: The native form from which the rest follows, where there is one.
    """

    call: Callable[[Calling], Any]
    make: Callable[[Making], str] = _make_nothing
    arrays: Callable[[LayerPlan, Arrays], Arrays] = _no_arrays
    layout: str = LAST
    trains: Callable[[LayerPlan], bool] = _never
    serves: Callable[[LayerPlan], bool] = lambda plan: True
    reads: Callable[[LayerPlan, str, str], str] | None = None
    native: Native | None = None


Expression = str | Callable[["Given"], Any]


class Text(str):
    """An argument that is text: in an f-string of code, too, it is a literal."""

    def __format__(self, how: str) -> str:
        return literal(str(self))


class Given:
    """The arguments of an op, as its expression sees them: `g.x` is a Value, or a plain value.

    Args:
        scope: Where the call stands.
        name: The op's.
        arguments: Every parameter's value; tensors are Values.
        outputs: The specs of what it gives.
        first: Whether images come, and go, with channels first.
    """

    def __init__(
        self, scope: Operations, name: str, arguments: dict[str, Any], outputs: Any, first: bool = False
    ) -> None:
        self.scope = scope
        self.op_name = name
        self.arguments = arguments
        self.outputs = outputs
        self.first = first

    def __getattr__(self, name: str) -> Any:
        try:
            value = self.arguments[name]
        except KeyError:
            raise AttributeError(name) from None
        return Text(value) if type(value) is str else value

    @property
    def out(self) -> TensorSpec:
        """The spec of the one output."""
        spec: TensorSpec = self.outputs
        return spec

    def refuse(self, why: str) -> SourceError:
        """The error for what has no expression."""
        return SourceError(
            f"ops.{self.op_name} as it is used here cannot be written as {self.scope.language.title} source.",
            received=why,
            fix="Write it with other ops, or keep the model in unidl and export it (unidl.export).",
        )


class Language(ABC):
    """One framework's code. The three backends have one each, as `SOURCE`."""

    name: str
    title: str
    natives: ClassVar[Mapping[type, Native]] = {}  # by which the backend runs layers, too
    layers: ClassVar[Mapping[type, Row]]
    ops: ClassVar[Mapping[str, Expression]]
    modules: ClassVar[tuple[str, ...]] = ()  # what its files import beside Python's own
    taken: ClassVar[tuple[str, ...]] = ()  # names that a file's imports, and its own functions and classes have
    trains_with: ClassVar[tuple[str, ...]] = ()  # what train.py's own functions and classes are called
    locals: ClassVar[tuple[str, ...]] = ("self",)  # names that parameters of its methods have
    elementwise: frozenset[str] = frozenset()  # ops that do not care where the channels are
    windowed: frozenset[str] = frozenset()  # ops that slide a window over images
    channels_first = False  # whether these want channels first
    inlines_objects = False  # whether the root's layers are made where they are called

    # -- expressions -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def cast(self, code: Code, wanted: str) -> Code:
        """The tensor in another dtype."""

    @abstractmethod
    def array(self, array: np.ndarray, wanted: str) -> Code:
        """A constant tensor."""

    @abstractmethod
    def length(self, value: Value, axis: int) -> Code:
        """The length of an axis, when the code runs."""

    @abstractmethod
    def copied(self, code: Code) -> Code:
        """A state's value now, which a later update leaves alone."""

    @abstractmethod
    def updated(self, me: str, value: Code) -> list[Line]:
        """The statements that give a state its next value.

        Args:
            me: The state, as a method names it.
            value: Its next value.
        """

    def moved(self, value: Value, first: bool) -> Code:
        """The tensor with its channels first, or last."""
        raise NotImplementedError

    # -- native objects --------------------------------------------------------------------------------------------------

    def defaults(self, name: str) -> Mapping[str, Any]:
        """The defaults of the parameters of a class of the framework's."""
        return {}

    def argument(self, making: Making, value: Any) -> Any:
        """An argument of a constructor, as the framework takes it."""
        return value

    def constructor(self, making: Making, name: str, args: list[Any], kwargs: dict[str, Any]) -> Code:
        """The expression that makes an object of a class of the framework's."""
        return call(name, *args, **kwargs)

    def fixed(self, tensor: str, value: float) -> list[str]:
        """Statements that give a tensor of a new object, which they call `{me}`, a constant value and keep it from training."""
        raise NotImplementedError

    def native_tensors(self, native: Native, plan: LayerPlan, dtype: np.dtype) -> Arrays:
        """The tensors of a layer's object that are not its weights, by their names in the weights' file; others may be among them."""
        return {}

    def tensor_name(self, native: Native, plan: LayerPlan, tensor: str) -> str:
        """The name that a tensor of a layer's object has in the weights' file; `tensor` is its path of attributes."""
        return tensor

    # -- names -----------------------------------------------------------------------------------------------------------

    training_flag = "training"  # how a method knows that it trains

    @abstractmethod
    def attribute(self, name: str) -> str:
        """The attribute of the framework's object that has a sublayer or weight of that name."""

    def dict_key(self, key: str) -> str:
        """The key under which a dict of layers has one."""
        return key

    def object_name(self, key: str, owner: LayerPlan | None = None) -> str:
        """The name that a sublayer's object gets, where the framework gives names.

        Args:
            key: The sublayer's.
            owner: The layer that has it.
        """
        return attribute(key)

    def weight_name(self, members: Members, name: str) -> str:
        """A weight's part of its path in the weights' file."""
        return members.attributes[name]

    def path_of(self, members: Members, key: str) -> list[str]:
        """A sublayer's parts of the paths in the weights' file."""
        return members.path(key)

    def joined(self, parts: list[str]) -> str:
        """The path in the weights' file."""
        return "/".join(parts)

    def root_path(self, author: Author) -> list[str]:
        """Where the model's own weights are in the weights' file."""
        return []

    def input_name(self, name: str) -> str:
        """A name that the framework's input can have, near the user's."""
        return name

    def input_hints(self, plan: LayerPlan, nest: Any, taken: Iterable[str] = ()) -> list[str]:
        """Names for the tensors of a list that is a model's input; none of `taken`."""
        names = input_names(plan, taken, self.input_name)
        return names if len(names) == len(nest) else [f"x{i + 1}" for i in range(len(nest))]

    # -- classes and files -----------------------------------------------------------------------------------------------

    def constructed(self, author: Author, plan: LayerPlan, name: str) -> str | None:
        """The expression that makes a layer of layers, where the framework has a class for it; else None."""
        return None

    def made_ready(self, plan: LayerPlan, me: str) -> list[str]:
        """Statements that a sublayer's object needs before its weights can be read."""
        return []

    def is_move(self, text: str) -> bool:
        """Whether a statement only moves the channels."""
        return False

    def construct(self, cls: Class, name: str) -> str:
        """The expression that makes an object of a class of the file."""
        return f"{cls.name}()"

    def passed_training(self, cls: Class) -> list[str]:
        """What a call of a class of the file says of training."""
        return []

    def drafted_root(self, author: Author) -> Class:
        """The model, for a framework where a function makes it (`inlines_objects`)."""
        raise NotImplementedError

    def inline_object(self, author: Author, scope: Scope, plan: LayerPlan, route: tuple[str, ...]) -> str:
        """A layer's object in a function that makes its layers where they are called."""
        raise NotImplementedError

    def function_lines(self, name: str, parameters: list[str], lines: list[Line]) -> list[str]:
        """A function of the file."""
        return [f"def {name}({', '.join(parameters)}):", *written(lines, 1)]

    @abstractmethod
    def nest(self, held: Any) -> str:
        """The expression of what an attribute holds: `Made`, or lists and dicts of it."""

    @abstractmethod
    def weight(self, spec: WeightSpec, me: str, author: Author) -> Line:
        """The statement that makes a weight of a class.

        Args:
            spec: The weight.
            me: It, as a method names it.
            author: Who writes the file: it takes helpers.
        """

    @abstractmethod
    def class_lines(self, cls: Class, author: Author) -> list[str]:
        """A class, line by line."""

    @abstractmethod
    def file_title(self, name: str) -> str:
        """What a file says of itself, for a model of that name."""

    def file(self, author: Author, title: str, **how: bool) -> str:
        """The whole file, checked; `how` is as `file_text` says."""
        return checked(self.file_text(author, title, **how), self.modules)

    @abstractmethod
    def file_text(self, author: Author, title: str, loads: bool = False, model: bool = True) -> str:
        """The whole file.

        Args:
            author: Who has written it.
            title: Its docstring.
            loads: Whether it has the function `load()`, which reads the weights beside it.
            model: Whether the model itself is in it, and not only its layers.
        """

    def training(self, loop: Loop) -> str:
        """The file train.py, checked."""
        return checked(self.training_text(loop), self.modules)

    @abstractmethod
    def training_text(self, loop: Loop) -> str:
        """The file train.py."""
