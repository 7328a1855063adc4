"""How Keras' models, layers and files are written."""

from __future__ import annotations

import inspect
import re
from typing import Any, ClassVar

import numpy as np

from unidl.backends.keras.engine import keras
from unidl.backends.keras.layers import CLASSES, NATIVES
from unidl.backends.keras.module import MODULE, input_name, named
from unidl.backends.keras.native import ACTIVATIONS, keras_class
from unidl.backends.keras.source.expressions import OPS
from unidl.backends.keras.source.loop import train_file
from unidl.codegen.author import Author
from unidl.codegen.calls import call
from unidl.codegen.classes import Class, class_name
from unidl.codegen.code import Code, Line, Value
from unidl.codegen.folding import folded
from unidl.codegen.identifiers import attribute
from unidl.codegen.inputs import inputs_of
from unidl.codegen.language import Language, Making
from unidl.codegen.layout import indented, written
from unidl.codegen.literals import docstring, literal, numbered
from unidl.codegen.loop import Loop
from unidl.codegen.members import Made, Members
from unidl.codegen.names import shape_text
from unidl.codegen.native import row_of
from unidl.codegen.scope import Scope
from unidl.description.plan import LayerPlan, WeightSpec
from unidl.errors import SourceError
from unidl.graph.node import LayerCall, OpCall, WeightRead, ancestors, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor
from unidl.initializers import Constant, Ones, Zeros
from unidl.native.helper import printed
from unidl.native.row import Native

# what a functional model cannot hold: it needs a layer around it
_IN_LAYERS = ("random_", "scan", "while_loop", "cond", "zeros", "ones", "full", "arange", "eye", "linspace", "tensor")


# attributes of Keras' layers -> the names of the layers there; others are called like "lstm_cell"
PARTS = {"query_dense": "query", "key_dense": "key", "value_dense": "value", "output_dense": "attention_output"}

_BUILT = ".build(None)"


