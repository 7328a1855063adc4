"""A row: a layer's native form on one backend, as data from which building, weights, source code and files follow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unidl.native.tie import Tie

if TYPE_CHECKING:
    from unidl.description.plan import LayerPlan
    from unidl.graph.spec import TensorSpec

# where a class wants the channels of images and series
FIRST, EITHER, LAST = "channels first", "either", "channels last"

Ties = Mapping[str, "Tie | tuple[Tie, ...]"]


@dataclass(frozen=True)
class Difference:
    """What the native form does otherwise than the definition, and where it matters.

    Args:
        kind: "training" (the gradient or what training draws), "ties" (the gradient where values are equal), "errors" (what
            becomes of inputs that unidl refuses), "float64" or "range" (some inputs round otherwise), "integers" (of inputs),
            "mask" (positions that a mask leaves out), "export", or "function" (one of the user's that has no name).
        reason: A sentence without its full stop: the note in source code, and the reason for which the definition runs.
        noted: Whether source code says so; not where it has no such difference.
    """

    kind: str
    reason: str
    noted: bool = True


@dataclass(frozen=True)
class Output:
    """What a framework's object returns, as `outputs` of a row says.

    Args:
        name: The variable that source code makes of it.
        spec: Its shape and dtype, channels last.
    """

    name: str
    spec: TensorSpec


@dataclass(frozen=True)
class Fixed:
    """The value of a native tensor that is no weight of the layer; it is never trained.

    Args:
        value: Of each element.
        note: Why it stands there, for the reader of source code.
    """

    value: float
    note: str = ""


def _none(plan: LayerPlan) -> None:
    return None


def _nothing(plan: LayerPlan) -> tuple[Difference, ...]:
    return ()


@dataclass(frozen=True, eq=False)
class Native:
    """The class of a framework that computes a layer, and how it is made, called and filled.

    Args:
        cls: The class as source code names it ("nn.Linear"), or a function of the plan that says which.
        arguments: The class' parameter -> the layer's attribute of that name, a tuple of one constant, or a function of the plan;
            or a function of the plan that returns the arguments. Those that are the class' defaults are not written in source code.
        weights: Canonical weight -> its tie, or several ties of which the sum is the weight; or a function of the plan that
            returns this. Weights that the plan does not have are left out. A key "child/kernel" ties a child's weight.
        positional: How many arguments, from the first, source code writes without their names.
        fixed: Native tensor -> its constant value, where it is no weight of the layer.
        layout: Where the class wants the channels: FIRST, EITHER or LAST (where unidl has them).
        activation: The attribute with the function that is applied to what the object returns; "" for none. A class of which it is
            an argument applies it itself, where the framework has that function.
        call: `call(layer, native, *inputs)` in `ops`, where more happens than `native(x)`: run with the framework's object,
            traced with a stand-in when source code is written. `native` takes and returns channels last.
        direct: Whether `native(x)` and the activation are the whole call, for a layer that has a `call` for other cases.
        outputs: `outputs(plan, *inputs)`: what the object returns, as a nest of `Output`, where that is not what the layer returns.
        function: The framework's function that the class' forward calls, with its parameters and attributes in braces
            ("F.linear({x}, {weight}, {bias})"): called in the object's place where nothing listens to the object. One that takes
            arguments of the layer's forward is the whole call, where it is called with no others.
        unsupported: The reason why the native form is another computation for a layer as it is configured and used, or None.
        keeps: Whether the object has the layer's weights, even where `unsupported` says that it does not compute the layer: weights of
            hand-written models have its layout then. None: where it computes the layer.
        nested: The reason why the definition runs while a gradient is taken inside a gradient, or None.
        differs: Differences that the definition does not have. Running tolerates none.
        runs: The subclass that is made to run, where it repairs a difference or is faster; or a function of the plan that says which.
        repairs: The kinds of differences that what runs does not have.
        shapes: `shapes(plan)`: for what Keras builds the object, where that is more than the shape of its first input.
        runner: `runner(native, *inputs)` calls the object when it runs, where that repairs a difference.
        written: Whether source code makes the object; else it has the definition's ops.
        implied: Attributes of the object that must have these values; of another object nothing is known.
    """

    cls: str | Callable[[LayerPlan], str]
    arguments: Mapping[str, Any] | Callable[[LayerPlan], dict[str, Any]] = field(default_factory=dict)
    weights: Ties | Callable[[LayerPlan], Ties] = field(default_factory=dict)
    positional: int = 0
    fixed: Mapping[str, Fixed] | Callable[[LayerPlan], Mapping[str, Fixed]] = field(default_factory=dict)
    layout: str = LAST
    activation: str = ""
    call: Callable[..., Any] | None = None
    direct: Callable[[LayerPlan], bool] | None = None
    outputs: Callable[..., Any] | None = None
    function: str = ""
    unsupported: Callable[[LayerPlan], str | None] = _none
    keeps: Callable[[LayerPlan], bool] | None = None
    nested: Callable[[LayerPlan], str | None] = _none
    differs: Callable[[LayerPlan], Sequence[Difference]] = _nothing
    runs: type | Callable[[LayerPlan], type | None] | None = None
    repairs: tuple[str, ...] = ()
    shapes: Callable[[LayerPlan], Sequence[Any]] | None = None
    runner: Callable[..., Any] | None = None
    written: bool = True
    implied: Mapping[str, Any] = field(default_factory=dict)

    # -- what it says of one layer ---------------------------------------------------------------------------------------

    def class_of(self, plan: LayerPlan) -> str:
        """The class' name for a layer."""
        return self.cls if isinstance(self.cls, str) else self.cls(plan)

    def given(self, plan: LayerPlan) -> dict[str, Any]:
        """The constructor's arguments for a layer."""
        if callable(self.arguments):
            return self.arguments(plan)
        return {name: _value(argument, plan) for name, argument in self.arguments.items()}

    def ties(self, plan: LayerPlan) -> dict[str, tuple[Tie, ...]]:
        """The ties of the weights that a layer has, in its order, and of those of its children that the row names."""
        ties = self.weights(plan) if callable(self.weights) else self.weights
        names = [*(name for name in plan.weights if name in ties), *(name for name in ties if name not in plan.weights)]
        return {name: _several(ties[name]) for name in names if weight_of(plan, name) is not None}

    def fixed_in(self, plan: LayerPlan) -> Mapping[str, Fixed]:
        """The native tensors of a layer that have a constant value."""
        return self.fixed(plan) if callable(self.fixed) else self.fixed

    def is_direct(self, plan: LayerPlan) -> bool:
        """Whether the object called on the one input, and the activation, are the whole call."""
        return self.call is None or (self.direct is not None and self.direct(plan))

    def runs_as(self, plan: LayerPlan) -> type | None:
        """The subclass that runs a layer; None for the class itself."""
        return self.runs if self.runs is None or isinstance(self.runs, type) else self.runs(plan)

    def refuses(self, plan: LayerPlan, tolerated: Collection[str]) -> str | None:
        """The reason why this form does not serve a use that tolerates differences of these kinds, or None."""
        reason = self.unsupported(plan)
        if reason is None:
            reason = next((d.reason for d in self.differs(plan) if d.kind not in tolerated), None)
        return reason

    def refuses_to_run(self, plan: LayerPlan) -> str | None:
        """The reason why the definition runs in this form's place, or None."""
        return self.refuses(plan, self.repairs)

    def notes(self, plan: LayerPlan) -> list[str]:
        """What a reader of source code is to know: differences, and why a tensor is constant."""
        notes = [difference.reason for difference in self.differs(plan) if difference.noted]
        return [*notes, *(fixed.note for fixed in self.fixed_in(plan).values() if fixed.note)]


def weight_of(plan: LayerPlan, name: str) -> Any:
    """The spec of a weight of the layer, or of a child ("forward_layer/kernel"); None where there is none."""
    *keys, weight = name.split("/")
    for key in keys:
        plan = plan.children[key]
    return plan.weights.get(weight)


def _several(tie: Tie | tuple[Tie, ...]) -> tuple[Tie, ...]:
    return tie if isinstance(tie, tuple) else (tie,)


def _value(argument: Any, plan: LayerPlan) -> Any:
    if isinstance(argument, str):
        return plan.attributes[argument]
    if isinstance(argument, tuple):
        return argument[0]
    return argument(plan)


def length(weight: str, axis: int) -> Callable[[LayerPlan], int]:
    """The argument that is the length of a weight's axis."""
    return lambda plan: plan.weights[weight].shape[axis]


def one(attribute: str) -> Callable[[LayerPlan], Any]:
    """The argument that is an attribute with a value for each axis; one number where all are equal."""

    def value(plan: LayerPlan) -> Any:
        found = tuple(plan.attributes[attribute])
        return found[0] if len(set(found)) == 1 else found

    return value
