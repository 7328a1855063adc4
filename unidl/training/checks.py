"""What a Trainer refuses before it trains: targets that do not fit, a softmax before a loss that reads logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl import arguments
from unidl.callbacks import Callback
from unidl.callbacks.callback import GIVEN
from unidl.description.plan import LayerPlan
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.node import LayerCall, OpCall, symbols
from unidl.losses import Loss
from unidl.metrics import Metric
from unidl.models.model import Model
from unidl.subclass import check_object

FOREIGN_CALLBACK = "Another framework's callbacks are not called: write a subclass of unidl.callbacks.Callback."


def check_precision(model: Model) -> None:
    """Refuse to train in 16 bits, where the backends' optimizers do not agree (TensorFlow's Adam gives NaN)."""
    if model.precision not in ("float32", "float64"):
        raise ArgumentError(
            f"A Trainer does not train in {model.precision}: the backends do not agree there, and mixed precision is not there yet.",
            expected="a model built in float32 or float64",
            fix='Train in float32; unidl.convert(model, backend, precision="bfloat16") makes one for inference.',
        )


def refuse_softmax(reader: Loss | Metric, plan: LayerPlan, output: Any) -> None:
    """Refuse a model that ends with a softmax or sigmoid before a loss or metric that reads logits.

    Args:
        reader: The loss or metric.
        plan: The model's.
        output: What it reads of what forward returns.

    Raises:
        ArgumentError: It does; both fixes are named.
    """
    if not reader.reads_logits:
        return
    found = _last_op(plan, output)
    if found in ("softmax", "sigmoid", "log_softmax"):
        kind, module = ("loss", "losses") if isinstance(reader, Loss) else ("metric", "metrics")
        twice = "the loss would apply it a second time, and training would be slow and end worse."
        fix = f"Take the {found} off the model's end"
        if found == reader.probabilities:
            fix += f" (ops.{found}(model(x)) gives probabilities), or use unidl.{module}.{type(reader).__name__}(from_logits=False)"
        raise ArgumentError(
            f"{reader!r} reads logits, and {plan.title} ends with a {found}: "
            + (twice if kind == "loss" else "its threshold is for logits."),
            expected=f"a model that ends with logits, or a {kind} that reads probabilities",
            fix=f"{fix}.",
        )


def check_run(callbacks: Any, on_nonfinite: Any) -> None:
    """Refuse arguments of `fit` that are none.

    Raises:
        ArgumentError: Something in the list of callbacks is no callback.
    """
    arguments.one_of("Trainer.fit", "on_nonfinite", on_nonfinite, ("stop", "go on"))
    if isinstance(callbacks, Callback) or not isinstance(callbacks, (list, tuple)):
        kind = type(callbacks).__name__
        raise ArgumentError("callbacks is a list.", received=kind, fix=f"callbacks=[{kind}(…)]")
    for callback in callbacks:
        if not isinstance(callback, Callback):
            called = isinstance(callback, type) and issubclass(callback, Callback)
            foreign = any(hasattr(callback, hook) for hook in ("on_train_begin", "on_train_start"))
            raise ArgumentError(
                "Something in the list of callbacks is no callback.",
                expected="objects of unidl.callbacks, or of a subclass of unidl.callbacks.Callback",
                received=repr(callback),
                fix=f"Call it: {callback.__name__}()." if called else FOREIGN_CALLBACK if foreign else None,
            )
        arguments.optional(arguments.positive, callback, "every_steps", callback.every_steps)
        check_object(callback, Callback, "on_", GIVEN)


def check_watched(
    callbacks: Sequence[Callback], named: Sequence[str], own_step: bool, own_validation: bool, validated: bool
) -> None:
    """Refuse a callback that watches a number which no epoch will have. Another callback may add numbers of its own.

    Args:
        callbacks: Those of the run.
        named: The losses and metrics that the Trainer logs.
        own_step: Whether a subclass takes the steps, which may give any numbers.
        own_validation: Whether a subclass evaluates, likewise.
        validated: Whether there is validation data.

    Raises:
        ArgumentError: There is one.
    """
    names = [*named, "learning_rate", "seconds", *(f"val_{name}" for name in named if validated)]
    for callback in callbacks:
        if callback.watches is not None:
            held_out = (callback.watches.given or "").startswith("val_")
            others = any(
                type(other).on_epoch_end is not Callback.on_epoch_end for other in callbacks if other is not callback
            )
            callback.watches.check(names, others=(own_validation and validated if held_out else own_step) or others)


def scalar(value: Any) -> Any:
    """The value, if it can be made small.

    Raises:
        ShapeError: It has axes.
        ArgumentError: It is no tensor.
    """
    shape = getattr(value, "shape", None)
    if shape is None:
        raise ArgumentError(
            "The function given to minimize returned no tensor.",
            expected="the loss, a scalar tensor, or a pair (loss, aux)",
            received=type(value).__name__,
        )
    if len(shape):
        raise ShapeError(
            "The function given to minimize returned a tensor with axes.",
            expected="the loss, a scalar: ()",
            received=str(tuple(shape)),
            fix="ops.mean(loss).",
        )
    return value


def _last_op(plan: LayerPlan, output: Any) -> str | None:
    outputs = list(symbols(output))
    if len(outputs) != 1:
        return None
    node = outputs[0].unidl_node
    if isinstance(node, OpCall):
        return str(node.op.name)
    if isinstance(node, LayerCall):
        for child in plan.children.values():
            if child.layer is node.layer:
                return _last_op(child, child.calls[0].outputs)
    return None
