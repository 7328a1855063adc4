"""The functions that Keras itself makes of a model, and what `compile` set: unidl calls the model without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, keras
from unidl.backends.keras.inspection.layers import as_json
from unidl.backends.keras.inspection.timing import once, seconds
from unidl.backends.keras.module import Adapter
from unidl.backends.keras.tensor import is_tensor
from unidl.graph.node import leaves, map_nest
from unidl.inspection.inspection import Change, Event
from unidl.inspection.program import Arguments, Program
from unidl.inspection.timing import Timing

REFUSED = (
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
)  # what Keras' loop raises, of outputs that are None, for example
TRAINER = (
    "unidl.Trainer does not use what compile() sets: it calls the same layers in its own step, and steps their variables with the "
    "kernels of Keras' engine. Keras' optimizers step a variable at a time with small operations and differ from the definition."
)


def told_compile(native: Any) -> dict[str, Any]:
    """What the user's `native.compile` set, as JSON."""
    told: dict[str, Any] = {"compiled": bool(getattr(native, "compiled", False)), "trainer": TRAINER}
    if told["compiled"]:
        optimizer = native.optimizer
        told |= {
            "optimizer": {"class": type(optimizer).__name__, **as_json(optimizer.get_config())},
            "loss": as_json(native.loss),
            "metrics": [metric.name for metric in native.metrics],
            "jit_compile": native.jit_compile,
            "run_eagerly": native.run_eagerly,
            "steps_per_execution": native.steps_per_execution,
            "train_function": "made" if native.train_function is not None else "made at the first fit",
        }
    return told


def prediction(native: Any, call: Arguments) -> Callable[[], Any] | None:
    """`native.predict` on the inputs of a call; None where Keras' loop, which knows one argument, cannot pass them."""
    args, kwargs = call
    if kwargs or not isinstance(native, keras.Model) or (isinstance(native, Adapter) and len(args) != 1):
        return None
    given = args[0] if len(args) == 1 else list(args)
    tensors = list(leaves(given))
    if not tensors or not all(hasattr(leaf, "shape") and leaf.shape for leaf in tensors):
        return None
    size = int(tensors[0].shape[0])
    return lambda: native.predict(given, batch_size=size, verbose=0)


def traces_of(native: Any) -> int | None:
    """How often Keras' predict_function was traced; None where it is no TensorFlow function."""
    count = getattr(native.predict_function, "experimental_get_tracing_count", None)
    return None if count is None else int(count())


def predict_function(program: Program) -> tuple[dict[str, Any], list[Event], list[Change]]:
    """What Keras makes for `predict`: facts, how long it takes, and what another batch size means for it."""
    native = program.trial().native()
    predict = prediction(native, program.calls[0])
    longer = prediction(native, map_nest(_one_more, program.calls[0]))
    if predict is None or longer is None:
        return {"made": False, "why": "Keras' predict passes one argument, and this model takes more"}, [], []
    try:
        first = once(predict)
        traces = traces_of(native)
        steady = seconds(predict)
        longer()
    except REFUSED as error:
        return {"made": False, "why": f"Keras' predict fails on it: {str(error).splitlines()[0][:300]}"}, [], []
    after = traces_of(native)
    told = {
        "made": True,
        "traces": traces,
        "traces_after_another_batch_size": after,
        "jit_compile": bool(native.jit_compile),
        "seconds_first": first,
        "seconds": steady.median,
    }
    if traces is None:
        running = f"keras.Model.predict: its predict_function, Python on the engine {ENGINE}, and its loop over batches"
        return told, [Event("running", running, 1, steady)], []
    events = [
        Event(
            "building",
            "keras.Model.predict: make predict_function and trace it, in the first call",
            traces,
            Timing.of([first]),
        ),
        Event("running", "keras.Model.predict: its traced predict_function, and its loop over batches", 1, steady),
    ]
    why = f"predict_function was traced {traces} times before and {after} times after: Keras leaves the length open when it changes."
    effect = "nothing" if traces == after else "retrace"
    return told, events, [Change("another batch size, in keras.Model.predict", effect, why)]


def _one_more(leaf: Any) -> Any:
    """A batch with its first example once more."""
    return keras.ops.concatenate([leaf, leaf[:1]]) if is_tensor(leaf) and leaf.shape else leaf
