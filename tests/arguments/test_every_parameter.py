"""Every public parameter refuses the wrong values of its kind: a typed error, nothing changed, on every backend alike.

What is public is read from the package (public.py), a parameter's kind from its name or annotation (families.py). So what is added
later is covered when it is there; where its kind is not known, the test says what to do.
"""

import contextlib
import inspect
import math
from typing import Any

import numpy as np
import pytest

import unidl
from tests.arguments.families import (
    DATA,
    FUNCTION,
    NO_FLAG,
    NO_FUNCTION,
    NO_INTEGER,
    NO_LIST,
    NO_NAME,
    NO_PATH,
    NO_REAL,
    NO_TEXT,
    NUMBER,
    OBJECT,
    PAIRS,
    POSITIVE,
    Family,
    Made,
    family_of,
    real,
    word,
)  # fmt: skip
from tests.arguments.public import EXEMPT, Parameter, every_parameter, exempt, things
from unidl import callbacks, layers, losses, metrics, optimizers, schedules, settings

HOOKS = [name for name in callbacks.callback.GIVEN if name.startswith("on_")]

AXES = Family(-1, (*[w for w in NO_INTEGER if not isinstance(w, list)], (1, 1), (1, "2"), ["x"]))

# where a parameter's name means something of its own
SPECIAL: dict[str, Family] = {
    "unidl.layers.BatchNormalization(momentum)": real(0.9, -0.1, 1.1, 2),
    "unidl.optimizers.SGD(momentum)": real(0.9, -0.1, 1.0, 2),
    "unidl.optimizers.SGD(nesterov)": Family(False, NO_FLAG),
    "unidl.layers.Bidirectional(layer)": Family(layers.LSTM(2), ("x", 3, None, [], layers.LSTM, OBJECT, layers.Dense(1))),
    "unidl.layers.Concatenate(axis)": Family(-1, NO_INTEGER),
    "unidl.layers.LayerNormalization(axis)": AXES,
    "unidl.layers.PReLU(shared_axes)": AXES,
    "unidl.layers.RMSNormalization(axis)": AXES,
    "unidl.layers.UnitNormalization(axis)": AXES,
    **{f"unidl.layers.{name}(scale)": Family(True, ("yes", 2, math.nan, [], OBJECT)) for name in ("RMSNormalization", "GroupNormalization", "InstanceNormalization")},
    "unidl.layers.Permute(dims)": Family((2, 1), (*[w for w in NO_INTEGER if not isinstance(w, list)], (0, 1), (1, 1), (1, 3), (2,), (1, "2"), [2])),
    "unidl.layers.RepeatVector(n)": POSITIVE,
    "unidl.layers.PixelShuffle(size)": POSITIVE,
    "unidl.layers.Rescaling(scale)": NUMBER,
    **{f"unidl.layers.{name}(padding)": PAIRS for name in ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "ReflectionPadding2D", "ReplicationPadding2D")},
    "unidl.initializers.VarianceScaling(mode)": word("fan_in", "fan"),
    "unidl.layers.BatchNormalization(scale)": Family(True, ("yes", 2, math.nan, [], OBJECT)),
    "unidl.layers.LayerNormalization(scale)": Family(True, ("yes", 2, math.nan, [], OBJECT)),
    "unidl.initializers.Normal(mean)": NUMBER,
    "unidl.initializers.Uniform(low)": real(-1.0, 2.0),  # above high
    "unidl.initializers.Uniform(high)": real(1.0, -2.0),
    "unidl.schedules.Constant(value)": real(0.1, -0.1),
    "unidl.schedules.Cosine(steps)": Family(4, (*NO_INTEGER, 0, -1)),
    **{f"unidl.losses.{name}(alpha)": real(0.5, -0.1) for name in ("BinaryFocalCrossEntropy", "FocalCrossEntropy", "Tversky")},
    "unidl.Input(name)": Family("x", (*NO_TEXT, "")),
    "unidl.data.Arrays(parts)": Family(Made("x"), ("x", math.nan, OBJECT, np.array(["a"]), np.zeros((0, 3), "float32"), 3)),
    "unidl.data.Arrays(batch_size)": Family(2, (*NO_INTEGER, 0, -1)),
    "unidl.data.Stream(batches)": Family([np.zeros((2, 3))], (3, math.nan, OBJECT, iter([1]), lambda wrong: [])),
    **{f"unidl.callbacks.{name}(monitor)": Family("loss", (*NO_TEXT, "")) for name in ("EarlyStopping", "ReduceLROnPlateau", "Checkpoint")},
    "unidl.callbacks.Checkpoint(mode)": Family(None, ("min", *NO_NAME), none=True),  # without a monitor it says nothing
    "unidl.callbacks.Lambda(every_steps)": Family(None, (2, *NO_INTEGER), none=True),  # without on_steps likewise
    **{f"unidl.callbacks.Lambda({hook})": Family(None, (*NO_FUNCTION, lambda: None), none=True) for hook in HOOKS},
    "unidl.callbacks.CSVLogger(separator)": Family(";", (*NO_TEXT, "", "ab", "\n", '"')),
    "unidl.callbacks.LearningRateFinder(steps)": Family(50, (*NO_INTEGER, 0, 9)),
    "unidl.callbacks.TensorBoard(histograms)": Family(2, (*NO_INTEGER, 0, -1), none=True),
    "unidl.callbacks.TensorBoard(images)": Family(None, NO_FUNCTION, none=True),
    "unidl.callbacks.TensorBoard(hyperparameters)": Family({"a": 1}, (3, "x", [1], OBJECT, {1: 2}, {"a": []}), none=True),
    "unidl.Trainer.fit(epochs)": Family(1, (*NO_INTEGER, -1), none=True),
    "unidl.Trainer.fit(max_time)": Family(60.0, (*NO_REAL, 0.0, -1.0), none=True),
    "unidl.Trainer.fit(validation_split)": Family(0.0, (*NO_REAL, -0.1, 1.0)),
    "unidl.Trainer.fit(fast_dev_run)": Family(False, ("yes", -1, 0, 2.5, math.nan, [], OBJECT, None)),
    "unidl.Trainer.fit(overfit_batches)": Family(0, ("x", -1, -0.5, 1.5, math.nan, [], OBJECT, True, None)),
    "unidl.Trainer.log(value)": Family(0.5, ("x", None, [], OBJECT)),
    "unidl.Trainer.stop(reason)": Family("x", NO_TEXT),
    "unidl.Model.build(inputs)": Family((3,), ("28", 3, 2.5, math.nan, True, OBJECT, {}, [3], (2.5,), (-1,), (0,), ("a",), (True,), [(3,), (-1,)])),
    "unidl.Model.predict(inputs)": DATA,
    "unidl.Trainer.predict(inputs)": DATA,
    "unidl.Model.replace(path)": Family("dense", (*NO_TEXT, "", "no such layer")),
    "unidl.Trainer(model)": Family(Made("unbuilt"), ("x", 3, None, [], {}, OBJECT, layers.Dense(1), unidl.Sequential)),
    "unidl.Trainer(optimizer)": Family("adam", ("no such", "", 3, math.nan, True, [], {}, OBJECT, optimizers.Adam, {"a": 3}, {3: "adam"}, {"a": "adam"})),
    "unidl.Trainer(loss)": Family("mse", ("no such", "", 3, math.nan, True, [], {}, OBJECT, losses.MSE), none=True),
    "unidl.Trainer(device)": word("cpu", "gpuu"),  # whether it is there is known when the model is built
    "unidl.Trainer(metrics)": Family((), (*NO_LIST, "accuracy", ["no such"], [3], [None], {"a": 1}, [metrics.Accuracy], ["accuracy", "accuracy"])),
    "unidl.Trainer.restore(saved)": Family("a", (*[wrong for wrong in NO_PATH if wrong != {}], "no such file")),
    "unidl.Trainer.step(batch)": Family(Made("pair"), ("x", math.nan, OBJECT, [], {}, 3, (1, 2), (np.zeros((2, 3)), np.zeros((3, 1))))),
    "unidl.inspect(batch)": Family(Made("x"), ("x", math.nan, OBJECT, np.array(["a"]), np.zeros((2, 9)))),
    "unidl.inspect(others)": Family(Made("x"), ("x", math.nan, OBJECT, np.array(["a"]), np.zeros((2, 9)))),
    "unidl.inspect(model)": Family(Made("model"), ("x", 3, None, [], OBJECT, layers.Dense(1))),
    "unidl.source(backend)": word("torch", "pytorch"),
    "unidl.eject(folder)": Family(Made("path"), NO_PATH),
    "unidl.load(path)": Family(Made("saved"), (*NO_PATH, "no such file")),
    "unidl.load_weights(source)": Family(Made("weights"), (*NO_PATH, "no such file.pt", {3: 1}, {"x": "y"})),
    "unidl.load_weights(names)": Family(None, ("x", 3, math.nan, True, [], {"nothing": "dense"}, {3: "dense"}, {"a": 3}), none=True),
    "unidl.load_weights(channels_first)": Family(None, (3, math.nan, "yes", [3], ["no such layer"]), none=True),
    "unidl.load_weights(ignore)": Family((), (*NO_LIST, "x", [3], ["fits nothing*"])),
    "unidl.load_weights(keep)": Family((), (*NO_LIST, "x", [3], ["fits nothing*"])),
    "unidl.load_weights(layout)": word("torch", "channels"),
    "unidl.set_backend(name)": word("torch", "pytorch"),
    "unidl.using(name)": word("torch", "pytorch"),
    "unidl.export(custom)": word("constants"),
    "unidl.grad(of)": Family(Made("model"), ("x", 3, [], {}, OBJECT, layers.Dense(1)), none=True),
    "unidl.value_and_grad(of)": Family(Made("model"), ("x", 3, [], {}, OBJECT, layers.Dense(1)), none=True),
    "unidl.compare(build)": Family(FUNCTION.right, (3, math.nan, [], OBJECT, "no such file.py")),
    "unidl.compare(data)": Family(Made("pair"), (None,)),
    "unidl.compare(backends)": Family(["torch"], (3, math.nan, True, OBJECT, "torch", [], [3], ["pytorch"], ["torch", "torch"])),
    "unidl.compare(engines)": Family(None, (3, math.nan, True, OBJECT, "torch", [3], ["no such engine"]), none=True),
    "unidl.compare(jit)": Family(None, ("yes", 2, math.nan, OBJECT, ["yes"], []), none=True),
    "unidl.compare(threads)": Family(1, ("x", 0, -1, 2.5, math.nan, OBJECT, [0], ["x"], []), none=True),
    "unidl.compare(arguments)": Family((), (*NO_LIST, "x", [3], ["a"])),
    "unidl.compare(without)": Family((), (*NO_LIST, "exports", [3], ["no such part"])),
    "unidl.compare(loss)": Family(None, ("no such", 3, math.nan, []), none=True),
    "unidl.compare(optimizer)": Family("adam", ("no such", 3, math.nan, [], optimizers.Adam)),
    "unidl.compare(metrics)": Family((), (*NO_LIST, "accuracy", ["no such"], [3])),
    "unidl.testing.check_layer(layer)": Family(layers.Dense(1), ("x", 3, None, layers.Dense)),
    "unidl.testing.check_layer(inputs)": Family((2, 3), ("x", OBJECT, ("a",), (-1, 3), (2.5, 3))),
    "unidl.testing.check_layer(backends)": Family(None, (3, "torch", ["pytorch"], [3], []), none=True),
    "unidl.testing.check_layer(named)": Family(None, (3, "x", [1], {"nothing": (2, 3)}), none=True),
    "unidl.testing.check_layer(options)": Family(None, (3, "x", [1], {"nothing": 1}), none=True),
    "unidl.losses.get(value)": Family("mse", ("no such", "", 3, None, [], {}, losses.MSE)),
    "unidl.metrics.get(value)": Family("accuracy", ("no such", "", 3, None, [], {}, metrics.Accuracy)),
    "unidl.optimizers.get(value)": Family("adam", ("no such", "", 3, None, [], {}, optimizers.Adam)),
    "unidl.schedules.get(value)": Family(0.1, (*NO_REAL, -0.1, None, schedules.Constant)),
    "unidl.initializers.get(value)": Family("zeros", ("no such", "", None, math.nan, math.inf, True, [1.0], {}, OBJECT)),
}  # fmt: skip

