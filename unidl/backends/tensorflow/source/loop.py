"""A Trainer's loop as one writes it in TensorFlow: a step that is one tf.function."""

from __future__ import annotations

from unidl.codegen.code import Code
from unidl.codegen.cosine import cosine_function
from unidl.codegen.layout import indented, wrapped
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import Loop, mean_of, names_text, own_loss
from unidl.errors import SourceError
from unidl.metrics import Accuracy
from unidl.optimizers import SGD

ADAM = '''class Adam(tf.Module):
    """Adaptive moments by the paper: epsilon is added after the bias correction."""

    def __init__(self, weights{decays}):
        super().__init__()
        self.weights = weights{keeps}
        self.first = [tf.Variable(tf.zeros_like(w), trainable=False) for w in weights]
        self.second = [tf.Variable(tf.zeros_like(w), trainable=False) for w in weights]
        self.steps = tf.Variable(0.0, trainable=False)

    def apply(self, gradients, rate):
        t = self.steps.assign_add(1.0)
        for {loops}:
            g = tf.convert_to_tensor(g)
{shrinks}            m.assign({beta_1} * m + {rest_1} * g)
            v.assign({beta_2} * v + {rest_2} * tf.square(g))
            m_hat, v_hat = m / (1 - {beta_1}**t), v / (1 - {beta_2}**t)
            w.assign_sub(rate * m_hat / (tf.sqrt(v_hat) + {epsilon}))'''

SGD_MODULE = '''class SGD(tf.Module):
    """Gradient descent with momentum; the learning rate stays outside of it."""

    def __init__(self, weights{decays}):
        super().__init__()
        self.weights = weights{keeps}
        self.momenta = [tf.Variable(tf.zeros_like(w), trainable=False) for w in weights]

    def apply(self, gradients, rate):
        for {loops}:
            g = tf.convert_to_tensor(g)
{shrinks}            b.assign({momentum} * b + g)
            w.assign_sub(rate * {used})'''

PLAIN_SGD = '''class SGD(tf.Module):
    """Gradient descent."""

    def __init__(self, weights{decays}):
        super().__init__()
        self.weights = weights{keeps}

    def apply(self, gradients, rate):
        for {loops}:
{shrinks}            w.assign_sub(rate * tf.convert_to_tensor(g))'''


def _optimizer(loop: Loop) -> tuple[str, str]:
    """The class, and the statement that makes one."""
    o = loop.optimizer
    decays = bool(o.weight_decay)
    lists = {"w": "self.weights", "g": "gradients"}
    if type(o) is not SGD:
        lists |= {"m": "self.first", "v": "self.second"}
    elif o.momentum:
        lists["b"] = "self.momenta"
    if decays:
        lists["decay"] = "self.decays"
    over = f"{', '.join(lists)} in zip({', '.join(lists.values())})"
    if len(over) > 74:
        over = f"{', '.join(lists)} in zip(\n            {', '.join(lists.values())}\n        )"
    parts = {
        "decays": ", decays" if decays else "",
        "keeps": "\n        self.decays = decays  # decoupled, one for each weight" if decays else "",
        "loops": over,
        "shrinks": "            w.assign(w * (1 - rate * decay))\n" if decays else "",
    }
    if type(o) is not SGD:
        text = ADAM.format(
            **parts,
            beta_1=literal(o.beta_1),
            beta_2=literal(o.beta_2),
            rest_1=literal(round(1 - o.beta_1, 12)),
            rest_2=literal(round(1 - o.beta_2, 12)),
            epsilon=literal(o.epsilon),
        )
        return text, "Adam"
    if not o.momentum:
        return PLAIN_SGD.format(**parts), "SGD"
    used = f"(g + {literal(o.momentum)} * b)" if o.nesterov else "b"
    return SGD_MODULE.format(**parts, momentum=literal(o.momentum), used=used), "SGD"


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

