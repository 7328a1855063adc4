"""A lowering: how a backend runs a layer with the framework's own thing instead of the definition. Every backend has a table of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.errors import ArgumentError
from unidl.settings import Choice
from unidl.within import within

if TYPE_CHECKING:
    from unidl.backends.contract import Slot
    from unidl.description.plan import LayerPlan
    from unidl.native.row import Native


def _never(plan: LayerPlan) -> str | None:
    return None


def refuses_integers(plan: LayerPlan) -> str | None:
    """Most kernels compute with floats of their weights' dtype only; the definition lifts integers."""
    given = plan.other_dtypes()
    return f"the framework's own takes {plan.dtype} only, and the input is {', '.join(given)}" if given else None


def _nothing(plan: LayerPlan, native: Any) -> None:
    return None


def _no_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    return {}


@dataclass(frozen=True)
class Lowering:
    """One row of a backend's table.

    Args:
        make: The framework's object for a traced layer, its weights not yet written.
        call: `call(layer, native, *inputs)` computes with it; `layer` has the constructor's attributes.
        slots: Canonical weight name -> slot.
        refuses: The reason why this lowering cannot serve a layer as it is configured and used, or None.
        absorb: The reverse of what `make` leaves out: after somebody else's weights were put into the framework's object,
            `absorb(plan, native)` brings them into the form that the slots read.
        nested: The reason why the definition runs while a gradient is taken inside a gradient (the framework's thing has no second
            derivative, or a wrong one), or None.
        keeps: Whether the framework's object has the layer's weights, even where the definition runs: weights of hand-written
            models have its layout then, however the layer is called. None: where the lowering serves the layer.
    """

    make: Callable[[LayerPlan], Any]
    call: Callable[..., Any]
    slots: Callable[[LayerPlan, Any], Mapping[str, Slot]] = _no_slots
    refuses: Callable[[LayerPlan], str | None] = _never
    absorb: Callable[[LayerPlan, Any], None] = _nothing
    nested: Callable[[LayerPlan], str | None] = _never
    keeps: Callable[[LayerPlan], bool] | None = None

    def of(self, plan: LayerPlan) -> Lowering:
        """The lowering as it is for one layer."""
        return self


def because(reason: str) -> Callable[[LayerPlan], str | None]:
    """One reason for every layer of a class."""
    return lambda plan: reason


def by_definition(reason: str) -> Lowering:
    """A row for a layer whose definition is better than, or not what, the framework has: it only says why."""

    def make(plan: LayerPlan) -> Any:
        raise RuntimeError(f"{plan.title} has no native form: {reason}")

    return Lowering(make, make, refuses=because(reason))


@dataclass(frozen=True)
class Way:
    """How a layer runs in a built model, as data.

    Args:
        native: The framework's class that runs it ("torch.nn.Linear"), or the adapter's name.
        way: "native" or "definition".
        reason: Why the definition, where it is one.
    """

    native: str
    way: str
    reason: str = ""


_definitions_only: ContextVar[bool] = ContextVar("unidl_definitions_only", default=False)


def definitions_only() -> within[bool]:
    """Models built inside run every layer by its definition: the reference that lowerings are proven against."""
    return within(_definitions_only, True)


# (layer class, backend) -> lowering, or the row that it follows from, added by users with `unidl.lowering`
ADDED: dict[tuple[type, str], Lowering | Native] = {}


