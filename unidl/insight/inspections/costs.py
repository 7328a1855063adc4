"""What each layer costs in one call: parameters, floating-point operations, memory of its outputs, time forward and backward."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from unidl import ops
from unidl.description.plan import LayerPlan
from unidl.graph.node import leaves, map_nest, symbols
from unidl.graph.spec import is_float
from unidl.insight.inspections import flops
from unidl.insight.inspections.likeness import likeness
from unidl.insight.inspections.lone_layer import run
from unidl.insight.inspections.play import Play, spec_of
from unidl.inspection.cost import LayerCost
from unidl.inspection.program import Arguments
from unidl.inspection.timing import Timing
from unidl.models import Model
from unidl.models.build import Built, weight_path
from unidl.models.calling import calling
from unidl.models.summary import LoweringRow, lowering_rows
from unidl.ops.op import running

Seconds = tuple[Timing | None, Timing | None]  # forward, backward

ROUNDS = 9
SECONDS = (
    4.0  # for all layers, forward and backward, after their first calls; a few rounds are taken whatever they take
)
AT_MOST = 0.2  # of it for one kind of layer


def costs(model: Model, call: Arguments, training: bool, times: bool) -> tuple[LayerCost, ...]:
    """One for each layer, parents first.

    A layer is timed alone: it is called on the inputs that it gets in this call, as its backend runs a training step (a graph on
    TensorFlow, Python on torch), several times over. `forward` is such a call, less one that computes nothing; `backward` is what
    the gradients of the sum of its outputs, by its weights and its inputs, take beyond a forward in training. Where a layer is
    called several times, it is all of them. What lies below a layer is included; a container's time and the sum of its layers'
    differ by what stands between them, and by what a compiler makes of both. Layers that run the same operations on tensors of the
    same shapes (`likeness`) are timed once: the first one's seconds are the others' too.

    Args:
        model: A copy, which is run.
        call: What it is called with.
        training: Whether layers run as in training.
        times: Whether to measure seconds.
    """
    play = Play(model, call)
    rows = lowering_rows(model._need_built())
    plans = {plan.path: plan for plan in reversed(list(play.plan.walk())) if plan.reached}
    seconds = _all_seconds(play, rows, plans, training) if times else {}
    return tuple(_cost(row, plans.get(row.path), seconds.get(row.path, (None, None))) for row in rows)


def _all_seconds(
    play: Play, rows: Sequence[LoweringRow], plans: Mapping[str, LayerPlan], training: bool
) -> dict[str, Seconds]:
    """Forward and backward of each layer that is called, by path; one of those alike is timed."""
    alike: dict[Hashable, list[str]] = {}
    for row in rows:
        if row.path in plans and plans[row.path].calls:
            alike.setdefault((row.native, row.way, likeness(plans[row.path])), []).append(row.path)
    limit = min(AT_MOST, SECONDS / max(len(alike), 1)) / 2
    return {
        path: taken
        for paths in alike.values()
        for taken in [_seconds(play, plans[paths[0]], training, limit)]
        for path in paths
    }


def parameters_alone(model: Model) -> tuple[LayerCost, ...]:
    """What is known of the layers where no call of the model is."""
    rows = lowering_rows(model._need_built())
    return tuple(LayerCost(r.path, r.layer, r.native, r.way, (), r.parameters, r.states, None) for r in rows)


def _cost(row: LoweringRow, plan: LayerPlan | None, seconds: Seconds) -> LayerCost:
    shapes, operations, memory = [], flops.Count(), 0
    for traced in plan.calls if plan is not None else ():
        operations.add(flops.count(traced))
        for tensor in symbols(traced.outputs):
            shapes.append(tuple(axis or 0 for axis in tensor.shape))
            memory += math.prod(shapes[-1]) * _width(tensor.dtype)
    return LayerCost(
        row.path, row.layer, row.native, row.way, tuple(shapes), row.parameters, row.states, operations.total,
        tuple(sorted(operations.uncounted)), memory, *seconds,
    )  # fmt: skip


def _width(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


# -- time --------------------------------------------------------------------------------------------------------------------


def _seconds(play: Play, plan: LayerPlan, training: bool, limit: float) -> Seconds:
    """Forward and backward of all calls of one layer."""
    built = play.built if plan is play.plan else play.lone(plan.layer)._need_built()
    backend = built.backend
    with running(backend):
        calls = map_nest(lambda leaf: ops.stop_gradient(leaf) if _is_tensor(leaf) else leaf, play.inputs(plan))
    tensors = [leaf for leaf in leaves(calls) if _is_tensor(leaf)]
    place = object()
    blank = map_nest(lambda leaf: place if _is_tensor(leaf) else leaf, calls)

    def outputs(mode: bool, given: tuple[Any, ...]) -> list[Any]:
        rest = iter(given)
        filled = map_nest(lambda leaf: next(rest) if leaf is place else leaf, blank)
        return [leaf for args, kwargs in filled for leaf in _floats(run(built, args, kwargs, mode))]

    def gradients(*given: Any) -> Any:
        wanted = [t for t in given if is_float(spec_of(t).dtype)] + _trained(built)
        return backend.value_and_grad(lambda *inner: _total(outputs(True, inner)), given, {}, wanted)

    @contextmanager
    def mode(on: bool) -> Iterator[None]:
        with calling(built, on, "unidl.inspect"), backend.training_mode(built.native, on):
            yield

    nothing = backend.staged(lambda *given: given)
    with running(backend), backend.random_state(0, built.device):
        with mode(training):
            forward = _measured(backend.staged(lambda *given: outputs(training, given)), nothing, tensors, limit)
        if not _has_gradient(plan, tensors, built, training):
            return forward, None
        with mode(True):
            once = backend.staged(lambda *given: outputs(True, given))
            return forward, _measured(backend.staged(gradients), once, tensors, limit)


def _measured(function: Callable[..., Any], less: Callable[..., Any], tensors: list[Any], limit: float) -> Timing:
    """Seconds of a call beyond those of another one; both are called in turn."""
    function(*tensors), less(*tensors)  # a first call may trace
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < 3 or (len(taken) < ROUNDS and time.perf_counter() - begun < limit):
        taken.append(max(0.0, _timed(function, tensors) - _timed(less, tensors)))
    return Timing.of(taken)


def _timed(function: Callable[..., Any], tensors: list[Any]) -> float:
    started = time.perf_counter()
    function(*tensors)
    return time.perf_counter() - started


def _is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _floats(nest: Any) -> list[Any]:
    return [leaf for leaf in leaves(nest) if _is_tensor(leaf) and is_float(spec_of(leaf).dtype)]


def _trained(built: Built) -> list[Any]:
    """The native weights by which a gradient is taken, each once."""
    slots = built.slots()
    found = {}
    for plan in built.plan.walk():
        for name, weight in plan.weights.items():
            path = weight_path(plan, name)
            if weight.trainable and not plan.layer._unidl.frozen and path in slots:
                found[id(slots[path].native)] = slots[path].native
    return list(found.values())


def _has_gradient(plan: LayerPlan, tensors: list[Any], built: Built, training: bool) -> bool:
    """Whether there is something to differentiate; a single example, as inference may have it, is not normalised in training."""
    inside = [t for call in plan.calls for t in symbols(call.outputs)]
    by = any(is_float(spec_of(t).dtype) for t in tensors) or bool(_trained(built))
    alone = (
        not training
        and any(t.shape and t.shape[0] == 1 for t in tensors)
        and any(p.reads_training for p in built.plan.walk())
    )
    return by and any(is_float(t.dtype) for t in inside) and not alone


def _total(tensors: list[Any]) -> Any:
    first, *rest = [ops.sum(t) for t in tensors]
    for more in rest:
        first = ops.add(first, more)
    return first
