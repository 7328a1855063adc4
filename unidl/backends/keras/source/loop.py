"""A Trainer's loop as one writes it in Keras: compile and fit."""

from __future__ import annotations

from unidl.backends.keras.source.metric import as_labels, measure
from unidl.backends.keras.source.optimizer import REGISTERED, optimizer
from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import MEANS, Loop, is_plain_accuracy, names_text, own_loss, values_of

SMOOTHED = '''@keras.saving.register_keras_serializable()
def loss_function(targets, predictions):
    """Cross entropy of class numbers, smoothed."""
    targets = ops.one_hot(ops.cast(targets, "int32"), {classes})
    return keras.losses.categorical_crossentropy(
        targets, predictions, from_logits={logits}, label_smoothing={smoothing}
    )'''

SMOOTHED_SOME = '''@keras.saving.register_keras_serializable()
def loss_function(targets, predictions):
    """Cross entropy of integer labels, smoothed; {left_out} is left out."""
    counts = ops.cast(ops.not_equal(targets, {left_out}), predictions.dtype)
    targets = ops.one_hot(ops.cast(targets, "int32"), {classes})
    losses = keras.losses.categorical_crossentropy(
        targets, predictions, from_logits={logits}, label_smoothing={smoothing}
    )
    return ops.sum(losses * counts) / ops.maximum(ops.sum(counts), 1)'''


def _loss(loop: Loop) -> tuple[Code, list[str], str]:
    """The expression, functions that it needs, and what to say of it."""
    if own_loss(loop):
        name, lines = loop.function(loop.loss, "loss_function", first=as_labels(loop))
        return Code(name), ["\n".join([REGISTERED, *lines])], ""
    smoothing, left_out = getattr(loop.loss, "label_smoothing", 0.0), getattr(loop.loss, "ignore_index", None)
    if loop.binary:
        smoothed = {"from_logits": True, "label_smoothing": smoothing or None}
        return call("keras.losses.BinaryCrossentropy", **smoothed), [], ""
    if not loop.classes:
        return call("keras.losses.MeanSquaredError"), [], ""
    logits = loop.loss.from_logits
    if smoothing:
        given = {
            "classes": loop.predictions.shape[-1], "logits": bool(logits), "smoothing": smoothing, "left_out": left_out
        }  # fmt: skip
        text = SMOOTHED if left_out is None else SMOOTHED_SOME
        text = text.format(**{name: literal(value) for name, value in given.items()})
        return Code("loss_function"), [text], ""
    more = {"ignore_class": left_out, "from_logits": True if logits else None}
    found = call("keras.losses.SparseCategoricalCrossentropy", **more)
    return found, [], "of class numbers; for probabilities it is CategoricalCrossentropy"


def train_file(loop: Loop) -> str:
    """train.py."""
    loss, functions, about_loss = _loss(loop)
    made, more, about_optimizer = optimizer(loop)
    functions = [*more, *functions]
    metrics = []
    for metric in loop.metrics:
        if is_plain_accuracy(metric):
            metrics.append(call("keras.metrics.SparseCategoricalAccuracy", name=metric.name))
        elif type(metric) in MEANS:
            name, lines = loop.function(values_of(metric), metric.name, first=as_labels(loop))
            functions.append("\n".join([REGISTERED, *lines]))
            metrics.append(Code(name) if name == metric.name else _renamed(name, metric.name))
        else:
            name, texts = measure(loop, metric)
            functions += texts
            metrics.append(call(name, name=metric.name))
    body = []
    for name in loop.frozen_layers:
        first, *rest = name.split("/")
        below = "".join(f".{part}" for part in rest)
        body.append(f"{call('model.get_layer', first)}{below}.trainable = False")
    body += [f"# {about_optimizer}"] if about_optimizer else []
    body.append(f"optimizer = {made}")
    if loop.plain:
        body += [
            "plain = [v for v in model.trainable_variables if v.path in NO_DECAY]",
            "optimizer.exclude_from_weight_decay(var_list=plain)",
        ]
    body += ["model.compile(", "    optimizer=optimizer,"]
    body += [f"    # {about_loss}"] if about_loss else []
    body.append(f"    loss={loss},")
    body += [f"    metrics={literal(metrics)},"] if metrics else []
    body += [")", "return model"]
    compiled = "\n".join(["def compiled(model):", '    """The model, ready for fit."""', *tidy(indented(body))])
    constants = f"NO_DECAY = {names_text(loop.plain)}  # no weight decay" if loop.plain else ""
    text = "\n\n\n".join([*functions, compiled, MAIN])
    head = [*docstring(f"Trains {loop.name} in Keras."), ""]
    head += ["import math", ""] if "math." in text else []
    head += ["import keras", "import numpy as np"]
    head += ["from keras import ops"] if " ops." in text or "(ops." in text else []
    head += ["from model import load"]
    return "\n".join(head) + "\n\n" + (f"{constants}\n\n\n" if constants else "\n") + text + "\n"


def _renamed(function: str, name: str) -> Code:
    """A function's mean under a name that no function can have."""
    return call("keras.metrics.MeanMetricWrapper", Code(function), name=name)


MAIN = """if __name__ == "__main__":
    data = np.load("data.npz")  # your arrays
    model = compiled(load())
    model.fit(data["inputs"], data["targets"], batch_size=32, epochs=10)
    model.save("trained.keras")"""
