"""Advice is right or absent: every public name of Keras, TensorFlow and torch is asked of unidl.

A name has a reviewed row (unidl/habits), which says what means the same or how one writes it today; or it is said that unidl does not
have it yet, with its family's sentence; or nothing is said. Nothing is guessed. What a row writes as an expression is computed here
beside the framework's own function.
"""

import importlib
import inspect
import math
from types import ModuleType

import numpy as np
import pytest

import unidl
from unidl import habits, layers, losses, metrics, ops, optimizers
from unidl.errors import ArgumentError, ForeignNameError, LogNameError, UnknownArgumentError
from unidl.habits.word import distance, foreign_names

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")

from tests.errors import foreign_names as frameworks  # noqa: E402  # it imports all three frameworks

FAMILIES = frameworks.families()
KNOWN = {
    "layers": ("unidl.layers", habits.LAYERS), "losses": ("unidl.losses", habits.LOSSES), "metrics": ("unidl.metrics", habits.METRICS),
    "optimizers": ("unidl.optimizers", habits.OPTIMIZERS), "schedules": ("unidl.schedules", habits.SCHEDULES),
    "callbacks": ("unidl.callbacks", habits.CALLBACKS), "initializers": ("unidl.initializers", habits.INITIALIZER_NAMES),
    "ops": ("unidl.ops", habits.OPS),
}  # fmt: skip


def own(module):
    """What a package has itself, its files left out."""
    return {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }


def test_the_list_of_foreign_names_is_that_of_the_installed_frameworks(fresh):
    """In a process of its own: what was imported before adds names to torch's own modules."""
    told = fresh("from tests.errors.foreign_names import page; print(page())").stdout
    installed = {word: frozenset(families) for word, *families in (line.split() for line in told.splitlines() if line)}
    listed = foreign_names()
    assert not installed.keys() - listed.keys(), "run: python -m tests.errors.foreign_names"
    assert all(families <= listed[word] for word, families in installed.items()), (
        "run: python -m tests.errors.foreign_names"
    )


@pytest.mark.parametrize("family", KNOWN)
def test_every_name_of_the_frameworks_has_a_right_answer(family):
    """A row that was reviewed, unidl's own name written in another way, or "not yet" and how one writes it."""
    where, rows = KNOWN[family]
    module = importlib.import_module(where)
    names = own(module)
    guessed = []
    for word in FAMILIES[family]:
        if hasattr(module, word):
            continue
        with pytest.raises(ForeignNameError) as caught:
            getattr(module, word)
        error = caught.value
        same = [name for name in names if habits.bare(name) == habits.bare(word)]
        reviewed = (
            word in rows or habits.bare(word) in habits.LATER[family] or habits.suggestion(word, rows) is not None
        )
        generic = error.fix == habits.sentence(habits.GENERIC[family]) and f"has no {word!r} yet" in str(error)
        if not (reviewed or generic or (same and error.fix == f"Write {where}.{same[0]}.")):
            guessed.append((word, error.fix))
    assert guessed == []


TEXTS = {
    "losses": losses.get,
    "metrics": metrics.get,
    "optimizers": optimizers.get,
    "initializers": unidl.initializers.get,
    "activations": ops.get_activation,
}


@pytest.mark.parametrize("family", TEXTS)
def test_every_name_given_as_a_text_has_a_right_answer(family):
    guessed = []
    understood = {**habits.ACTIVATIONS, **habits.INITIALIZERS, **habits.LOSS_ALIASES}
    tables = {
        "losses": habits.LOSSES,
        "metrics": habits.METRICS,
        "optimizers": habits.OPTIMIZERS,
        "initializers": habits.INITIALIZER_NAMES,
    }
    for word in {snake for name in FAMILIES[family] for snake in (name, unidl.capture.snake_case(name))}:
        try:
            TEXTS[family](word)
        except ArgumentError as error:
            row = habits.suggestion(word, tables.get(family, {}))
            later = habits.later(family, word)
            own_word = error.fix is not None and habits.bare(
                error.fix.removeprefix("Write ").strip(".'")
            ) == habits.bare(word)
            right = (
                own_word
                or (row is not None and row in (error.fix or ""))
                or (error.fix is not None and error.fix == habits.sentence(later))
            )
            if not right and error.fix is not None:
                guessed.append((word, error.fix))
        else:
            assert word in understood or habits.bare(word) in {
                habits.bare(n) for n in (*understood, *_own_words(family))
            }, word
    assert guessed == []


