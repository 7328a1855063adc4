"""A Trainer's loop as one writes it in torch."""

from __future__ import annotations

from unidl.backends.torch.source.metric import measure
from unidl.backends.torch.source.optimizer import optimizer
from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.layout import tidy
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import MEANS, Loop, is_plain_accuracy, mean_of, names_text, own_loss
from unidl.codegen.schedule import rate_function
from unidl.graph.node import symbols


def _loss(loop: Loop) -> tuple[str, list[str]]:
    """The expression of the loss, and functions that it needs."""
    if own_loss(loop):
        name, lines = loop.function(loop.loss, "loss_function")
        return f"{name}(targets, predictions)", ["\n".join(lines)]
    if loop.binary:
        s = loop.loss.label_smoothing
        smoothed = f"{literal(1 - s)} * targets + {literal(s / 2)}" if s else "targets"
        return f"F.binary_cross_entropy_with_logits(predictions, {smoothed})", []
    if not loop.classes:
        return "F.mse_loss(predictions, targets)", []
    logits = "predictions" if len(loop.predictions.shape) == 2 else "predictions.movedim(-1, 1)"
    # of probabilities: a softmax of their logarithms is they themselves
    read = logits if loop.loss.from_logits else f"{logits}.clamp(1e-7, 1.0).log()"
    more = {"ignore_index": loop.loss.ignore_index, "label_smoothing": loop.loss.label_smoothing or None}
    return call("F.cross_entropy", Code(read), Code("targets"), **more).text, []


def _metrics(loop: Loop) -> tuple[list[tuple[str, str]], dict[str, str], list[str]]:
    """Each mean's name and its expression, summed over the batch; the classes of the other metrics by name; functions and classes."""
    means, measures, texts = [], {}, []
    for metric in loop.metrics:
        if is_plain_accuracy(metric):
            means.append((metric.name, "hits(predictions, targets).item()"))
            texts.append(HITS)
        elif type(metric) in MEANS:
            name, lines = loop.function(mean_of(metric), metric.name)
            means.append((metric.name, f"{name}(targets, predictions).item() * len(targets)"))
            texts.append("\n".join(lines))
        else:
            measures[metric.name], more = measure(loop, metric)
            texts += more
    return means, measures, texts


HITS = '''def hits(predictions, targets):
    """How many examples have their class where the prediction is largest."""
    if targets.is_floating_point():  # probabilities, not class numbers
        targets = targets.argmax(dim=-1)
    hit = (predictions.argmax(dim=-1) == targets).float()
    return hit.flatten(1).mean(dim=1).sum() if hit.ndim > 1 else hit.sum()'''


def train_file(loop: Loop) -> str:
    """train.py."""
    loss, functions = _loss(loop)
    made, beside, texts = optimizer(loop)
    metrics, measures, more = _metrics(loop)
    functions += [*texts, *more]
    o = loop.optimizer
    constants = []
    if loop.frozen:
        constants.append(f"FROZEN = {names_text(loop.frozen)}")
    if loop.plain:
        constants.append(f"NO_DECAY = {names_text(loop.plain)}  # no weight decay")
    if loop.rate is None:
        functions.insert(0, rate_function(o.learning_rate, loop.schedule))
    root = loop.author.class_of(loop.author.root)
    call_ = root.plan.calls[0]
    several = len(list(symbols((call_.args, call_.kwargs)))) > 1
    given = "*inputs" if len(root.parameters) > 1 else "inputs"
    step = ["optimizer.zero_grad()", f"predictions = model({given})", f"loss = {loss}", "loss.backward()"]
    if o.clip_norm is not None:
        step.append(f"nn.utils.clip_grad_norm_(model.parameters(), {literal(o.clip_norm)})")
    if loop.rate is None:
        step += ["for group in optimizer.param_groups:", '    group["lr"] = learning_rate(step)']
    step += [*beside, "optimizer.step()"]
    if loop.rate is None:
        step.append("step += 1")
    step += ['totals["loss"] += loss.item() * len(targets)']
    step += [f"totals[{literal(name)}] += {text}" for name, text in metrics]
    step += MEASURED if measures else []
    step.append("examples += len(targets)")
    names = ["loss", *(name for name, _ in metrics)]
    body = [
        *made,
        *(["step = 0"] if loop.rate is None else []),
        *([f"measures = {literal({name: Code(f'{cls}()') for name, cls in measures.items()})}"] if measures else []),
        "history = []",
        "for epoch in range(epochs):",
        "    model.train()",
        *(["    for measure in measures.values():", "        measure.reset()"] if measures else []),
        *([f"    {line}" for line in _rest(loop)]),
        f"    totals, examples = dict.fromkeys({literal(names)}, 0.0), 0",
        f"    for {'*inputs' if several else 'inputs'}, targets in loader:",
        *(f"        {line}" for line in step),
        "    history.append({name: total / examples for name, total in totals.items()})",
        *(["    history[-1].update({name: m.result() for name, m in measures.items()})"] if measures else []),
        '    print(f"epoch {epoch + 1}: {history[-1]}")',
        "model.eval()",
        "return history",
    ]
    train = "\n".join(
        [
            "def train(model, loader, epochs=1):",
            '    """Train on batches (inputs, targets); the mean numbers of each epoch."""',
            *tidy(f"    {line}" for line in body),
        ]
    )
    blocks = [*dict.fromkeys(functions), train, MAIN]
    text = "\n\n\n".join(blocks)
    head = [*docstring(f"Trains {loop.name} in PyTorch."), ""]
    head += ["import math", ""] if "math." in text else []
    head += ["import numpy as np"] if "np." in text else []
    head += ["import torch"]
    head += ["import torch.nn.functional as F"] if "F." in text else []
    head += ["from model import load"]
    head += ["from torch import nn"] if "nn.utils" in text else []
    head += ["from torch.utils.data import DataLoader, TensorDataset"]
    middle = "\n".join(constants)
    return "\n".join(head) + "\n\n" + (f"{middle}\n\n\n" if middle else "\n") + text + "\n"


MAIN = """if __name__ == "__main__":
    data = torch.load("data.pt")  # your tensors
    loader = DataLoader(
        TensorDataset(data["inputs"], data["targets"]), batch_size=32, shuffle=True
    )
    model = load()
    train(model, loader, epochs=10)
    torch.save(model.state_dict(), "trained.pt")"""


MEASURED = ["for measure in measures.values():", "    measure.update(targets, predictions.detach())"]


def _rest(loop: Loop) -> list[str]:
    """A frozen layer stays in evaluation mode."""
    if not loop.frozen:
        return []
    return [
        "for name in FROZEN:  # such a layer stays in evaluation mode",
        '    model.get_submodule(name.rpartition(".")[0]).eval()',
    ]
