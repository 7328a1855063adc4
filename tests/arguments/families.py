"""Kinds of arguments: a right value, and the wrong ones that every parameter of that kind must refuse.

A parameter's family follows from its name, or else from its annotation (`family_of`). A parameter that has none fails the test
that walks them all: a new one needs a line here, or an annotation that says what it is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unidl import layers, optimizers

OBJECT = object()
HUGE = 10**40
NO_NUMBER = ("3", b"3", math.nan, math.inf, [1], {}, (), OBJECT, 1j, np.array([1, 2]))
NO_INTEGER = (*NO_NUMBER, 2.5, True, HUGE, -HUGE)
NO_REAL = (*NO_NUMBER, -math.inf, True)
NO_TEXT = (3, 2.5, math.nan, True, [], ["x"], {}, OBJECT, b"x")
NO_FLAG = ("yes", "", 2, 1.0, math.nan, [], [True], OBJECT, 0)
NO_FUNCTION = ("x", 3, math.nan, True, [], {}, OBJECT)
NO_LIST = (3, math.nan, True, OBJECT)
NO_PATH = (3, math.nan, True, [], {}, OBJECT, b"x", "", "a\0b", ["a"])
NO_NAME = (*NO_TEXT, "", "no such name", "NO_SUCH")


@dataclass(frozen=True)
class Family:
    """Values of one kind.

    Args:
        right: One that is taken; a function of the test's context makes it where it starts with `make`.
        wrong: Those that are refused.
        none: Whether None is taken.
    """

    right: Any
    wrong: tuple[Any, ...]
    none: bool = False


class Made(str):
    """The name of an object that the test makes."""


def real(right: float, *wrong: float) -> Family:
    """A number, with what lies outside its bounds."""
    return Family(right, (*NO_REAL, *wrong))


def word(right: str, *wrong: Any) -> Family:
    """One of some words."""
    return Family(right, (*NO_NAME, *wrong))


POSITIVE = Family(2, (*NO_INTEGER, 0, -1, 2**31))
PER_AXIS = Family(2, (*NO_INTEGER, 0, -1, (1, 0), (1, 2, 3), (1, "2"), [1, None], (1.5, 2)))
PAIRS = Family(1, (*NO_INTEGER, -1, (1, -1), (1, 2, 3, 4), (1, "2"), [1, None], (1.5, 2), ((1, 2, 3), 1)))
COUNT = Family(1, (*NO_INTEGER, -1))
SEED = Family(0, (*NO_INTEGER, -1, 2**63))
FLAG = Family(True, NO_FLAG)
INTEGER = Family(-1, NO_INTEGER)
NUMBER = Family(0.5, NO_REAL)
TEXT = Family("x", (*NO_TEXT, ""))
PATH = Family(Path("a"), NO_PATH)
INITIALIZER = Family(
    "zeros", ("no such initializer", "", math.nan, math.inf, True, [1.0], {}, OBJECT, 1j, b"x", np.array(["a"]))
)
ACTIVATION = Family("relu", ("no such activation", "", 3, math.nan, True, [], {}, OBJECT, b"x", layers.ReLU), none=True)
FUNCTION = Family(lambda *_: 0.0, NO_FUNCTION)
DATA = Family(Made("x"), ("x", math.nan, OBJECT, [], {}, np.array(["a"]), np.zeros((0, 3), "float32"), 3))
NAMES = Family((), (*NO_LIST, "x", [3], [""], {"a": 1}))

# by the parameter's name, wherever that means one thing
BY_NAME: dict[str, Family] = {
    # sizes and counts
    **dict.fromkeys(
        ("units", "filters", "groups", "num_heads", "key_dim", "input_dim", "output_dim", "batch_size"), POSITIVE
    ),
    **dict.fromkeys(("value_dim", "keep", "every_epochs", "every_steps", "rounds"), POSITIVE),
    **dict.fromkeys(("kernel_size", "strides", "pool_size", "size", "dilation_rate"), PER_AXIS),
    **dict.fromkeys(("epochs", "warmup", "patience", "cooldown"), COUNT),
    **dict.fromkeys(("histograms", "validation_freq", "steps_per_epoch", "max_steps"), POSITIVE),
    "steps": Family(4, (*NO_INTEGER, 0, -1)),
    "cropping": PAIRS,
    "seed": SEED,
    "axis": INTEGER,
    "shape": Family(
        (3,),
        ("28", 8, 2.5, math.nan, True, OBJECT, {}, (2.5,), (-1,), (0,), ("a",), (True,), (None, -3), (HUGE,), ((2,),)),
    ),
    "target_shape": Family(
        (-1,), ("28", 8, 2.5, True, OBJECT, {}, (2.5,), (-2,), (0,), ("a",), (True,), (None,), (-1, -1), (HUGE,))
    ),
    # numbers
    **dict.fromkeys(("rate", "dropout", "label_smoothing", "beta_1", "beta_2"), real(0.5, -0.1, 1.0, 50)),
    "epsilon": real(1e-5, -1e-5),
    "weight_decay": real(0.1, -0.1),
    "delta": real(1.0, 0.0, -1.0),
    "gamma": real(2.0, -0.1),
    "beta": real(0.5, -0.1),
    "smooth": real(1.0, 0.0, -1.0),
    "clip_norm": real(1.0, 0.0, -1.0),
    "decay": real(0.5, -0.1, 1.5),
    **dict.fromkeys(("peak", "floor"), real(0.0, -1.0)),
    "min_delta": real(0.0, -0.1),
    "min_lr": real(1e-4, -0.1),
    "max_lr": real(1.0, 0.0, -1.0, 1e-9),
    "factor": real(0.5, 0.0, 1.0, -1.0),
    "stop_factor": real(4.0, 1.0, -1.0),
    "duration": real(1.0, 0.0, -1.0),
    "stddev": real(0.1, -0.1),
    "scale": real(1.0, 0.0, -1.0),
    "timeout": real(10.0, 0.0, -1.0),
    "learning_rate": Family(0.1, (*NO_REAL, -0.1, "fast")),
    # words
    "padding": word("valid", "SAME", 1, (1, 1)),
    "interpolation": word("nearest", "bicubic"),
    "seek": word("replay"),
    "on_nonfinite": word("stop"),
    "random": word("native"),
    "precision": word("float32", "float", "int32"),
    "mode": word("min"),
    "distribution": word("normal"),
    "backend": word("torch", "pytorch"),
    "device": word("cpu", "gpuu", "cpu:99"),
    "dtype": word("float32", "float"),
    "format": word("pt2", "pth"),
    "layout": word("torch"),
    "merge_mode": word("concat", "add", 1),
    "reduction": word("mean", "sum", "none"),
    # descriptions
    **dict.fromkeys(
        (
            "alpha_initializer",
            "kernel_initializer",
            "bias_initializer",
            "recurrent_initializer",
            "embeddings_initializer",
        ),
        INITIALIZER,
    ),
    **dict.fromkeys(("activation", "recurrent_activation"), ACTIVATION),
    "initializer": INITIALIZER,
    "layers": Family(
        [layers.Dense(1)], (*NO_LIST, "x", [], {}, [3], ["x"], [None], [layers.Dense], layers.Dense(1), [lambda x: x])
    ),
    "layer": Family(Made("layer"), ("x", 3, None, [], layers.Dense, OBJECT)),
    "optimizer": Family("adam", ("no such optimizer", "", 3, math.nan, True, [], {}, OBJECT, optimizers.Adam, None)),
    "loss": Family("mse", ("no such loss", "", 3, math.nan, True, [], {}, OBJECT)),
    "metrics": Family((), (*NO_LIST, "accuracy", ["no such metric"], [3], [None], {"a": 1})),
    "callbacks": Family((), (*NO_LIST, "x", [3], ["x"], [None], {"a": 1})),
    "jit": Family(False, ("yes", "", 2, 1, math.nan, [], {}, OBJECT, None)),
    "function": FUNCTION,
    "no_decay": NAMES,
    "classes": Family((), (*NO_LIST, "x", [3], ["x"])),
    "pattern": Family("*", (*NO_TEXT, "", "no such layer", None)),
    # files
    **dict.fromkeys(("path", "folder", "directory"), PATH),
    # objects
    "model": Family(Made("model"), ("x", 3, None, [], {}, OBJECT, layers.Dense(1))),
    "other": Family(Made("model"), ("x", 3, None, [], {}, OBJECT, layers.Dense(1))),
    "weights": Family(Made("weights"), ("x", 3, None, [], OBJECT, {}, {"x": 1}, {3: 1})),
    # data
    **dict.fromkeys(("x", "y", "batch", "inputs"), DATA),
    "loss_weights": Family(
        None, ("x", 3, math.nan, True, OBJECT, {"no such output": 1.0}, [1.0, 2.0], [math.nan]), none=True
    ),
    "class_weight": Family(
        {0: 1.0}, ("x", 3, math.nan, True, [1.0], OBJECT, {"a": 1.0}, {0: "x"}, {0: math.nan}), none=True
    ),
    "sample_weight": Family(None, ("x", 3, math.nan, OBJECT, np.ones(3, "float32"), np.array(["a"])), none=True),
    "validation_data": Family(None, ("x", 3, math.nan, True, [], {}, OBJECT, (1,), (1, 2, 3)), none=True),
}

# by annotation, where the name says nothing
BY_ANNOTATION: dict[str, Family] = {
    "bool": FLAG,
    "int": INTEGER,
    "float": NUMBER,
    "str": TEXT,
    "str | os.PathLike[str]": PATH,
    "Sequence[str]": NAMES,
    "Callable[[Any, Any], Any]": FUNCTION,
    "Function": FUNCTION,
}


def family_of(path: str, name: str, annotation: str, special: dict[str, Family]) -> Family | None:
    """The family of a parameter, or None.

    Args:
        path: Whose parameter it is.
        name: Its name.
        annotation: As it is written.
        special: "path(name)" -> the family where the name means something of its own.
    """
    optional = annotation.endswith(" | None")
    bare = annotation.removesuffix(" | None")
    found = special.get(f"{path}({name})")
    if found is None and bare == "bool":
        found = FLAG
    if found is None:
        found = BY_NAME.get(name) or BY_ANNOTATION.get(bare)
    if found is None:
        return None
    none = found.none or optional
    wrong = tuple([value for value in found.wrong if value is not None])
    return Family(found.right, wrong if none else (*wrong, None), none)


Check = Callable[..., Any]