def _own_words(family):
    return {
        "losses": unidl.losses.loss.LOSSES.names,
        "metrics": unidl.metrics.metric.METRICS.names,
        "optimizers": unidl.optimizers.optimizer.OPTIMIZERS.names,
        "initializers": unidl.initializers.initializer.INITIALIZERS.names,
        "activations": ops.activation.ACTIVATIONS,
    }[family]


def test_names_of_the_package_itself():
    """tf.X, torch.X, keras.X: unidl's own, a row, another package's own, or how one writes it; never a guess."""
    for namespace in frameworks.namespaces():
        for word in dir(namespace):
            if word.startswith("_") or word in unidl.__all__ or hasattr(unidl, word):
                continue
            with pytest.raises(AttributeError) as caught:
                getattr(unidl, word)
            fix = getattr(caught.value, "fix", None)
            if fix is None or word in habits.TOP:
                continue
            rows = [way for table in habits.FAMILIES.values() for key, way in table.items() if key == word]
            later = [way for table in habits.LATER.values() for key, way in table.items() if key == habits.bare(word)]
            homes = [f"unidl.{package}.{word}" for package in KNOWN]
            same = [f"unidl.{name}" for name in unidl.__all__ if habits.bare(name) == habits.bare(word)]
            assert fix in [habits.sentence(way) for way in (*rows, *later, *homes, *same)] or habits.suggestion(
                word, habits.TOP
            ), (word, fix)


@pytest.mark.parametrize("base", [keras.Model, torch.nn.Module, keras.layers.Layer])
def test_attributes_of_models(base):
    model = unidl.Sequential([layers.Dense(1)])
    for word in dir(base):
        if word.startswith("_") or hasattr(type(model), word):
            continue
        with pytest.raises(AttributeError) as caught:
            getattr(model, word)
        assert getattr(caught.value, "fix", None) == habits.sentence(habits.MODEL.get(word))


SIGNATURES = [
    (name, theirs)
    for name, cls in vars(layers).items()
    if isinstance(cls, type) and issubclass(cls, unidl.Layer) and cls is not unidl.Layer
    for theirs in [getattr(keras.layers, name, None)]
    if theirs is not None
]


@pytest.mark.parametrize(("name", "theirs"), SIGNATURES)
def test_arguments_of_layers(name, theirs):
    """Every argument of Keras' layer of that name is ours too, or has a row, or nothing is said of it."""
    ours = getattr(layers, name)
    mine = inspect.signature(ours.__init__).parameters
    for word, parameter in inspect.signature(theirs.__init__).parameters.items():
        if (
            word in mine
            or word in ("self", "name")
            or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        ):
            continue
        with pytest.raises(UnknownArgumentError) as caught:
            ours(**{word: 1})
        way = habits.argument([base.__name__ for base in ours.__mro__], word, described=True)
        assert caught.value.fix == (None if way is None else habits.argument_sentence(word, way, list(mine))), word


def test_arguments_of_training():
    """Keras' fit, evaluate, predict and compile, and what is given to Lightning's Trainer."""
    trainer = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse")
    for name in ("fit", "evaluate", "predict"):
        mine = inspect.signature(getattr(trainer, name)).parameters
        for word in inspect.signature(getattr(keras.Model, name)).parameters:
            if word not in (*mine, "self", "kwargs"):
                with pytest.raises(UnknownArgumentError) as caught:
                    getattr(trainer, name)(**{word: 1})
                assert caught.value.fix, f"{name}({word}=) has no answer"
    for word in (
        *inspect.signature(keras.Model.compile).parameters,
        "devices",
        "max_epochs",
        "accelerator",
        "gradient_clip_val",
    ):
        if word not in ("self", *inspect.signature(unidl.Trainer.__init__).parameters):
            with pytest.raises(UnknownArgumentError) as caught:
                unidl.Trainer(trainer.model, **{word: 1})
            assert caught.value.fix, f"Trainer({word}=) has no answer"