# what runs on a backend: tried on each
ON_A_BACKEND = (
    "unidl.Model.",
    "unidl.Trainer",
    "unidl.convert",
    "unidl.eject",
    "unidl.export",
    "unidl.inspect",
    "unidl.load",
    "unidl.source",
    "unidl.grad",
    "unidl.value_and_grad",
)

PARAMETERS = every_parameter()
NEUTRAL = [p for p in PARAMETERS if not p.path.startswith(ON_A_BACKEND)]
BUILT = [p for p in PARAMETERS if p.path.startswith(ON_A_BACKEND)]
THINGS = dict(things())


class Context:
    """What calls are made with: a built model, a Trainer of one, data, a folder."""

    def __init__(self, backend: str, folder: Any) -> None:
        self.backend = backend
        self.folder = folder
        self.x = np.ones((4, 3), "float32")
        self.y = np.ones((4, 1), "float32")
        self.model = unidl.Sequential([layers.Dense(2), layers.Dense(1)]).build((3,), backend=backend)
        self.model.save(folder / "m.unidl")
        self.trainer = unidl.Trainer(self.model, loss="mse")

    def made(self, name: str) -> Any:
        """An object by its name."""
        if name == "pair":
            return self.x, self.y
        if name == "unbuilt":
            return unidl.Sequential([layers.Dense(1)])
        if name == "weights":
            return self.model.weights()
        if name == "layer":
            return layers.Dense(2)
        if name == "path":
            return self.folder / "new"
        if name == "saved":
            return self.folder / "m.unidl"
        return getattr(self, name)

    def right(self, value: Any) -> Any:
        return self.made(value) if isinstance(value, Made) else value

    def owner(self, path: str) -> Any:
        """The object whose method is called."""
        if path.startswith("unidl.Trainer."):
            return self.trainer
        return unidl.Sequential([layers.Dense(2)]) if path == "unidl.Model.build" else self.model

    def state(self) -> Any:
        """What a refused call must leave as it was."""
        weights = {path: value.tobytes() for path, value in self.model.weights().items()}
        counted = self.trainer.steps_taken, self.trainer.epoch, dict(vars(self.trainer)["_given"])
        names = sorted(path.name for path in self.folder.iterdir())
        return (
            weights,
            counted,
            names,
            dict(settings._process),
            settings._using.get(),
            repr(self.model),
            self.model.backend,
        )


