"""A Trainer's loop as one writes it in torch."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.cosine import cosine_function
from unidl.codegen.layout import tidy
from unidl.codegen.literals import docstring, literal
from unidl.codegen.loop import Loop, mean_of, names_text, own_loss
from unidl.graph.node import symbols
from unidl.metrics import Accuracy
from unidl.optimizers import SGD


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


def _optimizer(loop: Loop) -> tuple[list[str], bool]:
    """The statements that make the optimizer, and whether weights decay beside it."""
    o = loop.optimizer
    more: dict[str, Any]
    rate = literal(loop.rate) if loop.rate is not None else "learning_rate(0)"
    trained = "parameters" if loop.frozen or loop.plain else "model.parameters()"
    lines = []
    if loop.frozen:
        lines += ["for name in FROZEN:", "    model.get_parameter(name).requires_grad_(False)"]
    if trained == "parameters":
        lines.append("parameters = [p for p in model.parameters() if p.requires_grad]")
    if type(o) is SGD:
        more = {"momentum": o.momentum or None, "nesterov": o.nesterov or None}
        lines.append(f"optimizer = {call('torch.optim.SGD', Code(trained), lr=Code(rate), **more)}")
        return lines, bool(o.weight_decay)
    more = {
        "betas": (o.beta_1, o.beta_2) if (o.beta_1, o.beta_2) != (0.9, 0.999) else None,
        "eps": o.epsilon if o.epsilon != 1e-8 else None,
    }
    if not o.weight_decay:
        lines.append(f"optimizer = {call('torch.optim.Adam', Code(trained), lr=Code(rate), **more)}")
        return lines, False
    if loop.plain:
        lines.pop()
        lines += [
            "named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]",
            "groups = [",
            '    {"params": [p for n, p in named if n not in NO_DECAY]},',
            '    {"params": [p for n, p in named if n in NO_DECAY], "weight_decay": 0.0},',
            "]",
        ]
        trained = "groups"
    more["weight_decay"] = o.weight_decay if o.weight_decay != 0.01 else None
    lines.append(f"optimizer = {call('torch.optim.AdamW', Code(trained), lr=Code(rate), **more)}")
    return lines, False


def _metrics(loop: Loop) -> tuple[list[tuple[str, str]], list[str]]:
    """Each metric's name and its expression, summed over the batch; and functions that they need."""
    found, functions = [], []
    for metric in loop.metrics:
        if type(metric) is Accuracy and metric.ignore_index is not None:
            found.append((metric.name, "accuracy(predictions, targets).item() * len(targets)"))
            functions.append(ACCURACY.format(left_out=literal(metric.ignore_index)))
        elif type(metric) is Accuracy:
            found.append((metric.name, "hits(predictions, targets).item()"))
            functions.append(HITS)
        else:
            name, lines = loop.function(mean_of(metric), metric.name)
            found.append((metric.name, f"{name}(targets, predictions).item() * len(targets)"))
            functions.append("\n".join(lines))
    return found, functions


HITS = '''def hits(predictions, targets):
    """How many examples have their class where the prediction is largest."""
    if targets.is_floating_point():  # probabilities, not class numbers
        targets = targets.argmax(dim=-1)
    hit = (predictions.argmax(dim=-1) == targets).float()
    return hit.flatten(1).mean(dim=1).sum() if hit.ndim > 1 else hit.sum()'''


ACCURACY = '''def accuracy(predictions, targets):
    """The fraction of labels that count where the prediction is largest."""
    counts = targets != {left_out}
    hits = (predictions.argmax(dim=-1) == targets) & counts
    return hits.sum() / counts.sum().clamp(min=1)'''


def train_file(loop: Loop) -> str:
    """train.py."""
    loss, functions = _loss(loop)
    made, decays_beside = _optimizer(loop)
    metrics, more = _metrics(loop)
    functions += more
    o = loop.optimizer
    constants = []
    if loop.frozen:
        constants.append(f"FROZEN = {names_text(loop.frozen)}")
    if loop.plain:
        constants.append(f"NO_DECAY = {names_text(loop.plain)}  # no weight decay")
    if loop.rate is None:
        functions.insert(0, cosine_function(o.learning_rate))
    root = loop.author.class_of(loop.author.root)
    call_ = root.plan.calls[0]
    several = len(list(symbols((call_.args, call_.kwargs)))) > 1
    given = "*inputs" if len(root.parameters) > 1 else "inputs"
    step = ["optimizer.zero_grad()", f"predictions = model({given})", f"loss = {loss}", "loss.backward()"]
    if o.clip_norm is not None:
        step.append(f"nn.utils.clip_grad_norm_(model.parameters(), {literal(o.clip_norm)})")
    if loop.rate is None:
        step += ["for group in optimizer.param_groups:", '    group["lr"] = learning_rate(step)']
    if decays_beside:
        step += _decay(loop)
    step += ["optimizer.step()"]
    if loop.rate is None:
        step.append("step += 1")
    step += ['totals["loss"] += loss.item() * len(targets)']
    step += [f"totals[{literal(name)}] += {text}" for name, text in metrics]
    step.append("examples += len(targets)")
    names = ["loss", *(name for name, _ in metrics)]
    body = [
        *made,
        *(["step = 0"] if loop.rate is None else []),
        "history = []",
        "for epoch in range(epochs):",
        "    model.train()",
        *([f"    {line}" for line in _rest(loop)]),
        f"    totals, examples = dict.fromkeys({literal(names)}, 0.0), 0",
        f"    for {'*inputs' if several else 'inputs'}, targets in loader:",
        *(f"        {line}" for line in step),
        "    history.append({name: total / examples for name, total in totals.items()})",
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


def _rest(loop: Loop) -> list[str]:
    """A frozen layer stays in evaluation mode."""
    if not loop.frozen:
        return []
    return [
        "for name in FROZEN:  # such a layer stays in evaluation mode",
        '    model.get_submodule(name.rpartition(".")[0]).eval()',
    ]


def _decay(loop: Loop) -> list[str]:
    rate = literal(loop.rate) if loop.rate is not None else 'optimizer.param_groups[0]["lr"]'
    share = literal(loop.optimizer.weight_decay)
    if loop.plain:
        over = "for name, parameter in model.named_parameters():"
        what = "if parameter.requires_grad and name not in NO_DECAY:"
        inner = [f"        {what}", f"            parameter.mul_(1 - {rate} * {share})"]
        head = f"    {over}"
    else:
        head = f"    for parameter in {'parameters' if loop.frozen else 'model.parameters()'}:"
        inner = [f"        parameter.mul_(1 - {rate} * {share})"]
    return [
        "# decoupled: torch's own weight_decay of SGD is added to the gradient instead",
        "with torch.no_grad():",
        head,
        *inner,
    ]
