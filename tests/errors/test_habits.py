"""The table of habits: what its right side names exists, and no left side is unidl's own word."""

import importlib
import inspect
import re
from types import ModuleType

import pytest

import unidl
from unidl import habits, layers, losses, metrics, ops, optimizers, schedules
from unidl.errors import ForeignNameError, NotPortableError, UnknownArgumentError
from unidl.ops.activation import ACTIVATIONS

NESTED = ("ARGUMENTS_OF", "METHODS", "LATER")  # a table of tables
TABLES = {name: getattr(habits, name) for name in dir(habits) if name.isupper() and name not in (*NESTED, "FAMILIES")}
WAYS = sorted({(name, word, way) for name, table in TABLES.items() for word, way in table.items()})
WAYS += [
    (name, word, way)
    for nested in NESTED
    for name, table in getattr(habits, nested).items()
    for word, way in table.items()
]

PACKAGES = ("layers", "losses", "metrics", "optimizers", "schedules", "callbacks", "initializers", "ops")
DOTTED = re.compile(r"\b((?:unidl|layers|ops|model|trainer|self|loss|x|row)(?:\.[A-Za-z_]\w*)+)")
OWNERS = {
    "model": unidl.Model, "trainer": unidl.Trainer(unidl.Sequential([layers.Dense(1)])), "self": unidl.Layer, "loss": losses.Loss, "layers": layers, "ops": ops,
}  # fmt: skip
FREE = {
    "self.hidden",
    "self.blocks",
    "self.heads",
    "self.kernel",
    "self.alpha",
    "self.scale",
    "self.embedding",
}  # attributes of a class that the reader writes


def lookup(text, table=""):
    """What a dotted name of a way stands for; AttributeError if there is nothing."""
    root, *names = text.split(".")
    found = unidl if root == "unidl" else OWNERS["trainer" if (table, root) == ("Trainer", "self") else root]
    for name in names:
        if found is unidl.Model and name == "native":
            return None  # what follows is the framework's
        found = getattr(found, name)
    return found


@pytest.mark.parametrize(("table", "word", "way"), WAYS, ids=[f"{table}-{word}" for table, word, _ in WAYS])
def test_what_a_way_names_exists(table, word, way):
    for text in DOTTED.findall(way):
        if text in FREE or text.split(".")[0] in ("x", "row"):
            continue
        lookup(text, table)


def test_a_way_that_names_nothing_is_found():
    with pytest.raises(AttributeError):
        lookup("unidl.layers.Linear")
    with pytest.raises(AttributeError):
        lookup("model.fit")


@pytest.mark.parametrize("package", PACKAGES)
def test_names_of_a_package_answer(package):
    module = importlib.import_module(f"unidl.{package}")
    for word, way in habits.FAMILIES[package].items():
        if isinstance(vars(module).get(word), ModuleType):  # a file may bear the word
            continue
        assert word not in vars(module), f"unidl.{package} has {word!r} itself: its row is stale"
        with pytest.raises(ForeignNameError) as caught:
            getattr(module, word)
        assert caught.value.fix == habits.sentence(way)


def test_names_of_unidl_answer():
    for word, way in habits.TOP.items():
        with pytest.raises(ForeignNameError) as caught:
            getattr(unidl, word)
        assert caught.value.fix == habits.sentence(way)


def test_a_models_words_answer():
    model = unidl.Sequential([layers.Dense(1)])
    for word, way in habits.MODEL.items():
        with pytest.raises(ForeignNameError) as caught:
            getattr(model, word)
        assert caught.value.fix == habits.sentence(way)


def test_a_tensors_words_answer():
    x = unidl.Input((3,))
    for word in habits.TENSOR:
        with pytest.raises(NotPortableError, match="Write "):
            getattr(x, word)


@pytest.mark.parametrize("word", [*habits.ACTIVATIONS, "ReLU", "Leaky-ReLU"])
def test_activations_are_understood(word):
    assert ops.get_activation(word) in ACTIVATIONS.values()


@pytest.mark.parametrize("word", habits.INITIALIZERS)
def test_initializers_are_understood(word):
    assert layers.Dense(2, kernel_initializer=word).output_shape((None, 3)) == (None, 2)


@pytest.mark.parametrize("word", habits.LOSS_ALIASES)
def test_losses_are_understood(word):
    assert losses.get(word).reduction == "mean"


@pytest.mark.parametrize("name", habits.ARGUMENTS_OF)
def test_arguments_answer(name):
    """Each class and method is there, has not the foreign argument itself, and says unidl's way."""
    homes = (layers, losses, metrics, optimizers, schedules, unidl.callbacks, unidl.data, unidl)
    found = [vars(home).get(name) for home in homes] + [getattr(unidl, name, None)]
    owner = next((one for one in found if callable(one)), None)
    function = owner or getattr(unidl.Trainer if hasattr(unidl.Trainer, name) else unidl.Model, name)
    own = inspect.signature(owner.__init__ if inspect.isclass(owner) else function).parameters
    for word, way in habits.ARGUMENTS_OF[name].items():
        assert word not in own, f"{name} takes {word!r} itself: its row is stale"
        assert habits.argument([name], word) == way
    words = [word for word in habits.ARGUMENTS_OF[name] if word != "*"]
    if inspect.isclass(owner) and name != "Optimizer" and words:
        with pytest.raises(UnknownArgumentError) as caught:
            owner(**{words[0]: 1})
        assert caught.value.fix == habits.argument_sentence(words[0], habits.ARGUMENTS_OF[name][words[0]], list(own))


def test_arguments_of_a_parent_serve_a_child():
    with pytest.raises(UnknownArgumentError, match=r"Use `beta_1=` and beta_2 instead of `betas=`\."):
        optimizers.AdamW(betas=(0.9, 0.99))
    with pytest.raises(UnknownArgumentError, match=r"Use `clip_norm=` instead of `global_clipnorm=`\."):
        optimizers.SGD(global_clipnorm=1.0)


@pytest.mark.parametrize(
    ("word", "table", "known", "way"),
    [
        ("pytorch", habits.BACKENDS, (), "torch"),
        ("PyTorch", habits.BACKENDS, (), "torch"),
        ("Categorical-Crossentropy", habits.LOSSES, (), "cross_entropy"),
        ("denze", {}, ("Dense", "Dropout"), "Dense"),
        ("maxpooling2d", {}, ("MaxPooling2D",), "MaxPooling2D"),
        ("xyzzy", {}, ("Dense",), None),
    ],
)
def test_suggestions(word, table, known, way):
    assert habits.suggestion(word, table, known) == way
