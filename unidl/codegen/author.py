"""Writes a file: which classes and functions it needs, each once, and under which names the weights are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl.codegen.classes import Class, class_name
from unidl.codegen.code import Code, Line, Value, names_in
from unidl.codegen.folding import folded
from unidl.codegen.identifiers import identifier
from unidl.codegen.inputs import inputs_of
from unidl.codegen.language import Language, Making, Row
from unidl.codegen.literals import literal
from unidl.codegen.members import Made, Members
from unidl.codegen.names import unpacked, variable
from unidl.codegen.native import row_of
from unidl.codegen.scope import Scope, is_inlined
from unidl.description.plan import Call, LayerPlan
from unidl.description.trace import ChildKey, tracing
from unidl.errors import SourceError
from unidl.graph.node import LayerCall, ancestors, leaves, map_nest, symbols
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder


class Author:
    """One file while it is written.

    Args:
        language: The framework's code.
        root: The model's plan, traced for inference.
        training: The same, traced for training.
    """

    def __init__(self, language: Language, root: LayerPlan, training: LayerPlan) -> None:
        self.language = language
        self.root = root
        self.training = {plan.path: plan for plan in training.walk()}
        self.globals = set(language.taken)
        self.locals: set[str] = set()  # of all functions: what a function calls must not be hidden by one
        self.helpers: dict[str, str] = {}
        self.functions: dict[tuple[Any, ...], str] = {}
        self.function_texts: list[str] = []
        self.classes: list[Class] = []
        self.shared: list[tuple[LayerPlan, str, LayerPlan]] = []
        self._class_of: dict[int, Class] = {}
        self._by_text: dict[Any, Class] = {}
        self._members_of: dict[int, Members] = {}
        for plan in root.walk():
            if plan.dynamic:
                raise SourceError(
                    f"{plan.title} cannot be written as source code: its forward branches on a tensor in Python, and its graph "
                    "does not say both ways.",
                    fix="Write the branch with ops.cond, ops.while_loop or ops.scan.",
                )

    # -- what the file needs ---------------------------------------------------------------------------------------------

    def helper(self, name: str, text: str) -> str:
        """A function or class of the file that layers share; its name."""
        self.helpers.setdefault(name, text.strip("\n"))
        self.globals.add(name)
        return name

    def function(self, function: Callable[..., Any], spec: TensorSpec, name: str) -> str:
        """A user's function of one tensor as a function of the file; its name."""
        key = (function, len(spec.shape), spec.dtype)
        if key in self.functions:
            return self.functions[key]
        scope = Scope(self)
        tensor = placeholder(TensorSpec((None,) * len(spec.shape), spec.dtype))
        parameter = scope.parameter(tensor, "x")
        with tracing():
            outputs = function(tensor)
        result = scope.graph(outputs)
        _give(scope.lines, scope.laid(result, False).code.text)
        called = self.name(name if name != "<lambda>" else "activation")
        self.functions[key] = called
        for line in scope.lines:
            line.comment = ""
        body = self.language.function_lines(called, [parameter], scope.lines)
        self.function_texts.append("\n".join(body))
        return called

    def name(self, near: str) -> str:
        """A name for a class or function of the file, near a text."""
        name = found = identifier(near)
        count = 1
        while found in self.globals or found in self.locals:
            count += 1
            found = f"{name}{count}"
        self.globals.add(found)
        return found

    def members(self, plan: LayerPlan) -> Members:
        """What a layer's weights and sublayers are called in its class."""
        if id(plan) not in self._members_of:
            self._members_of[id(plan)] = Members(self.language, plan)
        return self._members_of[id(plan)]

    # -- layers ----------------------------------------------------------------------------------------------------------

    def trains(self, plan: LayerPlan) -> bool:
        """Whether a layer does something else in training."""
        row = row_of(self.language, plan) if plan is not self.root else None
        if row is not None:
            return row.trains(plan)
        return plan.reads_training or any(self.trains(child) for child in plan.children.values() if child.reached)

    def constructor(self, plan: LayerPlan, name: str = "") -> Making:
        """The making of a layer's object; its expression is in `text`."""
        making = Making(plan, self, name)
        row = row_of(self.language, plan)
        if row is not None:
            making.text = row.make(making)
        elif not is_inlined(plan):
            made = self.language.constructed(self, plan, name)
            making.text = made or self.language.construct(self.class_of(plan), name)
        return making

    def class_of(self, plan: LayerPlan) -> Class:
        """The class that a layer's definition becomes."""
        if id(plan) in self._class_of:
            return self._class_of[id(plan)]
        if plan is self.root and self.language.inlines_objects:
            cls = self._class_of[id(plan)] = self.language.drafted_root(self)
            return cls
        drafts = [self.drafted(plan, first) for first in self._doors(plan)]
        cls = min(drafts, key=lambda draft: sum(self.language.is_move(line.text) for line in draft.lines))
        known = self._by_text.get((plan.kind, cls.text))
        if known is None:
            cls.name = self.name(class_name(plan, self.root))
            self._by_text[plan.kind, cls.text] = cls
            self.classes.append(cls)
            known = cls
        self._class_of[id(plan)] = known
        return known

    def _doors(self, plan: LayerPlan) -> tuple[bool, ...]:
        """Whether images may come with channels first: as it takes fewer moves. The model's own stay last."""
        tensors = [t for call in plan.calls[:1] for t in symbols((call.args, call.kwargs, call.outputs))]
        images = [t for t in tensors if len(t.shape) == 4]
        movable = self.language.channels_first and plan is not self.root and 0 < len(images) == len(tensors)
        return (False, True) if movable else (False,)

    def drafted(self, plan: LayerPlan, first: bool) -> Class:
        """A layer's class, not yet named.

        Args:
            plan: The layer.
            first: Whether images come, and go, with channels first.
        """
        cls = Class("", plan, first=first, is_root=plan is self.root, trains=self.trains(plan))
        cls.reads_training = plan.reads_training
        cls.init = self._members(plan)
        if plan is self.root:
            cls.init += [
                Line(f"{self.reference(self.route(owner, key))} = {self.reference(self.route(child))}")
                for owner, key, child in self.shared
            ]
        bodies = [self.body(plan, call, cls) for call in plan.calls]
        if not bodies:
            return cls  # its weights alone are read
        cls.parameters, cls.lines = bodies[0]
        for parameters, lines in bodies[1:]:
            if parameters != cls.parameters or [x.text for x in lines] != [x.text for x in cls.lines]:
                raise SourceError(
                    f"{plan.title} is called in several ways, and one class cannot be written for all of them.",
                    expected="calls with the same arguments, on tensors with as many axes",
                    fix="Describe a layer for each way.",
                )
        return cls

    def _members(self, plan: LayerPlan) -> list[Line]:
        """The statements that make a class' weights and sublayers."""
        members = self.members(plan)
        lines = [self.language.weight(spec, members.text(spec.name), self) for spec in plan.weights.values()]
        made: dict[int, str] = {}
        for name, nest in plan.structure.items():
            notes: list[str] = []
            after: list[str] = []

            def make(leaf: ChildKey, notes: list[str] = notes, after: list[str] = after) -> Made | None:
                child = plan.children[leaf]
                if not child.reached:
                    return None
                if id(child) in made:
                    return Made(made[id(child)])
                if child.path != (f"{plan.path}/{leaf}" if plan.path else leaf):
                    self.shared.append((plan, str(leaf), child))
                    return Made("None")
                making = self.constructor(child, members.objects[leaf])
                if not making.text:
                    return None
                made[id(child)] = me = members.text(leaf)
                if making.note:
                    notes.append(making.note)
                after.extend(statement.format(me=me) for statement in making.after)
                after.extend(self.language.made_ready(child, me))
                return Made(making.text, making.name)

            held = members.nest(nest, make)
            if held == Made("None"):
                lines.append(Line("", f"{members.text(name)} is shared: the model puts it here"))
            elif held is not None:
                text = f"self.{members.attributes[name]} = {self.language.nest(held)}"
                lines.append(Line(text, "; ".join(dict.fromkeys(notes))))
                lines += [Line(statement) for statement in after]
        return lines

    def route(self, plan: LayerPlan, key: str = "") -> tuple[str, ...]:
        """The keys that lead from the model to a layer, or to one of its sublayers."""

        def search(owner: LayerPlan) -> list[str] | None:
            if owner is plan:
                return []
            for name, child in owner.children.items():
                # a shared layer is reached through the owner that makes it
                if child.path == (f"{owner.path}/{name}" if owner.path else name):
                    found = search(child)
                    if found is not None:
                        return [name, *found]
            return None

        return (*(search(self.root) or []), *([key] if key else []))

    def reference(self, route: tuple[str, ...], owner: str = "self", plan: LayerPlan | None = None) -> str:
        """The layer to which keys lead from a layer (the model), as the code of its owner names it."""
        plan = self.root if plan is None else plan
        for key in route:
            owner, plan = self.members(plan).text(key, owner), plan.children[key]
        return owner

    # -- bodies ----------------------------------------------------------------------------------------------------------

    def body(self, plan: LayerPlan, call: Call, cls: Class | None, owner: str = "self") -> tuple[list[str], list[Line]]:
        """The parameters and the statements of a layer's call."""
        first = cls is not None and cls.first
        parameters, lines = self._one_body(plan, call, first, False, owner)
        if not plan.reads_training:
            return parameters, lines
        twin = self.training[plan.path]
        place = plan.calls.index(call)
        if place >= len(twin.calls):
            raise SourceError(f"{plan.title} is called less often in training than in inference.")
        again, in_training = self._one_body(twin, twin.calls[place], first, True, owner)
        if again != parameters:
            raise SourceError(f"{plan.title} is called with other inputs in training.")
        common = len(lines)
        texts = [line.text for line in lines]
        if [line.text for line in in_training[-common:]] == texts:
            only = in_training[:-common]
            head = [Line(f"if {self.language.training_flag}:")] if only else []
            return parameters, [*head, *_indented(only), *lines]
        return parameters, [Line(f"if {self.language.training_flag}:"), *_indented(in_training), *lines]

    def _one_body(
        self, plan: LayerPlan, call: Call, first: bool, training: bool, owner: str
    ) -> tuple[list[str], list[Line]]:
        scope = Scope(self, plan, training, owner=owner)
        parameters = self.enter(scope, plan, call, first)
        result = scope.graph(call.outputs, call.updates)
        result = map_nest(lambda v: scope.laid(v, first) if isinstance(v, Value) else v, result)
        lines = folded(scope.lines, scope.name)
        text = literal(result)
        _give(lines, text[1:-1] if isinstance(result, tuple) and len(result) > 1 else text)
        return parameters, lines

    def enter(self, scope: Scope, plan: LayerPlan, call: Call, first: bool) -> list[str]:
        """Bind a call's inputs to parameters; lists are unpacked."""
        names = []
        for name, value in inputs_of(plan, call).items():
            if isinstance(value, SymbolicTensor):
                names.append(scope.parameter(value, name if name != "inputs" else "x", first and len(value.shape) > 2))
                continue
            parameter = scope.name(name)
            names.append(parameter)
            self._unpack(scope, plan, value, Code(parameter, names=frozenset([parameter])), first)
        return names

    def _unpack(self, scope: Scope, plan: LayerPlan, nest: Any, code: Code, first: bool) -> None:
        if isinstance(nest, SymbolicTensor):
            scope.bind(nest, Value(code, nest.spec, first and len(nest.shape) > 2))
        elif isinstance(nest, dict):
            for key, item in nest.items():
                self._unpack(scope, plan, item, Code(f"{code}[{literal(key)}]", names=code.names), first)
        elif all(isinstance(item, SymbolicTensor) for item in nest):
            hints = self.language.input_hints(plan, nest)
            variables = [scope.name(hint) for hint in hints]
            scope.say(f"{unpacked(variables)} = {code}", "", variables)
            for name, item in zip(variables, nest, strict=True):
                scope.bind(item, Value(variable(name), item.spec, first and len(item.shape) > 2))
        else:
            for i, item in enumerate(nest):
                self._unpack(scope, plan, item, Code(f"{code}[{i}]", names=code.names), first)

    def called(
        self, scope: Scope, route: tuple[str, ...], plan: LayerPlan, given: dict[str, Any], node: LayerCall
    ) -> Any:
        """A call of a layer that is a class of the file."""
        if self.language.constructed(self, plan, route[-1]):
            (value,) = given.values()
            return Value(Code(f"{scope._object(route)}({value})", names=names_in(value)), node.outputs.spec)
        cls = self.class_of(plan)
        given = {
            name: map_nest(lambda v: scope.laid(v, cls.first) if isinstance(v, Value) else v, value)
            for name, value in given.items()
        }
        texts = [literal(value) for value in given.values()]
        texts += self.language.passed_training(cls)
        code = Code(f"{scope._object(route)}({', '.join(texts)})", names=names_in(given))
        outputs = node.outputs
        if isinstance(outputs, SymbolicTensor):
            return Value(code, outputs.spec, cls.first and len(outputs.shape) > 2)
        flat = isinstance(outputs, (list, tuple)) and all(isinstance(t, SymbolicTensor) for t in outputs)
        if flat and not cls.first:
            return code
        name = scope.name(route[-1])
        scope.say(f"{name} = {code}", "", [name])
        return list(leaves(_picked(outputs, name, cls.first)))

    def object(self, scope: Scope, plan: LayerPlan, route: tuple[str, ...]) -> str:
        """A sublayer, or one below it, as a body names it."""
        if scope.owner:
            return self.reference(route, scope.owner, plan)
        return self.language.inline_object(self, scope, plan, route)

    def class_names(self) -> dict[str, str]:
        """The path of each layer that is a class of the file -> the class' name."""
        known = {id(plan): plan for plan in self.root.walk()}
        return {known[key].path: cls.name for key, cls in self._class_of.items() if key in known}

    # -- weights ---------------------------------------------------------------------------------------------------------

    def arrays(self, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The weights by the names that the ejected model's objects have for them.

        Args:
            weights: By their canonical paths.
        """
        found: dict[str, np.ndarray] = {}

        def collect(plan: LayerPlan, path: list[str]) -> None:
            own = {name: weights[f"{plan.path}/{name}" if plan.path else name] for name in plan.weights}
            row: Row | None = row_of(self.language, plan) if plan is not self.root else None
            members = self.members(plan)
            named = {self.language.weight_name(members, name): array for name, array in own.items()}
            for name, array in (row.arrays(plan, own) if row is not None else named).items():
                found.setdefault(self.language.joined([*path, name]), array)
            if row is None:
                for key, child in plan.children.items():
                    if child.reached:
                        collect(child, [*path, *self.language.path_of(members, key)])

        collect(self.root, self.language.root_path(self))
        return found

    def count_calls(self, plan: LayerPlan, key: str) -> int:
        """How often a layer's graph calls a sublayer."""
        child = plan.children[key]
        return sum(
            isinstance(node, LayerCall) and node.layer is child.layer for node in ancestors(plan.calls[0].outputs)
        )


def _give(lines: list[Line], text: str) -> None:
    """The return; a variable that the last statement made is not named first."""
    last = lines[-1] if lines else None
    bound = last is not None and ", ".join(last.names) == text and last.text.startswith(f"{text} = ")
    if last is not None and bound and last.indent == 0:
        lines[-1] = Line(f"return {last.text.removeprefix(f'{text} = ')}", last.comment)
    else:
        lines.append(Line(f"return {text}"))


def _indented(lines: list[Line]) -> list[Line]:
    return [Line(line.text, line.comment, line.indent + 1, line.names) for line in lines]


def _picked(nest: Any, text: str, first: bool) -> Any:
    """A nest of tensors as what indices pick out of a variable."""
    if isinstance(nest, SymbolicTensor):
        return Value(Code(text, names=frozenset([text.partition("[")[0]])), nest.spec, first and len(nest.shape) > 2)
    if isinstance(nest, dict):
        return {key: _picked(item, f"{text}[{literal(key)}]", first) for key, item in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [_picked(item, f"{text}[{i}]", first) for i, item in enumerate(nest)]
    return nest