class Keras(Language):
    """A functional model of Keras' layers; a layer of one's own is a keras.layers.Layer that Keras can save."""

    name = "keras"
    title = "Keras"
    natives: ClassVar = NATIVES
    layers: ClassVar = {}
    ops: ClassVar = OPS
    modules: ClassVar = ("keras", "safetensors.numpy")
    trains_with: ClassVar = ("compiled",)
    taken: ClassVar = (
        "keras", "layers", "ops", "load_file", "Path", "WEIGHTS", "load", "make_model", *CLASSES, "within", "from_state"
    )  # fmt: skip
    locals: ClassVar = ("self", "training", "kwargs", "input_shape")
    inlines_objects = True

    def defaults(self, name: str) -> dict[str, Any]:
        """Those of its constructor, as a row says the same; channels are last unless somebody changed Keras' configuration."""
        cls: Any = CLASSES[name] if name in CLASSES else keras_class(name)
        found = {key: parameter.default for key, parameter in inspect.signature(cls.__init__).parameters.items()}
        usual = {"data_format": "channels_last", "activation": "linear"}
        return {key: usual.get(key) if value is None else one_of(value) for key, value in found.items()}

    def argument(self, making: Making, value: Any) -> Any:
        """An activation by Keras' name, or as a function of the file."""
        if not callable(value):
            return value
        if value in ACTIVATIONS:
            return ACTIVATIONS[value]
        spec = TensorSpec((None,) * max(2, len(making.plan.output_shapes[0])), making.plan.dtype)
        name = str(getattr(value, "name", None) or getattr(value, "__name__", "activation"))
        return Code(making.author.function(value, spec, name))

    def constructor(self, making: Making, name: str, args: list[Any], kwargs: dict[str, Any]) -> Code:
        """With the layer's name; a class of the file is written there."""
        if name in CLASSES:
            making.author.helper(name, f"{REGISTERED}\n{printed(CLASSES[name])}")
        return call(name, *args, **kwargs, name=making.name)

    def tensor_name(self, native: Native, plan: LayerPlan, tensor: str) -> str:
        """The variable's path in the layer; its parts have names of their own."""
        *part, last = tensor.split(".")
        return "/".join([*(PARTS.get(key, f"{plan.kind.lower()}_{key}") for key in part), last])

    def cast(self, code: Code, wanted: str) -> Code:
        """ops.cast."""
        return call("ops.cast", code, wanted)

    def array(self, array: np.ndarray, wanted: str) -> Code:
        """A constant."""
        return call("ops.array", array.tolist(), dtype=wanted)

    def length(self, value: Value, axis: int) -> Code:
        """An int where it is known, else a scalar."""
        return Code(f"ops.shape({value})[{axis}]", names=value.code.names)

    def copied(self, code: Code) -> Code:
        """A copy."""
        return Code(f"ops.copy({code})", names=code.names)

    def updated(self, me: str, value: Code) -> list[Line]:
        """The variable is assigned."""
        return [Line(f"{me}.assign({value})")]

    def attribute(self, name: str) -> str:
        """None that a Keras layer has."""
        return attribute(name, MODULE)

    def object_name(self, key: str, owner: LayerPlan | None = None) -> str:
        """In characters that Keras and TensorFlow take; in a model whose graph has operations none that Keras calls them."""
        name = named(attribute(key))
        beside = owner is not None and not owner.path and _has_operations(owner)
        return f"{name}_layer" if beside and re.sub(r"_\d+$", "", name) in _OPERATIONS else name

    def input_name(self, name: str) -> str:
        """As a model that was built calls it."""
        return input_name(name)

    def weight_name(self, members: Members, name: str) -> str:
        """The variable's name."""
        return name

    def path_of(self, members: Members, key: str) -> list[str]:
        """A layer's name."""
        return [members.objects[key]]

    def root_path(self, author: Author) -> list[str]:
        """The layer that holds all, if the model's graph cannot stand alone."""
        return [_root_name(author)] if _needs_layer(author.root) else []

    def nest(self, held: Any) -> str:
        """Plain lists and dicts, which Keras tracks."""
        if isinstance(held, dict):
            return f"{{{', '.join(f'{literal(key)}: {self.nest(item)}' for key, item in held.items())}}}"
        if isinstance(held, list):
            return _as_comprehension(held) or f"[{', '.join(map(self.nest, held))}]"
        text: str = held.text
        return text

    def construct(self, cls: Class, name: str) -> str:
        """With the name that makes paths clean."""
        return call(cls.name, name=name).text

    def constructed(self, author: Author, plan: LayerPlan, name: str) -> str | None:
        """keras.Sequential, for a Sequential of Keras' layers, each called once."""
        if plan.kind != "Sequential" or plan.weights:
            return None
        parts, calls = [], [node for node in ancestors(plan.calls[0].outputs) if isinstance(node, LayerCall)]
        if len(calls) != len({id(node.layer) for node in calls}):
            return None
        for key, child in plan.children.items():
            row = row_of(self, child)
            if (
                row is None
                or row.native is None
                or not row.native.is_direct(child)
                or child.path != f"{plan.path}/{key}"
            ):
                return None
            parts.append(Code(author.constructor(child, author.members(plan).objects[key]).text))
        return call("keras.Sequential", parts, name=name).text

    def weight(self, spec: WeightSpec, me: str, author: Author) -> Line:
        """In build."""
        keywords = {"shape": spec.shape, "initializer": _initial(spec), "trainable": None if spec.trainable else False}
        dtype = None if spec.dtype == "float32" else spec.dtype
        return Line(f"{me} = {call('self.add_weight', **keywords, dtype=dtype, name=spec.name)}")

    def made_ready(self, plan: LayerPlan, me: str) -> list[str]:
        """A layer that is never called is built by its owner, so that its weights are there, under the owner's path."""
        return [] if plan.calls else [f"{me}{_BUILT}"]

    def training_text(self, loop: Loop) -> str:
        """compile and fit."""
        return train_file(loop)

    def class_lines(self, cls: Class, author: Author) -> list[str]:
        """A layer, or the function that makes the model."""
        if cls.is_root:
            return [
                "def make_model():",
                *indented(cls.docstring_lines),
                *written(cls.lines, 1),
            ]
        own = len(cls.plan.weights)
        weights = [line for i, line in enumerate(cls.init) if i < own or line.text.endswith(_BUILT)]
        objects = [line for line in cls.init if line not in weights]
        lines = [REGISTERED, f"class {cls.name}(layers.Layer):"]
        lines += [*indented(cls.docstring_lines), ""]
        if objects:
            lines += [
                "    def __init__(self, **kwargs):",
                "        super().__init__(**kwargs)",
                *written(objects, 2),
                "",
            ]
        if weights:
            lines += ["    def build(self, input_shape):", *written(weights, 2), ""]
        training = ["training=False"] if cls.reads_training else []
        if not cls.is_called:
            return lines[:-1]
        return [*lines, f"    def call({', '.join(['self', *cls.parameters, *training])}):", *written(cls.lines, 2)]

    def file_title(self, name: str) -> str:
        """The name."""
        return f"{name} in Keras."

    def file_text(
        self, author: Author, title: str, loads: bool = False, model: bool = True, registers: bool = False
    ) -> str:
        """Imports, functions, layers, and the function that makes the model.

        Args:
            author: Who has written it.
            title: Its docstring.
            loads: Whether it has the function `load()`.
            model: Whether the model itself is in it.
            registers: Whether its functions are registered too, so that a saved model which names them is loaded.
        """
        root = author.class_of(author.root)
        functions = [f"{REGISTERED}\n{text}" if registers else text for text in author.function_texts]
        blocks = [*author.helpers.values(), *functions]
        blocks += ["\n".join(self.class_lines(cls, author)) for cls in author.classes if cls is not root]
        blocks += ["\n".join(self.class_lines(root, author))] if model else []
        if loads:
            blocks.append(LOAD)
        text = "\n\n\n".join(blocks)
        used = [word for word in ("layers", "ops") if any(f"{b}{word}." in text for b in " ([{=-~*,\n")]
        head = ["from pathlib import Path", ""] if loads else []
        head += ["import keras", *([f"from keras import {', '.join(used)}"] if used else [])]
        head += ["from safetensors.numpy import load_file"] if loads else []
        return "\n".join([*docstring(title), "", *head]) + f"\n\n\n{text}\n"

    # -- the model -------------------------------------------------------------------------------------------------------

    def drafted_root(self, author: Author) -> Class:
        """A function: inputs, layers called on tensors, keras.Model."""
        plan = author.root
        cls = Class("make_model", plan, is_root=True, trains=author.trains(plan))
        call_ = plan.calls[0]
        scope = Scope(author, plan, owner="")
        scope.chain = "x"
        inner = author.drafted(plan, False) if _needs_layer(plan) else None
        if inner is not None:
            inner.is_root = False
            inner.name = author.name(class_name(plan, plan))
            author.classes.append(inner)
        given = inputs_of(plan, call_)
        tensors = list(symbols(list(given.values())))
        names = iter(self.input_hints(plan, tensors, author.members(plan).objects.values()))

        def make(leaf: Any) -> Any:
            if not isinstance(leaf, SymbolicTensor):
                return leaf
            if not leaf.shape:
                raise SourceError(f"{plan.title} has a scalar among its inputs, which a Keras model cannot have.")
            hint = next(names)
            name = scope.parameter(leaf, "inputs" if hint == "input" else hint)
            dtype = None if leaf.dtype == "float32" else leaf.dtype
            text = call("keras.Input", tuple(leaf.shape[1:]), dtype=dtype, name=hint if hint != "input" else None)
            scope.say(f"{name} = {text}", shape_text(leaf.shape), [name])
            return scope.values[id(leaf)]

        inputs = [map_nest(make, value) for value in given.values()]
        whole = inputs[0] if len(inputs) == 1 else inputs
        # the name of an input is kept, for the model needs it again at the end
        for value in leaves(inputs):
            for key, known in scope.values.items():
                if known is value:
                    scope.uses[key] += 1
        if inner is not None:
            made = self.construct(inner, _root_name(author))
            result: Any = f"{made}({', '.join(map(literal, inputs))})"
            outputs = scope.name("outputs")
            scope.say(f"{outputs} = {result}", names=[outputs])
            result = outputs
        else:
            self._share(author, scope, plan)
            result = literal(scope.graph(call_.outputs))
        cls.lines = folded(scope.lines, scope.name)
        cls.lines.append(Line(f"return keras.Model({literal(whole)}, {result})"))
        return cls

    def _share(self, author: Author, scope: Scope, plan: LayerPlan) -> None:
        """Layers that several owners have: those owners are made first, and given them."""
        for child in plan.children.values():
            if child.reached and row_of(self, child) is None and not self.constructed(author, child, "x"):
                author.class_of(child)
        for owner, key, child in author.shared:
            target, found = author.route(owner, key), author.route(child)
            # the layers of the model that hold them stand in variables
            there, here = (
                author.reference(route[1:], self._variable(author, scope, plan, route[0]), plan.children[route[0]])
                for route in (target, found)
            )
            scope.say(f"{there} = {here}")

    def inline_object(self, author: Author, scope: Scope, plan: LayerPlan, route: tuple[str, ...]) -> str:
        """The constructor where the layer is called, or a variable if it is called several times."""
        made: dict[str, str] = scope.__dict__.setdefault("objects", {})
        key, *below = route
        if key in made:
            owner = made[key]
        elif below or author.count_calls(plan, key) > 1:
            owner = self._variable(author, scope, plan, key)
        else:
            making = author.constructor(plan.children[key], author.members(plan).objects[key])
            if making.note:
                scope.say("", making.note)
            return making.text
        return author.reference(tuple(below), owner, plan.children[key])

    def _variable(self, author: Author, scope: Scope, plan: LayerPlan, key: str) -> str:
        """A layer in a variable."""
        made: dict[str, str] = scope.__dict__.setdefault("objects", {})
        if key not in made:
            making = author.constructor(plan.children[key], author.members(plan).objects[key])
            name = made[key] = scope.name(making.name)
            scope.say(f"{name} = {making.text}", making.note, [name])
            for statement in self.made_ready(plan.children[key], name):
                scope.say(statement)
        return made[key]


