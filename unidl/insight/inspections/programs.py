"""A model, or a Trainer, as a program that a backend can look at, try out and change, while the user's own stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unidl.description.layer import Layer
from unidl.graph.node import map_nest
from unidl.insight.inspections.lanes import MarkedEngine
from unidl.inspection.lane import Lane
from unidl.inspection.program import Arguments, Program, Trial
from unidl.models import Model
from unidl.models.build import Built
from unidl.models.door import admit
from unidl.training import Trainer
from unidl.training.engine import arguments_of

Variations = Mapping[str, Callable[[], Trial]]


def program_of_model(model: Model, inputs: tuple[tuple[Any, ...], ...], compiler: bool) -> Program:
    """A built model and what it is called with.

    Args:
        model: The model.
        inputs: The arguments of each call.
        compiler: See Program.
    """
    built = model._need_built()
    calls = tuple(admit(built, args, {}) for args in inputs)

    def trial(change: Callable[[_ModelTrial], None] | None = None) -> Trial:
        one = _ModelTrial(model.copy(), calls)
        return Trial(one.native, one.run, (lambda: None) if change is None else lambda: change(one))

    return Program("model", built.plan, built.natives(), calls, trial, _variations(trial, built, len(calls)), compiler)


def program_of_trainer(trainer: Trainer, batches: tuple[Any, ...], compiler: bool) -> Program:
    """A Trainer of a built model and the batches of its steps.

    Args:
        trainer: The Trainer.
        batches: What `Trainer.step` takes.
        compiler: See Program.
    """
    built = trainer.model._need_built()
    calls: tuple[Arguments, ...] = ()
    if trainer.engine.takes_own_step():
        calls = tuple(admit(built, arguments_of(batch[0]), {}) for batch in batches)

    def trial(change: Callable[[_TrainerTrial], None] | None = None) -> Trial:
        one = _TrainerTrial(trainer, batches)
        return Trial(one.native, one.run, (lambda: None) if change is None else lambda: change(one), one.lane)

    def compiled() -> Trial:
        one = _TrainerTrial(trainer, batches)
        one.trainer.jit = True
        return Trial(one.native, one.run, lane=one.lane)

    made = _variations(trial, built, len(batches))
    jit = bool(trainer.jit)
    return Program("step", built.plan, built.natives(), calls, trial, made, compiler, jit, compiled)


class _ModelTrial:
    """A copy of a model, called on the same inputs."""

    def __init__(self, model: Model, calls: tuple[Arguments, ...]) -> None:
        self.model = model
        self.calls = calls
        self.first = 0

    def native(self) -> Any:
        return self.model.native

    def run(self, which: int | None = None) -> Any:
        args, kwargs = self.calls[self.first if which is None else which]
        return self.model(*args, **kwargs)

    def enlarge(self) -> None:
        """From now on, one example more."""
        built = self.model._need_built()
        self.calls = (_one_more(built, self.calls[0]),)


class _TrainerTrial:
    """A copy of a Trainer, with an engine that marks the lanes, taking steps on the same batches."""

    def __init__(self, trainer: Trainer, batches: tuple[Any, ...]) -> None:
        self.lane = Lane()
        self.trainer = copied(trainer)
        self.trainer.jit = False  # operations are to be seen; what a compiler makes of them is looked at by itself
        self.batches = batches
        self.first = 0
        engine = MarkedEngine(self.trainer, self.lane)
        engine.__dict__.update(self.trainer.engine.__dict__)
        self.trainer.engine = engine

    @property
    def model(self) -> Model:
        return self.trainer.model

    def native(self) -> Any:
        return self.model.native

    def run(self, which: int | None = None) -> Any:
        return dict(self.trainer.step(self.batches[self.first if which is None else which]))

    def enlarge(self) -> None:
        """From now on, one example more."""
        self.batches = (map_nest(lambda a: np.concatenate([a, a[:1]]), self.batches[0]),)


def copied(trainer: Trainer) -> Trainer:
    """A copy of a Trainer.

    Parts of the model that a subclass keeps in attributes are the copy's parts; other models and arrays are copied. What else it keeps (a
    writer, a queue) is the same object: nobody knows what a copy of it would do.
    """
    new = copy.deepcopy(trainer)
    places = {id(layer): path for path, layer in trainer.model.layers.items()}
    others: dict[int, Model] = {id(trainer.model): new.model}

    def own(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            return leaf.copy()
        if not isinstance(leaf, Layer):
            return leaf
        if id(leaf) in places:
            return new.model.layers[places[id(leaf)]]
        if isinstance(leaf, Model) and id(leaf) not in others:
            others[id(leaf)] = leaf.copy()
        return others.get(id(leaf), leaf)

    for name, value in vars(new).items():
        if name not in ("model", "engine", "callbacks", "progress"):
            new.__dict__[name] = map_nest(own, value)
    return new


def _one_more(built: Built, call: Arguments) -> Arguments:
    """The inputs with the first example once more at the end."""

    def longer(leaf: Any) -> Any:
        if not hasattr(leaf, "shape") or not leaf.shape:
            return leaf
        array = built.backend.to_numpy(leaf)
        return np.concatenate([array, array[:1]])

    args, kwargs = map_nest(longer, call)
    return admit(built, args, kwargs)


def _variations(trial: Callable[[Any], Trial], built: Built, calls: int) -> Variations:
    """What may be changed of this program."""
    made: dict[str, Callable[[], Trial]] = {"another batch size": lambda: trial(lambda one: one.enlarge())}
    if calls > 1:
        made["other inputs"] = lambda: trial(lambda one: setattr(one, "first", 1))
    weighty = [p for p in built.plan.walk() if p.path and p.reached and any(w.trainable for w in p.weights.values())]
    plain = [p for p in weighty if not p.children and not isinstance(p.layer, Model)]
    if weighty:
        resting = weighty[-1].path
        made[f"the layer {resting} is frozen"] = lambda: trial(lambda one: one.model.freeze(resting))
    if plain:
        path, layer = plain[0].path, plain[0].layer  # by one that is described alike
        made[f"the layer {path} is replaced"] = lambda: trial(lambda one: one.model.replace(path, copy.deepcopy(layer)))
    return made