def family(parameter: Parameter) -> Family:
    found = family_of(parameter.path, parameter.name, parameter.annotation, SPECIAL)
    if found is None:
        pytest.fail(
            f"{parameter} has no family ({parameter.annotation}): annotate it with bool, int, float or str, or give its name a line "
            "in tests/arguments/families.py (what is right, what is wrong), and let it pass a check of unidl/arguments.py."
        )
    return found


def call(context: Context, parameter: Parameter, value: Any) -> Any:
    """Call what has the parameter, with this value for it and right ones for the others that it needs."""
    thing = THINGS[parameter.path]
    owner_name = parameter.path.rpartition(".")[0]
    function = thing
    if owner_name in ("unidl.Model", "unidl.Trainer", "unidl.Sequential") and not inspect.isclass(thing):
        function = getattr(context.owner(parameter.path), thing.__name__)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    signature = inspect.signature(thing.__init__ if inspect.isclass(thing) else thing)
    for other in [p for p in PARAMETERS if p.path == parameter.path]:
        if other == parameter:
            given = value
        elif other.required or other.several:
            given = context.right(family(other).right)
        elif parameter.path in ("unidl.Trainer.fit", "unidl.Trainer.evaluate") and other.name == "y":
            given = context.y
        else:
            continue
        kind = signature.parameters[other.name].kind
        if other.several or (kind is not inspect.Parameter.KEYWORD_ONLY and not kwargs and _before_several(signature)):
            args.append(given)
        else:
            kwargs[other.name] = given
    if parameter.path in ("unidl.load", "unidl.Trainer") and parameter.name != "backend":
        kwargs["backend"] = context.backend
    result = function(*args, **kwargs)
    if hasattr(result, "__enter__"):
        with result:
            pass
    return result


