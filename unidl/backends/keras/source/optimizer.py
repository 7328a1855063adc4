"""An optimizer as one writes it in Keras: a class of keras.optimizers, or one of the file, traced from the definition."""

from __future__ import annotations

from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.host_code import OpsCode, function_text
from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import literal
from unidl.codegen.loop import Loop, same_as
from unidl.codegen.optimizer import METHODS, Update
from unidl.codegen.schedule import title_of
from unidl.optimizers import SGD, Adam, AdamW
from unidl.schedules import Cosine

NATIVE = (SGD, Adam, AdamW)  # classes that keras.optimizers has
REGISTERED = "@keras.saving.register_keras_serializable()"


def optimizer(loop: Loop) -> tuple[Code, list[str], str]:
    """The expression, the functions and classes that it needs, and where Keras' optimizer steps otherwise."""
    o = loop.optimizer
    kind = same_as(o, NATIVE, METHODS)
    rate, texts = _rate(loop)
    common = {"weight_decay": loop.decay or None, "global_clipnorm": o.clip_norm}
    if kind is None or (kind is SGD and o.momentum and loop.rate is None):
        update = loop.update
        return call(update.class_name, rate, **common), [*texts, *update.functions.values(), _class(update)], ""
    if kind is SGD:
        note = "Keras keeps the learning rate inside the momentum: another path once the rate changes"
        found = call("keras.optimizers.SGD", rate, momentum=o.momentum or None, nesterov=o.nesterov or None, **common)
        return found, texts, note if o.momentum else ""
    betas = {
        "beta_1": o.beta_1 if o.beta_1 != 0.9 else None,
        "beta_2": o.beta_2 if o.beta_2 != 0.999 else None,
        "epsilon": o.epsilon if o.epsilon != 1e-7 else None,
    }
    cls = "keras.optimizers.AdamW" if kind is AdamW and loop.decay else "keras.optimizers.Adam"
    note = "Keras adds epsilon before the bias correction, unidl (and torch) after it"
    return call(cls, rate, **betas, **common), texts, note


def _rate(loop: Loop) -> tuple[Any, list[str]]:
    """The learning rate, and the class of a schedule that Keras does not have."""
    schedule = loop.optimizer.learning_rate
    if loop.rate is not None:
        return loop.rate, []
    if type(schedule) is Cosine and not schedule.warmup and schedule.peak:
        alpha = round(schedule.floor / schedule.peak, 12) if schedule.floor else None
        return call("keras.optimizers.schedules.CosineDecay", schedule.peak, schedule.steps, alpha=alpha), []
    name = loop.author.name(type(schedule).__name__)
    body = [
        *title_of(schedule),
        "",
        "def __call__(self, step):",
        '    step = ops.cast(step, "float32")',
        *function_text(OpsCode, name, {"step": "step"}, loop.schedule, [])[1:],
        "",
        "def get_config(self):",
        "    return {}",
    ]
    head = [REGISTERED, f"class {name}(keras.optimizers.schedules.LearningRateSchedule):"]
    return Code(f"{name}()"), ["\n".join([*head, *tidy(indented(body))])]


def _class(update: Update) -> str:
    """A keras.optimizers.Optimizer around the function."""
    states = [f"state[{literal(name)}]" for name in update.states]
    made = ", ".join(f'{literal(name)}: self.add_variable_from_reference(v, "state")' for name in update.states)
    kept = [f"self.states = [{{{made}}} for v in variables]"] if update.states else []
    kept += [] if update.single else ["self.updates = [UPDATES[v.path] for v in variables]"]
    arguments = [f"ops.convert_to_tensor({name})" for name in ("variable", "gradient", *states)]
    called = f"{update.single or 'self.updates[i]'}({', '.join([*arguments, 'learning_rate', 'step'])})"
    body = [*update.doc, ""]
    if kept:
        body += [
            "def build(self, variables):",
            "    if not self.built:",
            "        super().build(variables)",
            *(f"        {line}" for line in kept),
            "",
        ]
    body += [
        "def update_step(self, gradient, variable, learning_rate):",
        *(["    i = self._get_variable_index(variable)"] if kept else []),
        "    learning_rate = ops.cast(learning_rate, variable.dtype)",
        "    step = ops.cast(self.iterations + 1, variable.dtype)",
    ]
    if update.states:
        body += [
            "    state = self.states[i]",
            f"    updated, *after = {called}",
            "    self.assign(variable, updated)",
            "    for part, value in zip(state.values(), after):",
            "        self.assign(part, value)",
        ]
    else:
        body += [f"    updated = {called}", "    self.assign(variable, updated)"]
    lines = [REGISTERED, f"class {update.class_name}(keras.optimizers.Optimizer):", *tidy(indented(body))]
    if update.single:
        return "\n".join(lines)
    named = ", ".join(f"{literal(native)}: {name}" for native, name in update.of.items())
    return "\n".join([*tidy([f"UPDATES = {{{named}}}"]), "", "", *lines])