@told_arguments
def lowering(layer: type, backend: str) -> Callable[[Any], Any]:
    """Decorate a class that says how a backend runs a custom layer with something of the framework's; or call it with a row.

    Where the backend runs layers by rows (docs/design/rows.md), a row is enough, and `unidl.source` writes the layer by it, too:

        unidl.lowering(Bilinear, backend)(Native("nn.Bilinear", {...}, {"kernel": Tie("weight")}, call=...))

    The class is never made; it holds functions that take no `self`:

        make(plan)                  the framework's object, built and of the dtype `plan.dtype`; its values do not matter
        call(layer, native, *x)     the outputs; `layer` has the attributes that the constructor stored
        slots(plan, native)         {weight name: Slot}, where the layer has weights; Slot is the backend's own
        refuses(plan)               optional: the reason why the definition must run instead, or None
        nested(plan)                optional: the reason why the definition must run while a gradient is taken inside a gradient

    `unidl.testing.check_layer` proves that it computes what the layer's `forward` does, and `model.lowering()` shows which ran.

    Args:
        layer: The layer's class. Subclasses that change neither `setup` nor `forward` are served too.
        backend: The backend's name.

    Raises:
        ArgumentError: `layer` is no class of layers, or `make` or `call` is missing.
        BackendUnavailableError: There is no backend of that name.

    Example:
        >>> import unidl
        >>> from unidl.backends.torch.weight import Slot
        >>> import torch
        >>> class Bilinear(unidl.Layer):
        ...     def __init__(self, units): self.units = units
        ...     def setup(self, shape):
        ...         self.add_weight("kernel", (self.units, shape[-1], shape[-1]))
        ...     def forward(self, x):
        ...         return unidl.ops.einsum("bi,uij,bj->bu", x, self.kernel, x)
        >>> @unidl.lowering(Bilinear, "torch")
        ... class BilinearInTorch:
        ...     def make(plan):
        ...         units, inputs, _ = plan.weights["kernel"].shape
        ...         return torch.nn.Bilinear(inputs, inputs, units, bias=False, dtype=getattr(torch, plan.dtype))
        ...     def call(layer, native, x):
        ...         return native(x, x)
        ...     def slots(plan, native):
        ...         return {"kernel": Slot(native, "weight")}
        >>> [proof.native for proof in unidl.testing.check_layer(Bilinear(3), (4, 5), backends=["torch"])]
        ['torch.nn.Bilinear', 'torch.nn.Bilinear']
    """
    if not isinstance(layer, type) or not hasattr(layer, "forward"):
        raise ArgumentError(
            "A lowering is of a layer's class.", expected="a subclass of unidl.Layer", received=repr(layer)
        )
    registry.check_known(Choice(backend, "the argument backend="))

    def add(functions: Any) -> Any:
        if not isinstance(functions, type) and hasattr(functions, "class_of"):
            ADDED[layer, backend] = functions
            return functions
        missing = [name for name in ("make", "call") if not callable(getattr(functions, name, None))]
        if missing:
            raise ArgumentError(
                f"The lowering {getattr(functions, '__name__', functions)} of {layer.__name__} has no {' and no '.join(missing)}.",
                expected="functions make(plan), call(layer, native, *inputs), and where there are weights slots(plan, native)",
            )
        ADDED[layer, backend] = Lowering(
            functions.make,
            functions.call,
            getattr(functions, "slots", _no_slots),
            getattr(functions, "refuses", _never),
            nested=getattr(functions, "nested", _never),
        )
        return functions

    return add


def row_of(table: Mapping[type, Lowering], backend: str, cls: type) -> tuple[Lowering | None, str]:
    """The row for a class of layers, or None and the reason.

    A subclass is served by its parent's lowering only where it changed neither setup nor forward.
    """
    for base in cls.__mro__:
        added = ADDED.get((base, backend))
        lowering = table.get(base) if added is None else _lowering_of(added, backend)
        if lowering is None:
            continue
        # a subclass that redefines what is computed is no longer what the lowering computes
        if any(getattr(cls, name, None) is not getattr(base, name, None) for name in ("setup", "forward")):
            return None, f"{cls.__name__} changes {base.__name__}"
        return lowering, ""
    return None, f"{backend} has no lowering of {cls.__name__}"


def _lowering_of(added: Lowering | Native, backend: str) -> Lowering:
    if isinstance(added, Lowering):
        return added
    derive = getattr(registry.load(backend), "lowering_of", None)
    if derive is None:
        raise ArgumentError(
            f"The backend {backend!r} makes no lowering of a row.",
            expected="a class with make(plan), call(layer, native, *inputs), and where there are weights slots(plan, native)",
            fix="@unidl.lowering(…) on such a class.",
        )
    found: Lowering = derive(added)
    return found


def choose(table: Mapping[type, Lowering], backend: str, plan: LayerPlan) -> tuple[Lowering | None, str]:
    """The lowering that serves a layer, or None and the reason."""
    if _definitions_only.get():
        return None, "built inside definitions_only()"
    if plan.random == "portable" and plan.draws:
        return None, 'random="portable": its definition draws the same numbers on every backend'
    lowering, reason = row_of(table, backend, type(plan.layer))
    if lowering is not None:
        reason = lowering.refuses(plan) or ""
    return (None, reason) if reason or lowering is None else (lowering.of(plan), "")


def keeper(table: Mapping[type, Lowering], backend: str, plan: LayerPlan) -> Lowering | None:
    """The lowering whose object has the layer's weights, however the layer is called and run; None where there is none."""
    lowering, _ = row_of(table, backend, type(plan.layer))
    if lowering is None:
        return None
    kept = lowering.keeps(plan) if lowering.keeps is not None else lowering.refuses(plan) is None
    return lowering if kept else None


def always(plan: LayerPlan) -> bool:
    """For `keeps`: whatever the arguments and calls are."""
    return True
