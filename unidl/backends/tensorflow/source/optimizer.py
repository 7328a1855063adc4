"""An optimizer as one writes it in TensorFlow: a tf.Module with its state, around the function traced from the definition."""

from __future__ import annotations

from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import literal
from unidl.codegen.loop import Loop


def optimizer(loop: Loop) -> tuple[list[str], list[str]]:
    """The statements that make the optimizer, after `weights`, and the functions and classes that it needs."""
    update, made, arguments = loop.update, [], ["weights"]
    if not update.single:
        named = ", ".join(f"{literal(name)}: {function}" for name, function in update.of.items())
        made += tidy([f"named = {{{named}}}"])
        made += ["updates = {id(find(model, name)): update for name, update in named.items()}"]
        arguments.append("[updates[id(w)] for w in weights]")
    if loop.decay:
        share = literal(loop.decay)
        if loop.plain:
            made += [
                "plain = {id(find(model, name)) for name in NO_DECAY}",
                f"decays = [0.0 if id(w) in plain else {share} for w in weights]",
            ]
        else:
            made.append(f"decays = [{share}] * len(weights)")
        arguments.append("decays")
    made.append(f"optimizer = {update.class_name}({', '.join(arguments)})")
    return made, [*update.functions.values(), _class(loop)]


def _class(loop: Loop) -> str:
    update = loop.update
    lists = {"weight": "self.weights", "gradient": "gradients"}
    lists |= {} if update.single else {"update": "self.updates"}
    lists |= {"decay": "self.decays"} if loop.decay else {}
    lists |= {"state": "self.state"} if update.states else {}
    states = [f"state[{literal(name)}]" for name in update.states]
    arguments = ["weight.read_value()", "tf.convert_to_tensor(gradient)", *(f"{s}.read_value()" for s in states)]
    called = f"{update.single or 'update'}({', '.join([*arguments, 'rate', 'step'])})"
    if update.states:
        step = [
            f"updated, *after = {called}",
            "weight.assign(updated)",
            "for variable, value in zip(state.values(), after):",
            "    variable.assign(value)",
        ]
    else:
        step = [f"weight.assign({called})"]
    updates = [] if update.single else ["updates"]
    body = [
        *update.doc,
        "",
        f"def __init__(self, {', '.join(['weights', *updates, *(['decays'] if loop.decay else [])])}):",
        "    super().__init__()",
        "    self.weights = weights",
        *(f"    self.{name} = {name}" for name in updates),
        *(["    self.decays = decays  # decoupled, one for each weight"] if loop.decay else []),
        *(_state(update.states) if update.states else []),
        "    self.steps = tf.Variable(0.0, trainable=False)",
        "",
        "def apply(self, gradients, rate):",
        "    step = self.steps.assign_add(1.0)",
        f"    for {', '.join(lists)} in zip({', '.join(lists.values())}):",
        *(["        weight.assign(weight * (1 - rate * decay))"] if loop.decay else []),
        *(f"        {line}" for line in step),
    ]
    return "\n".join(tidy([f"class {update.class_name}(tf.Module):", *indented(body)]))


def _state(states: tuple[str, ...]) -> list[str]:
    made = ", ".join(f"{literal(name)}: tf.Variable(tf.zeros_like(w), trainable=False)" for name in states)
    return [f"    self.state = [{{{made}}} for w in weights]"]
