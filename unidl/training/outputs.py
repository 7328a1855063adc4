"""A model's outputs by name, and what belongs to each of them: a loss, metrics, targets, weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unidl.description.plan import LayerPlan
from unidl.errors import ArgumentError, DataError
from unidl.graph.node import LayerCall
from unidl.graph.tensor import SymbolicTensor
from unidl.models.input_names import numbered

# One of a model's outputs: its name, its position among them, or None for all that forward returned
Key = str | int | None


class Outputs:
    """The outputs of a built model.

    A dict's are named by its keys; those of a list or tuple by the layer that computes them, where it has an explicit name, else
    "output", "output_2" and so on.

    Args:
        plan: The model's.
    """

    def __init__(self, plan: LayerPlan) -> None:
        self.title = plan.title
        self.structure = plan.calls[0].outputs
        self.names = _names(self.structure)  # None where there is a single one

    def key(self, what: str, given: Key) -> Key:
        """The name of an output that a name or a position means; None for a single output, of which there is no name.

        Args:
            what: What is given for it, for the message: "loss".
            given: The name or position.

        Raises:
            ArgumentError: The model has no such output.
        """
        if given is None or (given == 0 and self.names is None):
            return None
        if isinstance(given, int) and self.names is not None and given < len(self.names):
            return self.names[given]
        if self.names is None or given not in self.names:
            raise ArgumentError(
                f"{what} is given for the output {given!r}, which {self.title} does not have."
                if isinstance(given, str)
                else f"{what} is given for {given + 1} outputs or more, and {self.title} has fewer.",
                expected="one output, whose tensor forward returns"
                if self.names is None
                else f"outputs {', '.join(map(repr, self.names))}",
                received=repr(given) if isinstance(given, str) else f"{given + 1} or more",
                fix=f"{what}=… without a name." if self.names is None else None,
            )
        return given

    def of(self, what: str, nest: Any, key: Key, alone: bool = False) -> Any:
        """What belongs to one output.

        Args:
            what: What the nest holds, for the message: "targets".
            nest: A dict by the outputs' names, a list or tuple in their order.
            key: The output's name; None is all of the nest.
            alone: Whether it is the only output that anything belongs to: then an array may stand for the nest.

        Raises:
            DataError: The nest has nothing for that output, or is none.
        """
        if key is None:
            return nest
        names = self.names or []
        if isinstance(nest, Mapping):
            if key in nest and set(nest) <= set(names):
                return nest[key]
        elif isinstance(nest, (list, tuple)):
            if len(nest) == len(names):
                return nest[names.index(str(key))]
        elif alone:
            return nest
        received = (
            f"a dict with the keys {', '.join(map(repr, nest))}"
            if isinstance(nest, Mapping)
            else f"a {type(nest).__name__} of {len(nest)}"
            if isinstance(nest, (list, tuple))
            else "a single array or tensor"
        )
        raise DataError(
            f"The {what} have nothing for the output {key!r} of {self.title}, or are for other outputs.",
            expected=f"a dict with keys among {', '.join(map(repr, names))}, or a list of {len(names)} in that order",
            received=received,
            fix=f"{{{str(key)!r}: …}} gives {what} to that output.",
        )


def _names(structure: Any) -> list[str] | None:
    if isinstance(structure, Mapping):
        return [str(key) for key in structure]
    if isinstance(structure, (list, tuple)):
        return numbered(_name(item) for item in structure)
    return None


def _name(item: Any) -> str:
    """The explicit name of the layer that computes an output."""
    node = item.unidl_node if isinstance(item, SymbolicTensor) else None
    return (node.layer._unidl.name if isinstance(node, LayerCall) else None) or "output"


def by_output(given: Any) -> list[tuple[Key, Any]] | None:
    """(name or position, value) of what is given for each output; None where it is given for all of them at once."""
    if isinstance(given, Mapping):
        return list(given.items())
    if isinstance(given, Sequence) and not isinstance(given, str):
        return list(enumerate(given))
    return None
