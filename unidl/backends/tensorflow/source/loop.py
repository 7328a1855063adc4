"""A Trainer's loop as one writes it in TensorFlow: a step that is one tf.function."""

from __future__ import annotations

from unidl.backends.tensorflow.source.metric import measure
from unidl.backends.tensorflow.source.optimizer import optimizer
from unidl.codegen.code import Code
from unidl.codegen.layout import indented, tidy, wrapped
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import MEANS, Loop, is_plain_accuracy, mean_of, names_text, own_loss
from unidl.codegen.schedule import rate_function
from unidl.errors import SourceError

CROSS_ENTROPY = '''def cross_entropy(targets, predictions):
    """Mean cross-entropy; targets are integer labels, or probabilities."""
    log_p = {log}  # (batch, classes)
    if not targets.dtype.is_floating:
        targets = tf.one_hot(targets, predictions.shape[-1])
{smooth}    return -tf.reduce_mean(tf.reduce_sum(targets * log_p, axis=-1))'''

CROSS_ENTROPY_OF_SOME = '''def cross_entropy(targets, predictions):
    """Mean cross-entropy of the integer labels that are not {left_out}."""
    log_p = {log}  # (batch, classes)
    counts = tf.cast(tf.not_equal(targets, {left_out}), log_p.dtype)
    targets = tf.one_hot(targets, predictions.shape[-1])
{smooth}    losses = -tf.reduce_sum(targets * log_p, axis=-1)
    return tf.reduce_sum(losses * counts) / tf.maximum(tf.reduce_sum(counts), 1.0)'''

BINARY_CROSS_ENTROPY = '''def binary_cross_entropy(targets, predictions):
    """Mean binary cross-entropy; targets are 0, 1, or probabilities."""
    targets = {targets}
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, predictions)
    return tf.reduce_mean(losses)'''

ACCURACY = '''def accuracy(targets, predictions):
    """The share of places where the largest prediction is the true class."""
    if targets.dtype.is_floating:  # probabilities, not class numbers
        targets = tf.argmax(targets, axis=-1)
    hits = tf.equal(tf.argmax(predictions, axis=-1), tf.cast(targets, tf.int64))
    return tf.reduce_mean(tf.cast(hits, tf.float32))'''


def _loss(loop: Loop) -> tuple[str, list[str]]:
    """The expression of the loss, and the function that it needs."""
    if own_loss(loop):
        name, lines = loop.function(loop.loss, "loss_function")
        return f"{name}(targets, predictions)", ["\n".join(lines)]
    if loop.binary:
        s = loop.loss.label_smoothing
        smoothed = f"{literal(1 - s)} * targets + {literal(s / 2)}" if s else "tf.cast(targets, predictions.dtype)"
        return "binary_cross_entropy(targets, predictions)", [BINARY_CROSS_ENTROPY.format(targets=smoothed)]
    if not loop.classes:
        return "tf.reduce_mean(tf.square(targets - predictions))", []
    log = "tf.nn.log_softmax(predictions)"
    if not loop.loss.from_logits:
        log = "tf.math.log(tf.clip_by_value(predictions, 1e-7, 1.0))"
    s = loop.loss.label_smoothing
    smooth = f"    targets = {literal(1 - s)} * targets + {literal(s)} / predictions.shape[-1]\n" if s else ""
    text = CROSS_ENTROPY if loop.loss.ignore_index is None else CROSS_ENTROPY_OF_SOME
    return "cross_entropy(targets, predictions)", [
        text.format(log=log, smooth=smooth, left_out=literal(loop.loss.ignore_index))
    ]


