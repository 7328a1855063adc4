"""What a layer's weights and sublayers are called in generated code: names that fit the framework, and places in lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unidl.codegen.identifiers import distinct
from unidl.codegen.literals import literal
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey

if TYPE_CHECKING:
    from unidl.codegen.language import Language


@dataclass(frozen=True)
class Made:
    """The expression that makes a sublayer.

    Args:
        text: The expression.
        name: The name in it, where the framework's objects have one.
    """

    text: str
    name: str = ""


def places(
    nest: Any, dict_key: Callable[[str], str], way: tuple[str | int, ...] = ()
) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Each sublayer in a nest, and the positions and keys that lead to it.

    Args:
        nest: What an attribute holds.
        dict_key: A key that the framework takes, near a text.
        way: What leads to the nest.
    """
    if isinstance(nest, ChildKey):
        yield nest, way
    elif isinstance(nest, dict):
        keys = distinct(map(str, nest), dict_key)
        for key, item in nest.items():
            yield from places(item, dict_key, (*way, keys[str(key)]))
    elif isinstance(nest, (list, tuple)):
        for i, item in enumerate(nest):
            yield from places(item, dict_key, (*way, i))


class Members:
    """The members of one layer.

    Args:
        language: The framework's code.
        plan: The layer.
    """

    def __init__(self, language: Language, plan: LayerPlan) -> None:
        self.language = language
        self.attributes = distinct((*plan.structure, *plan.weights), language.attribute)
        # an object's name keeps to ASCII, for frameworks name graphs' nodes after it
        self.objects = distinct(plan.children, lambda key: language.object_name(key.replace("/", "_"), plan))
        # in what its attribute holds, for each sublayer
        self._steps = {key: way for nest in plan.structure.values() for key, way in places(nest, language.dict_key)}

    def nest(self, nest: Any, make: Callable[[ChildKey], Made | None]) -> Any:
        """What an attribute holds, as a nest of `Made`; sublayers of which none is made are left out of its lists and dicts."""

        def walk(part: Any, steps: tuple[str | int, ...]) -> Any:
            if isinstance(part, ChildKey):
                self._steps[part] = steps
                return make(part)
            if isinstance(part, dict):
                keys = distinct(map(str, part), self.language.dict_key)
                items = {keys[str(key)]: walk(item, (*steps, keys[str(key)])) for key, item in part.items()}
                return {key: item for key, item in items.items() if item is not None} or None
            if isinstance(part, (list, tuple)):
                kept: list[Any] = []
                for item in part:
                    walked = walk(item, (*steps, len(kept)))
                    kept += [] if walked is None else [walked]
                return kept or None
            return None

        return walk(nest, ())

    def text(self, key: str, owner: str = "self") -> str:
        """A sublayer or weight as code names it: "self.hidden", "self.blocks[0]", 'self.heads["left"]'."""
        steps = "".join(f"[{literal(step)}]" for step in self._steps.get(key, ()))
        return f"{owner}.{self.attributes[key.partition('/')[0]]}{steps}"

    def path(self, key: str) -> list[str]:
        """Its parts of the paths in the weights' file."""
        return [self.attributes[key.partition("/")[0]], *map(str, self._steps.get(key, ()))]