# -- what people type first ----------------------------------------------------------------------------------------------------


def trainer():
    return unidl.Trainer(unidl.Sequential([layers.Dense(1)]), loss="mse")


HISTORY = unidl.History([{"loss": 1.0}], np.ones(1))
FIRST = {
    "Conv1D": (lambda: layers.Conv1D, "unidl.layers has no 'Conv1D' yet.\nFix: In the forward of a subclass of unidl.Layer: ops.conv("),
    "BinaryCrossentropy": (lambda: losses.BinaryCrossentropy, "Fix: Write unidl.losses.BinaryCrossEntropy(), on logits."),
    "fmod": (lambda: ops.fmod, "unidl.ops has no 'fmod' yet.\nFix: Write ops.sign(x) * ops.mod(ops.abs(x), ops.abs(y))"),
    "verbose": (lambda: trainer().fit(0, 0, verbose=1), "Fix: Use `progress=` instead of `verbose=`."),
    "check_val_every_n_epoch": (lambda: trainer().fit(0, 0, check_val_every_n_epoch=2), "Fix: Use `validation_freq=` instead of"),
    "class_weights": (lambda: trainer().fit(0, 0, class_weights={}), "Fix: Use `class_weight=` instead of `class_weights=`."),
    "devices": (lambda: unidl.Trainer(None, devices=2), "Fix: Nothing: a model trains on one device, which device= chooses."),
    "Sequential(a, b)": (lambda: unidl.Sequential(layers.Dense(1), layers.Dense(1)), "Fix: The layers stand in one list: unidl.Sequential([first, second])."),
    "fit(x, y, 10)": (lambda: trainer().fit(0, 0, 10), "Fix: What follows the targets is given by name: fit(x, y, epochs=10, batch_size=32)."),
    "model.parameters()": (lambda: unidl.Sequential([layers.Dense(1)]).parameters(), "Fix: Write model.weights(), or model.native.parameters()"),
    "model.fit": (lambda: unidl.Sequential([layers.Dense(1)]).fit, "Fix: Write unidl.Trainer(model, loss=…, optimizer=…).fit(x, y)."),
    "history.history": (lambda: HISTORY.history, "A History has no 'history'.\nFix: Write history[\"loss\"], a list by epoch;"),
    "history['acc']": (lambda: HISTORY["acc"], "There is no 'acc' in this history.\nExpected: one of loss"),
    "ModelCheckpoint": (lambda: unidl.callbacks.ModelCheckpoint, 'unidl.callbacks.Checkpoint("runs/a", monitor="val_loss")'),
    "WandbLogger": (lambda: unidl.callbacks.WandbLogger, "unidl.callbacks has no 'WandbLogger' yet.\nFix: A subclass of unidl.callbacks.Callback"),
    "DataLoader": (lambda: unidl.data.DataLoader, "Fix: Write unidl.Trainer.fit(x, y, batch_size=32) for arrays;"),
    "tflite": (lambda: unidl.export(unidl.Sequential([layers.Dense(1)]), "tflite", "m.tflite"), "Fix: Write 'litert'."),
    "adam without W": (lambda: optimizers.AdamWW, "Fix: Write unidl.optimizers.AdamW."),
    "a misspelling": (lambda: layers.Dnese, "Fix: Write unidl.layers.Dense."),
    "rmsprop": (lambda: optimizers.get("rmsprop"), "There is no optimizer 'rmsprop' yet."),
    "poisson": (lambda: losses.get("poisson"), "unidl.losses.Poisson(log_input=False), for rates as in Keras"),
    "xavier_normal": (lambda: unidl.initializers.get("xavier_normal"), 'VarianceScaling(1.0, "fan_avg", "normal")'),
    "unidl.Dense": (lambda: unidl.Dense, "Fix: Write unidl.layers.Dense."),
    "unidl.nn": (lambda: unidl.nn, "Fix: Write unidl.layers."),
}  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_what_people_type_first(name):
    ask, sentence = FIRST[name]
    with pytest.raises((ForeignNameError, ArgumentError, LogNameError)) as caught:
        ask()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("word", ["PReLU", "fmod", "RMSNorm", "LSTMCell", "Adamax", "GELU", "mae", "log2", "Conv3D"])