def train_file(loop: Loop) -> str:
    """train.py."""
    resting = [path for path, trains in loop.frozen_kinds if trains]
    if resting:
        raise SourceError(
            f"The frozen layer {resting[0]!r} rests in training, which a tf.Module of its own does not.",
            fix="unfreeze it for unidl.eject, or eject for torch or keras.",
        )
    loss, functions = _loss(loop)
    made, texts = optimizer(loop)
    functions += texts
    o = loop.optimizer
    measured, measures = [], {}
    for metric in loop.metrics:
        if is_plain_accuracy(metric):
            functions.append(ACCURACY)
            measured.append((metric.name, "accuracy(targets, predictions)"))
        elif type(metric) in MEANS:
            name, lines = loop.function(mean_of(metric), metric.name)
            functions.append("\n".join(lines))
            measured.append((metric.name, f"{name}(targets, predictions)"))
        else:
            measures[metric.name], more = measure(loop, metric)
            functions += more
    if loop.rate is None:
        functions.insert(0, rate_function(o.learning_rate, loop.schedule))
    weights = ["weights = list(model.trainable_variables)"]
    if loop.frozen:
        weights = [
            "frozen = {id(find(model, name)) for name in FROZEN}",
            "weights = [w for w in model.trainable_variables if id(w) not in frozen]",
        ]
    called = (
        "model.forward(inputs, training=True)" if loop.author.class_of(loop.author.root).trains else "model(inputs)"
    )
    if len(loop.author.class_of(loop.author.root).parameters) > 1:
        called = called.replace("inputs", "*inputs", 1)
    clip = (
        [f"gradients, _ = tf.clip_by_global_norm(gradients, {literal(o.clip_norm)})"] if o.clip_norm is not None else []
    )
    numbers = literal({"loss": Code("loss"), **{name: Code(text) for name, text in measured}})
    rate = literal(loop.rate) if loop.rate is not None else "tf.constant(learning_rate(step_number))"
    body = [
        *weights,
        *made,
        *([f"measures = {literal({name: Code(f'{cls}()') for name, cls in measures.items()})}"] if measures else []),
        "",
        "@tf.function",
        "def step(inputs, targets, rate):",
        "    with tf.GradientTape() as tape:",
        f"        predictions = {called}",
        f"        loss = {loss}",
        "    gradients = tape.gradient(loss, weights)",
        *(f"    {line}" for line in clip),
        "    optimizer.apply(gradients, rate)",
        *(f"    {line}" for line in (MEASURED if measures else [])),
        *(line.removeprefix("    ") for line in wrapped(f"return {numbers}", "        ")),
        "",
        *(["step_number = 0"] if loop.rate is None else []),
        "history = []",
        "for epoch in range(epochs):",
        *(f"    {line}" for line in (RESET if measures else [])),
        "    totals, examples = {}, 0",
        "    for inputs, targets in dataset:",
        f"        numbers = step(inputs, targets, {rate})",
        *(["        step_number += 1"] if loop.rate is None else []),
        "        examples += len(targets)",
        "        for name, value in numbers.items():",
        "            totals[name] = totals.get(name, 0.0) + float(value) * len(targets)",
        "    history.append({name: total / examples for name, total in totals.items()})",
        *(["    history[-1].update({name: m.result() for name, m in measures.items()})"] if measures else []),
        '    print(f"epoch {epoch + 1}: {history[-1]}")',
        "return history",
    ]
    train = "\n".join(
        [
            "def train(model, dataset, epochs=1):",
            '    """Train on batches (inputs, targets); the mean numbers of each epoch."""',
            *tidy(indented(body)),
        ]
    )
    constants = [f"FROZEN = {names_text(loop.frozen)}"] if loop.frozen else []
    constants += [f"NO_DECAY = {names_text(loop.plain)}  # no weight decay"] if loop.plain else []
    text = "\n\n\n".join([*dict.fromkeys(functions), train, MAIN])
    head = [*docstring(f"Trains {loop.name} in TensorFlow."), ""]
    head += ["import math", ""] if " math." in text or "(math." in text else []
    head += ["import numpy as np", "import tensorflow as tf"]
    head += ["from model import find, load" if "find(model" in text else "from model import load"]
    middle = "\n".join(constants)
    return "\n".join(head) + "\n\n" + (f"{middle}\n\n\n" if middle else "\n") + text + "\n"


MEASURED = ["for measure in measures.values():", "    measure.update(targets, predictions)"]
RESET = ["for measure in measures.values():", "    measure.reset()"]

MAIN = """if __name__ == "__main__":
    data = np.load("data.npz")  # your arrays
    dataset = tf.data.Dataset.from_tensor_slices((data["inputs"], data["targets"]))
    model = load()
    train(model, dataset.shuffle(len(dataset)).batch(32), epochs=10)
    tf.train.Checkpoint(model=model).write("trained")"""
