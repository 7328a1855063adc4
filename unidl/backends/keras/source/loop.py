"""A Trainer's loop as one writes it in Keras: compile and fit."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.cosine import cosine_lines, cosine_title
from unidl.codegen.layout import indented, tidy, wrapped
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import Loop, mean_of, names_text, own_loss
from unidl.metrics import Accuracy
from unidl.optimizers import SGD, AdamW
from unidl.schedules import Constant

SMOOTHED = '''def loss_function(targets, predictions):
    """Cross entropy of class numbers, smoothed."""
    targets = ops.one_hot(ops.cast(targets, "int32"), {classes})
    return keras.losses.categorical_crossentropy(
        targets, predictions, from_logits={logits}, label_smoothing={smoothing}
    )'''

SMOOTHED_SOME = '''def loss_function(targets, predictions):
    """Cross entropy of integer labels, smoothed; {left_out} is left out."""
    counts = ops.cast(ops.not_equal(targets, {left_out}), predictions.dtype)
    targets = ops.one_hot(ops.cast(targets, "int32"), {classes})
    losses = keras.losses.categorical_crossentropy(
        targets, predictions, from_logits={logits}, label_smoothing={smoothing}
    )
    return ops.sum(losses * counts) / ops.maximum(ops.sum(counts), 1)'''

ACCURACY = '''def {name}(targets, predictions):
    """The fraction of labels that count where the prediction is largest."""
    counts = ops.cast(ops.not_equal(targets, {left_out}), "float32")
    hits = ops.equal(ops.argmax(predictions, axis=-1), ops.cast(targets, "int32"))
    hits = ops.cast(hits, "float32") * counts
    return ops.sum(hits) / ops.maximum(ops.sum(counts), 1)'''


def _loss(loop: Loop) -> tuple[Code, list[str], str]:
    """The expression, functions that it needs, and what to say of it."""
    if own_loss(loop):
        name, lines = loop.function(loop.loss, "loss_function")
        return Code(name), ["\n".join(lines)], ""
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


def _rate(loop: Loop) -> tuple[Any, list[str]]:
    """The learning rate, and the class of a schedule that Keras does not have."""
    schedule = loop.optimizer.learning_rate
    if type(schedule) is Constant:
        return schedule.value, []
    if not schedule.warmup:
        alpha = round(schedule.floor / schedule.peak, 12) if schedule.floor else None
        return call("keras.optimizers.schedules.CosineDecay", schedule.peak, schedule.steps, alpha=alpha), []
    return Code("WarmCosine()"), [_warm_cosine(schedule)]


def _warm_cosine(s: Any) -> str:
    body = cosine_lines(s, "ops.cos", "ops.minimum")
    done, scaled = body[-2], body[-1].removeprefix("return ")
    return "\n".join(
        [
            "class WarmCosine(keras.optimizers.schedules.LearningRateSchedule):",
            *indented(docstring(cosine_title(s))),
            "",
            "    def __call__(self, step):",
            '        step = ops.cast(step, "float32")',
            f"        warm = {literal(s.peak)} * (step + 1) / {literal(s.warmup)}",
            f"        {done}",
            *wrapped(f"return ops.where(step < {literal(s.warmup)}, warm, {scaled})", "        "),
        ]
    )


def _optimizer(loop: Loop) -> tuple[Code, list[str], str]:
    """The expression, the schedule that it needs, and where Keras' optimizer steps otherwise."""
    o = loop.optimizer
    rate, functions = _rate(loop)
    common = {"weight_decay": o.weight_decay or None, "global_clipnorm": o.clip_norm}
    if type(o) is SGD:
        note = "Keras keeps the learning rate inside the momentum: another path once the rate changes"
        found = call("keras.optimizers.SGD", rate, momentum=o.momentum or None, nesterov=o.nesterov or None, **common)
        return found, functions, note if o.momentum else ""
    betas = {
        "beta_1": o.beta_1 if o.beta_1 != 0.9 else None,
        "beta_2": o.beta_2 if o.beta_2 != 0.999 else None,
        "epsilon": o.epsilon if o.epsilon != 1e-7 else None,
    }
    cls = "keras.optimizers.AdamW" if type(o) is AdamW and o.weight_decay else "keras.optimizers.Adam"
    note = "Keras adds epsilon before the bias correction, unidl (and torch) after it"
    return call(cls, rate, **betas, **common), functions, note


def train_file(loop: Loop) -> str:
    """train.py."""
    loss, functions, about_loss = _loss(loop)
    optimizer, more, about_optimizer = _optimizer(loop)
    functions = [*more, *functions]
    metrics = []
    for metric in loop.metrics:
        if type(metric) is Accuracy and metric.ignore_index is not None:
            name = loop.author.name(metric.name)
            functions.append(ACCURACY.format(name=name, left_out=literal(metric.ignore_index)))
            metrics.append(Code(name))
        elif type(metric) is Accuracy:
            metrics.append(call("keras.metrics.SparseCategoricalAccuracy", name=metric.name))
        else:
            name, lines = loop.function(mean_of(metric), metric.name)
            functions.append("\n".join(lines))
            metrics.append(Code(name))
    body = []
    for name in loop.frozen_layers:
        first, *rest = name.split("/")
        below = "".join(f".{part}" for part in rest)
        body.append(f"{call('model.get_layer', first)}{below}.trainable = False")
    body += [f"# {about_optimizer}"] if about_optimizer else []
    body.append(f"optimizer = {optimizer}")
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


MAIN = """if __name__ == "__main__":
    data = np.load("data.npz")  # your arrays
    model = compiled(load())
    model.fit(data["inputs"], data["targets"], batch_size=32, epochs=10)
    model.save("trained.keras")"""
