"""An optimizer as one writes it in torch: a class of torch.optim, or a torch.optim.Optimizer traced from the definition."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import literal
from unidl.codegen.loop import Loop, same_as
from unidl.codegen.optimizer import METHODS, Update
from unidl.optimizers import SGD, Adam, AdamW

NATIVE = (SGD, Adam, AdamW)  # classes that torch.optim computes alike


def optimizer(loop: Loop) -> tuple[list[str], list[str], list[str]]:
    """The statements that make the optimizer, those of a step before its own, and the functions and classes that it needs."""
    kind = same_as(loop.optimizer, NATIVE, METHODS)
    frozen = ["for name in FROZEN:", "    model.get_parameter(name).requires_grad_(False)"] if loop.frozen else []
    if kind is None:
        made, texts = _derived(loop)
        return [*frozen, *made], [], texts
    made = _of_torch(loop, kind)
    return [*frozen, *made], _decay(loop) if kind is SGD and loop.decay else [], []


def _rate(loop: Loop) -> Code:
    return Code(literal(loop.rate) if loop.rate is not None else "learning_rate(0)")


def _trained(loop: Loop) -> tuple[str, list[str]]:
    """The parameters that are trained, and the statement that finds them."""
    if not loop.frozen:
        return "model.parameters()", []
    return "parameters", ["parameters = [p for p in model.parameters() if p.requires_grad]"]


def _groups(loop: Loop) -> list[str]:
    """Parameters that decay, and those that do not."""
    return [
        "named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]",
        "groups = [",
        '    {"params": [p for n, p in named if n not in NO_DECAY]},',
        '    {"params": [p for n, p in named if n in NO_DECAY], "weight_decay": 0.0},',
        "]",
    ]


def _of_torch(loop: Loop, kind: type) -> list[str]:
    o, (trained, lines) = loop.optimizer, _trained(loop)
    more: dict[str, Any]
    if kind is SGD:
        more = {"momentum": o.momentum or None, "nesterov": o.nesterov or None}
        return [*lines, f"optimizer = {call('torch.optim.SGD', Code(trained), lr=_rate(loop), **more)}"]
    more = {
        "betas": (o.beta_1, o.beta_2) if (o.beta_1, o.beta_2) != (0.9, 0.999) else None,
        "eps": o.epsilon if o.epsilon != 1e-8 else None,
    }
    if not loop.decay:
        return [*lines, f"optimizer = {call('torch.optim.Adam', Code(trained), lr=_rate(loop), **more)}"]
    if loop.plain:
        lines, trained = _groups(loop), "groups"
    more["weight_decay"] = loop.decay if loop.decay != 0.01 else None
    return [*lines, f"optimizer = {call('torch.optim.AdamW', Code(trained), lr=_rate(loop), **more)}"]


def _decay(loop: Loop) -> list[str]:
    rate = literal(loop.rate) if loop.rate is not None else 'optimizer.param_groups[0]["lr"]'
    share = literal(loop.decay)
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


# -- the definition ----------------------------------------------------------------------------------------------------------


def _derived(loop: Loop) -> tuple[list[str], list[str]]:
    update = loop.update
    given = {"lr": _rate(loop), "weight_decay": loop.decay or None}
    texts = [*update.functions.values(), _class(update, bool(loop.decay))]
    if update.single:
        trained, lines = ("groups", _groups(loop)) if loop.plain else _trained(loop)
        return [*lines, f"optimizer = {call(update.class_name, Code(trained), **given)}"], texts
    named = ", ".join(f"{literal(native)}: {name}" for native, name in update.of.items())
    group = '"params": [p], "update": UPDATES[n]'
    if loop.plain:
        group += f', "weight_decay": 0.0 if n in NO_DECAY else {literal(loop.decay)}'
    lines = [f"groups = [{{{group}}} for n, p in model.named_parameters() if n in UPDATES]"]
    made = f"optimizer = {call(update.class_name, Code('groups'), **given)}"
    return [*lines, made], [*texts[:-1], "\n".join(tidy([f"UPDATES = {{{named}}}"])), texts[-1]]


def _class(update: Update, decays: bool) -> str:
    """A torch.optim.Optimizer around the function, which works on parameters in torch's layout."""
    count = next(name for name in ("step", "steps", "count") if name not in update.states)
    states = [f"state[{literal(name)}]" for name in update.states]
    arguments = ["weight", "weight.grad", *states, "rate", f"state[{literal(count)}]"]
    called = update.single or 'group["update"]'
    defaults = '{"lr": lr, "weight_decay": weight_decay}' if decays else '{"lr": lr}'
    step = [
        "state = self.state[weight]",
        "if not state:",
        f"    state[{literal(count)}] = torch.zeros((), device=weight.device)",
        *(f"    {state} = torch.zeros_like(weight)" for state in states),
        f"state[{literal(count)}] += 1",
        'rate = torch.tensor(group["lr"], device=weight.device)',
        *(['weight.mul_(1 - rate * group["weight_decay"])  # decoupled'] if decays else []),
        f"{', '.join(['updated', *states])} = {called}({', '.join(arguments)})",
        "weight.copy_(updated)",
    ]
    body = [
        *update.doc,
        "",
        f"def __init__(self, params, lr{', weight_decay=0.0' if decays else ''}):",
        f"    super().__init__(params, {defaults})",
        "",
        "@torch.no_grad()",
        "def step(self):",
        "    for group in self.param_groups:",
        '        for weight in group["params"]:',
        "            if weight.grad is not None:",
        *(f"                {line}" for line in step),
    ]
    return "\n".join(tidy([f"class {update.class_name}(torch.optim.Optimizer):", *indented(body)]))
