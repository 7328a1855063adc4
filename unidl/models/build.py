"""Building: a traced description becomes a native object of one backend."""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from unidl.arguments import one_of
from unidl.backends import registry
from unidl.backends.contract import Backend, Slot
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.description.trace import Tracer
from unidl.errors import ArgumentError, BackendMismatchError, NotPortableError, ShapeError, UnidlError, WeightError
from unidl.graph.spec import FLOATS
from unidl.graph.tensor import SymbolicTensor
from unidl.initializers.initializer import Drawn
from unidl.lazy_array import Array, lazy
from unidl.models.input import to_specs
from unidl.ops.portable import inside_control_flow
from unidl.settings import chosen_device

PLAIN = frozenset(["float32", "float64", "int32", "int64"])  # dtypes that most arrays have


BYTES = {
    "float64": 8,
    "int64": 8,
    "float32": 4,
    "int32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


@dataclass(eq=False)
class Built:
    """A description's build.

    Args:
        backend: The backend.
        plan: What tracing yielded.
        native: The native object; it holds the only copy of the weights.
        device: The framework's device.
        device_name: How it was asked for.
        precision: The floating dtype.
        seed: From which the initial weights were drawn.
        random: "native" or "portable": where random ops draw from.
    """

    backend: Backend
    plan: LayerPlan
    native: Any
    device: Any
    device_name: str
    precision: str
    seed: int
    random: str

    @cached_property
    def steps(self) -> bool:
        """Whether a call in inference takes the model's own random numbers to their next step."""
        return self.plan.counts_draws(False)

    @cached_property
    def arrays(self) -> tuple[tuple[np.dtype, tuple[int | None, ...], str], ...] | None:
        """(dtype, axes after the first, dtype's name) of each input, where arrays of any length are all that it takes."""
        call = self.plan.calls[0]
        specs = [expected.spec for expected in call.args if isinstance(expected, SymbolicTensor)]
        plain = all(spec.dtype in PLAIN and spec.shape[:1] == (None,) for spec in specs)
        if call.kwargs or len(specs) < len(call.args) or not plain:
            return None
        return tuple([(np.dtype(spec.dtype), spec.shape[1:], spec.dtype) for spec in specs])

    def native_of(self, plan: LayerPlan) -> Any:
        """The native object of one layer, found on its parent by key at each call, so that what the user swapped counts."""
        return self.natives()[id(plan)]

    def natives(self) -> dict[int, Any]:
        """id of a plan -> its native object."""
        found = {id(self.plan): self.native}
        for plan in self.plan.walk():
            for key, child in plan.children.items():
                if child.reached and id(child) not in found:
                    found[id(child)] = self.backend.child(found[id(plan)], key)
        return found

    def slots(self) -> dict[str, Slot]:
        """Weight path -> slot, in structural order."""
        found: dict[str, Slot] = {}
        natives = self.natives()
        for plan in self.plan.walk():
            if plan.reached:
                for name, slot in self.backend.slots(plan, natives[id(plan)]).items():
                    found[weight_path(plan, name)] = slot
        return found


@dataclass(eq=False)
class Part:
    """What a layer remembers of the build that owns its weights.

    Args:
        built: The build.
        plan: The layer's plan in it.
    """

    built: Built
    plan: LayerPlan
    _route: tuple[str, ...] | None = field(default=None, init=False)  # keys from the root, of a part of a bigger model
    _own: LayerPlan = field(init=False)  # its plan as a root, once the route is known
    _last: Built | None = field(default=None, init=False)  # what `as_root` gave

    def as_root(self) -> Built:
        """The build as the layer sees it: for a part of a bigger model, the same native object as a root of its own.

        A training step asks at each call of a part, so the native object alone is looked up again.
        """
        if self.built.plan is self.plan:
            return self.built
        if self._route is None:
            self._own, self._route = _rooted(self.plan), _route_to(self.built.plan, self.plan)
        native = self.built.native
        for key in self._route:
            native = self.built.backend.child(native, key)
        last = self._last
        if last is None or last.native is not native:
            last = self._last = replace(self.built, plan=self._own, native=native)
        return last


def _route_to(root: LayerPlan, wanted: LayerPlan) -> tuple[str, ...]:
    """The keys that lead from a root to a plan, by the holder that comes first."""
    above: dict[int, tuple[LayerPlan, str]] = {}
    for plan in root.walk():
        for key, child in plan.children.items():
            if child.reached:
                above.setdefault(id(child), (plan, key))
    keys: list[str] = []
    while wanted is not root:
        wanted, key = above[id(wanted)]
        keys.append(key)
    return tuple(reversed(keys))


def _rooted(root: LayerPlan) -> LayerPlan:
    """A sublayer's plan as the root of its own paths."""
    copies: dict[int, LayerPlan] = {}
    for plan in root.walk():
        inside = plan.path.startswith(f"{root.path}/")
        path = "" if plan is root else plan.path[len(root.path) + 1 :] if inside else plan.path
        copies[id(plan)] = replace(plan, path=path)
    for plan in root.walk():
        copies[id(plan)].children = {key: copies[id(child)] for key, child in plan.children.items()}
    return copies[id(root)]


def weight_path(plan: LayerPlan, name: str) -> str:
    """Structural path of a layer's weight."""
    return f"{plan.path}/{name}" if plan.path else name


BUILDING = threading.RLock()  # of two first calls at once one builds


def build_once(root: Layer, make: Callable[[], object]) -> None:
    """Build a description unless it is built, by another thread perhaps that came first.

    Args:
        root: The description.
        make: Builds it.
    """
    with BUILDING:
        if root._unidl.built is None:
            make()


def refuse_built(root: Layer) -> None:
    """Refuse to build a description twice.

    Raises:
        ArgumentError: It is built already.
    """
    part: Part | None = root._unidl.built
    if part is not None:
        raise ArgumentError(
            f"{root.name!r} is built already, for {part.built.backend.NAME}.",
            fix="model.copy(backend=…) makes another one with the same weights; a new description starts anew.",
        )


def build(
    root: Layer,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    backend: str | None,
    device: str | None,
    precision: str,
    seed: int,
    random: str,
    initial: Mapping[str, Array] | None = None,
    plan: LayerPlan | None = None,
) -> Built:
    """Trace the description and make the native object; on any error the description stays as it was.

    One thread builds at a time: two models may share a layer.

    Args:
        initial: Weight path -> first value; those without one are zero. None draws all from the seed.
        plan: What `traced` gave for the same arguments, where it was called before.

    Raises:
        ArgumentError: It is built already.
    """
    with BUILDING:
        refuse_built(root)
        return _build(root, inputs, kwargs, backend, device, precision, seed, random, initial, plan)


def _build(
    root: Layer,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    backend: str | None,
    device: str | None,
    precision: str,
    seed: int,
    random: str,
    initial: Mapping[str, Array] | None,
    plan: LayerPlan | None,
) -> Built:
    one_of("Model.build", "precision", precision, FLOATS)
    one_of("Model.build", "random", random, ("native", "portable"))
    chosen = registry.load(backend)
    wanted = chosen_device(device)
    resolved = chosen.device(wanted)
    with chosen.ambient(f"Building {root.name!r}", resolved, "building"):
        if plan is None:
            plan = traced(root, inputs, kwargs, precision, random)
        natives = _shared(plan, chosen, precision)
        _check_memory(root, plan)
        native = chosen.build(plan, device=resolved, natives=natives)
        built = Built(chosen, plan, native, resolved, wanted.value, precision, seed, random)
        shared = {id(inner) for part in plan.walk() if id(part) in natives for inner in part.walk()}
        if random == "portable":
            for key, made_here in built.natives().items():
                if key not in shared:
                    chosen.set_random_state(made_here, seed, 0)
        if initial is None:
            _draw_weights(built, shared)
        else:
            fill_weights(built, initial, shared)
        _hand_out(built)
        return built


def _hand_out(built: Built) -> None:
    """Freeze what is frozen, and let the descriptions know of their build."""
    made = built.natives()
    reached = [part for part in built.plan.walk() if part.reached]
    for part in reached:
        if part.layer._unidl.frozen:
            built.backend.set_trainable(part, made[id(part)], False)
    for part in reversed(reached):  # the root last: who sees that it is built may use all of it
        if part.layer._unidl.built is None or part is built.plan:
            part.layer._unidl.weights_left = False
            part.layer._unidl.built = Part(built, part)


def traced(root: Layer, inputs: tuple[Any, ...], kwargs: dict[str, Any], precision: str, random: str) -> LayerPlan:
    """What tracing yields for such inputs; no framework runs."""
    plan = Tracer(precision, random).trace(root, to_specs(inputs, precision), to_specs(kwargs, precision))
    if random == "portable":
        check_portable(plan)
    return plan


def _check_memory(root: Layer, plan: LayerPlan) -> None:
    """Refuse weights that the machine's memory cannot hold, before any is allocated: their initial values are drawn there.

    Raises:
        WeightError: It says which weight is the largest.
    """
    sizes = {
        weight_path(part, name): math.prod(weight.shape) * BYTES.get(weight.dtype, 4)
        for part in plan.walk() if part.reached
        for name, weight in part.weights.items()
    }  # fmt: skip
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if sum(sizes.values()) > memory:
        largest = max(sizes, key=sizes.__getitem__)
        raise WeightError(
            f"The weights of {root.name!r} do not fit into memory.",
            expected=f"at most {memory / 1e9:.1f} GB",
            received=f"{sum(sizes.values()) / 1e9:.1f} GB, {sizes[largest] / 1e9:.1f} of them {largest}",
            fix="Smaller layers, or fewer.",
        )


def check_portable(plan: LayerPlan) -> None:
    """Refuse draws whose number in a step is not known beforehand.

    Raises:
        NotPortableError: They stand in a loop or branch.
    """
    for part in plan.walk():
        if part.draws_inside is not None:
            error = inside_control_flow(part.draws_inside)
            error.locate(f"In {part.title}")
            raise error
        if part.dynamic and any(inner.draws for inner in part.walk()):
            raise NotPortableError(
                f'{part.title} branches on tensors in Python and draws random numbers, itself or below. With random="portable" '
                "each draw of a step is counted, and a graph counts both ways of a branch.",
                expected="random numbers in layers whose forward takes one way",
                fix='Draw in a layer around or beside the branch, or build with random="native".',
            )


def _shared(plan: LayerPlan, backend: Backend, precision: str) -> dict[int, Any]:
    """Native objects of layers that a model built before owns; they are shared, not made again."""
    natives: dict[int, Any] = {}
    below: set[int] = set()
    for part in plan.walk():
        owner: Part | None = part.layer._unidl.built
        if part is plan or owner is None or id(part) in below:
            continue
        if owner.built.backend is not backend or owner.built.precision != precision:
            raise BackendMismatchError(
                f"{part.title} belongs to a model built for {owner.built.backend.NAME} in {owner.built.precision}, "
                f"and cannot become part of one for {backend.NAME} in {precision}.",
                expected="layers that are new, or built for the same backend and precision (their weights are then shared)",
                fix=f"Build with backend={owner.built.backend.NAME!r}, or describe the layer anew; model.copy(backend=…) "
                "copies a whole model with its weights to another backend.",
            )
        if owner.built.random != part.random and any(inner.draws for inner in part.walk()):
            raise ArgumentError(
                f"{part.title} draws random numbers; it belongs to a model built with random={owner.built.random!r}, and cannot "
                f"become part of one with random={part.random!r}.",
                expected=f"random={owner.built.random!r}",
                fix="Build with that, or describe the layer anew.",
            )
        for name, weight in part.weights.items():
            before = owner.plan.weights.get(name)
            if before is None or before.shape != weight.shape:
                raise ShapeError(
                    f"{part.title} was built before, for inputs of another shape.",
                    expected=f"its weight {name!r} of shape {before.shape if before else None}",
                    received=str(weight.shape),
                    fix="Give it inputs as before, or describe a new layer.",
                )
        plan.access.join(owner.plan.access)
        natives[id(part)] = owner.built.native_of(owner.plan)
        below.update(id(inner) for inner in part.walk())
    return natives


def fill_weights(built: Built, arrays: Mapping[str, Array], shared: Collection[int] = ()) -> None:
    """Overwrite the weights whose path has an array, each in turn: no second copy of all of them is in memory.

    Args:
        built: The build.
        arrays: Weight path -> value.
        shared: ids of the plans of layers whose weights another built model owns: they stay as they are.
    """
    slots = built.slots()
    for plan in built.plan.walk():
        for name in plan.weights if plan.reached and id(plan) not in shared else ():
            path = weight_path(plan, name)
            if path in arrays:
                slots[path].fill(lazy(arrays[path]))


def _draw_weights(built: Built, shared: set[int]) -> None:
    drawn = [part for part in built.plan.walk() if part.reached and id(part) not in shared]
    left = [part for part in drawn if part.layer._unidl.weights_left]
    if any(part.weights for part in left):
        warnings.warn(
            f"{left[0].title} was part of a built model and was pickled alone, and a layer's pickle is its description alone: its "
            "weights are drawn again. The pickle of a model has its weights.",
            stacklevel=2,
        )
    slots = built.slots()
    for part in drawn:
        for name, weight in part.weights.items():
            path = weight_path(part, name)
            try:
                slots[path].fill(Drawn(weight.initializer, weight.shape, weight.dtype, built.seed, path))
            except UnidlError as error:
                error.locate(f"In {part.title}, weight {name!r}")
                raise