def test_nothing_is_guessed_for_a_name_that_is_another_one_s(word):
    known = ("ReLU", "mod", "LayerNorm", "LSTM", "Adam", "SELU", "mse", "log", "Conv2D")
    assert habits.suggestion(word, {}, known) is None


@pytest.mark.parametrize(
    ("a", "b", "far"),
    [("dense", "dense", 0), ("dnese", "dense", 1), ("desne", "dense", 1), ("dense", "", 5), ("conv2d", "conv1d", 1)],
)
def test_distance(a, b, far):
    assert distance(a, b) == distance(b, a) == far


# -- rows ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", habits.LATER)
def test_no_row_of_what_is_not_there_yet_is_stale(family):
    """A row whose name unidl has got by now, or that no framework has, is to be taken out."""
    has = {habits.bare(name) for name in _own_words(family)} if family in TEXTS and family == "activations" else {
        habits.bare(name) for name in own(importlib.import_module(f"unidl.{family}"))
    }  # fmt: skip
    for word in habits.LATER[family]:
        assert word == habits.bare(word)
        assert word not in has, f"unidl has {word!r} now: take its row out of unidl/habits/later.py"


# expression of a row -> what it is beside, on x and y
X = np.array([-2.5, -0.4, 0.0, 0.3, 1.7, 3.0])
Y = np.array([1.5, -2.0, 0.7, -0.3, 2.0, 1.0])
COMPUTED = {
    "fmod": np.fmod, "trunc": lambda x, y: np.trunc(x), "log2": lambda x, y: np.log2(x), "log10": lambda x, y: np.log10(x),
    "exp2": lambda x, y: np.exp2(x), "sinh": lambda x, y: np.sinh(x), "cosh": lambda x, y: np.cosh(x), "hypot": np.hypot,
    "erfc": lambda x, y: torch.special.erfc(torch.tensor(x)).numpy(),
    "softmin": lambda x, y: torch.nn.functional.softmin(torch.tensor(x), 0).numpy(),
    "hardtanh": lambda x, y: torch.nn.functional.hardtanh(torch.tensor(x)).numpy(),
    "tanhshrink": lambda x, y: torch.nn.functional.tanhshrink(torch.tensor(x)).numpy(),
    "celu": lambda x, y: torch.nn.functional.celu(torch.tensor(x)).numpy(),
    "diff": lambda x, y: np.diff(x), "inner": np.inner, "vdot": np.vdot, "ravel": lambda x, y: x.ravel(),
    "nantonum": lambda x, y: np.nan_to_num(x), "logaddexp": np.logaddexp,
    "normalize": lambda x, y: torch.nn.functional.normalize(torch.tensor(x), dim=0).numpy(),
    "cosinesimilarity": lambda x, y: torch.nn.functional.cosine_similarity(torch.tensor(x), torch.tensor(y), dim=0).numpy(),
}  # fmt: skip


@pytest.mark.parametrize("word", COMPUTED)
def test_a_row_s_expression_computes_the_same(word, backend):
    expression = habits.LATER["ops"][word].partition(", ")[0] if word in ("fmod", "celu") else habits.LATER["ops"][word]
    if word == "fmod":
        expression = habits.LATER["ops"][word].removesuffix(", whose sign is x's")
    x = np.abs(X) + 0.1 if word.startswith("log1") or word == "log2" else X
    with unidl.using(backend):
        given = {"x": ops.tensor(x, dtype="float64"), "y": ops.tensor(Y, dtype="float64")}
        found = unidl.to_numpy(eval(expression, {"ops": ops, "math": math}, given))
    np.testing.assert_allclose(found, COMPUTED[word](x, Y), rtol=1e-6, atol=1e-12)