def _before_several(signature: inspect.Signature) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())


def refuses_all(context: Context, parameter: Parameter) -> None:
    before = context.state()
    failed = []
    for wrong in family(parameter).wrong:
        try:
            call(context, parameter, wrong)
        except unidl.UnidlError as error:
            if not str(error).strip():
                failed.append(f"{wrong!r}: an empty message")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is none of unidl's
            failed.append(f"{wrong!r}: {type(error).__name__}: {str(error)[:100]}")
        else:
            failed.append(f"{wrong!r}: accepted")
        if context.state() != before:
            failed.append(f"{wrong!r}: something changed")
            before = context.state()
    assert not failed, f"{parameter}:\n  " + "\n  ".join(failed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("arguments")


@pytest.fixture(scope="module")
def context(folder):
    return Context("torch", folder)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory):
    made: dict[str, Context] = {}

    def get(backend: str) -> Context:
        if backend not in made:
            made[backend] = Context(backend, tmp_path_factory.mktemp(backend))
        return made[backend]

    return get


@pytest.mark.parametrize("parameter", NEUTRAL, ids=str)
def test_wrong_values_are_refused(parameter, context):
    refuses_all(context, parameter)


@pytest.mark.parametrize("parameter", BUILT, ids=str)
def test_wrong_values_are_refused_on_each_backend(parameter, backend, contexts):
    refuses_all(contexts(backend), parameter)


@pytest.mark.parametrize("path", [path for path in THINGS if not exempt(path) and inspect.isclass(THINGS[path])])
def test_right_values_are_taken(path, context):
    """So that no constructor refuses everything: each of its parameters takes what its family says is right."""
    for parameter in [p for p in PARAMETERS if p.path == path]:
        call(context, parameter, context.right(family(parameter).right))


@pytest.mark.parametrize("path", dict.fromkeys(parameter.path for parameter in PARAMETERS))
def test_an_argument_that_does_not_exist_is_refused(path, context):
    thing = THINGS[path]
    if not inspect.isclass(thing) and path.count(".") > 1 and path.split(".")[1] in ("Model", "Trainer", "Sequential"):
        thing = getattr(context.owner(path), thing.__name__)
    with pytest.raises(unidl.UnidlError), contextlib.ExitStack():
        thing(no_such_argument=1)


def test_what_is_left_out_is_there():
    from fnmatch import fnmatchcase

    for pattern in EXEMPT:
        assert any(fnmatchcase(path, pattern) for path in THINGS), f"{pattern} fits nothing public any more"


def test_special_cases_are_there():
    assert {str(parameter) for parameter in PARAMETERS} >= set(SPECIAL)