ACCURACY_OF_SOME = '''def accuracy(targets, predictions):
    """The fraction of labels that count where the prediction is largest."""
    counts = tf.not_equal(targets, {left_out})
    hits = tf.equal(tf.argmax(predictions, axis=-1), tf.cast(targets, tf.int64))
    hits = tf.reduce_sum(tf.cast(tf.logical_and(hits, counts), tf.float32))
    return hits / tf.maximum(tf.reduce_sum(tf.cast(counts, tf.float32)), 1.0)'''

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
    optimizer, cls = _optimizer(loop)
    o = loop.optimizer
    measured = []
    for metric in loop.metrics:
        if type(metric) is Accuracy:
            left_out = metric.ignore_index
            functions.append(ACCURACY if left_out is None else ACCURACY_OF_SOME.format(left_out=literal(left_out)))
            measured.append((metric.name, "accuracy(targets, predictions)"))
        else:
            name, lines = loop.function(mean_of(metric), metric.name)
            functions.append("\n".join(lines))
            measured.append((metric.name, f"{name}(targets, predictions)"))
    if loop.rate is None:
        functions.insert(0, cosine_function(o.learning_rate))
    weights = ["weights = list(model.trainable_variables)"]
    if loop.frozen:
        weights = [
            "frozen = {id(find(model, name)) for name in FROZEN}",
            "weights = [w for w in model.trainable_variables if id(w) not in frozen]",
        ]
    arguments = ["weights"]
    if o.weight_decay:
        share = literal(o.weight_decay)
        if loop.plain:
            weights += [
                "plain = {id(find(model, name)) for name in NO_DECAY}",
                f"decays = [0.0 if id(w) in plain else {share} for w in weights]",
            ]
        else:
            weights.append(f"decays = [{share}] * len(weights)")
        arguments.append("decays")
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
        f"optimizer = {cls}({', '.join(arguments)})",
        "",
        "@tf.function",
        "def step(inputs, targets, rate):",
        "    with tf.GradientTape() as tape:",
        f"        predictions = {called}",
        f"        loss = {loss}",
        "    gradients = tape.gradient(loss, weights)",
        *(f"    {line}" for line in clip),
        "    optimizer.apply(gradients, rate)",
        *(line.removeprefix("    ") for line in wrapped(f"return {numbers}", "        ")),
        "",
        *(["step_number = 0"] if loop.rate is None else []),
        "history = []",
        "for epoch in range(epochs):",
        "    totals, examples = {}, 0",
        "    for inputs, targets in dataset:",
        f"        numbers = step(inputs, targets, {rate})",
        *(["        step_number += 1"] if loop.rate is None else []),
        "        examples += len(targets)",
        "        for name, value in numbers.items():",
        "            totals[name] = totals.get(name, 0.0) + float(value) * len(targets)",
        "    history.append({name: total / examples for name, total in totals.items()})",
        '    print(f"epoch {epoch + 1}: {history[-1]}")',
        "return history",
    ]
    train = "\n".join(
        [
            "def train(model, dataset, epochs=1):",
            '    """Train on batches (inputs, targets); the mean numbers of each epoch."""',
            *indented(body),
        ]
    )
    constants = [f"FROZEN = {names_text(loop.frozen)}"] if loop.frozen else []
    constants += [f"NO_DECAY = {names_text(loop.plain)}  # no weight decay"] if loop.plain else []
    text = "\n\n\n".join([*dict.fromkeys(functions), optimizer, train, MAIN])
    head = [*docstring(f"Trains {loop.name} in TensorFlow."), ""]
    head += ["import math", ""] if " math." in text or "(math." in text else []
    head += ["import numpy as np", "import tensorflow as tf"]
    head += ["from model import find, load" if loop.frozen or loop.plain else "from model import load"]
    middle = "\n".join(constants)
    return "\n".join(head) + "\n\n" + (f"{middle}\n\n\n" if middle else "\n") + text + "\n"


MAIN = """if __name__ == "__main__":
    data = np.load("data.npz")  # your arrays
    dataset = tf.data.Dataset.from_tensor_slices((data["inputs"], data["targets"]))
    model = load()
    train(model, dataset.shuffle(len(dataset)).batch(32), epochs=10)
    tf.train.Checkpoint(model=model).write("trained")"""