REGISTERED = "@keras.saving.register_keras_serializable()"

LOAD = '''WEIGHTS = Path(__file__).with_name("weights.safetensors")


def load(path=WEIGHTS):
    """The model with its weights."""
    model = make_model()
    arrays = load_file(path)
    for variable in model.weights:
        variable.assign(arrays[variable.path])
    return model'''


_OPERATIONS = frozenset([*dir(keras.ops), "get_item"])  # as Keras names them: by their class


def _has_operations(plan: LayerPlan) -> bool:
    return any(isinstance(node, OpCall) for node in ancestors(plan.calls[0].outputs))


def one_of(value: Any) -> Any:
    """One number where all of a tuple are equal."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


def _root_name(author: Author) -> str:
    return author.language.object_name(author.root.layer.name)


def _needs_layer(plan: LayerPlan) -> bool:
    """Whether the model's own graph has what a functional model cannot hold."""
    if plan.weights or plan.reads_training:
        return True
    for node in ancestors(plan.calls[0].outputs):
        if isinstance(node, WeightRead):
            return True
        if isinstance(node, OpCall):
            if node.op.name.startswith(_IN_LAYERS) and not node.op.name.endswith("_like"):
                return True
            if node.op.name == "shape" and any(isinstance(t, SymbolicTensor) for t in leaves(node.outputs)):
                return True
    return False


def _as_comprehension(held: list[Any]) -> str:
    """`[Block(name=f"blocks_{i}") for i in range(3)]`, where the parts differ in the number at the end of the name only."""
    found = set()
    for i, part in enumerate(held):
        if not isinstance(part, Made) or not part.name.endswith(f"_{i}"):
            return ""
        head = part.text.removesuffix(f"name={literal(part.name)})")
        if head == part.text:
            return ""
        found.add(f"{head}name={numbered(part.name.removesuffix(str(i)), 'i')})")
    return f"[{found.pop()} for i in range({len(held)})]" if len(found) == 1 and len(held) > 2 else ""


def _initial(spec: WeightSpec) -> Any:
    if isinstance(spec.initializer, Ones):
        return "ones"
    if isinstance(spec.initializer, Zeros):
        return "zeros"
    if isinstance(spec.initializer, Constant):
        return call("keras.initializers.Constant", float(spec.initializer.value))
    return None
