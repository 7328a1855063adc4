"""All that an inspection found of one program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.errors import ArgumentError, FileError, NotPortableError
from unidl.files import checked_path, write_text
from unidl.inspection.cost import LayerCost
from unidl.inspection.graph import Graph
from unidl.inspection.record import RecordError, from_json, to_json
from unidl.inspection.timing import Timing
from unidl.visible import visible


@dataclass(frozen=True)
class Event:
    """Something that happens when the program is built, or each time it runs.

    Args:
        phase: "building" or "running".
        what: In a few words: "trace forward into a graph", "call 12 kernels one by one".
        times: How often, for one build or one run; None where it has no count.
        seconds: How long; None where it was not measured.
    """

    phase: str
    what: str
    times: int | None = None
    seconds: Timing | None = None


@dataclass(frozen=True)
class Change:
    """What a change of the network in mid-run means in this framework.

    Args:
        change: What is done: "another batch size", "another branch of an if", "a layer is replaced", "a layer is frozen".
        effect: "nothing", "retrace", "rebuild", "recompile", "refused".
        why: One sentence, with the figures that were seen (traces before and after).
    """

    change: str
    effect: str
    why: str


@dataclass(frozen=True, repr=False)
class Inspection:
    """What the framework made of a model, or of one training step. `print` shows it as text; in a notebook it shows itself.

    Args:
        subject: "model" or "step".
        name: The model's.
        backend: Which backend, with Keras' engine: "torch", "tensorflow", "keras on tensorflow".
        versions: Package -> version.
        graphs: Name -> graph. Every backend has "layers" (the framework's own objects); a step has "step" (four lanes).
        costs: Each layer, parents first.
        events: What happens when building and what when running.
        changes: What changing the network means here.
        facts: What only this framework has, as JSON: TensorFlow's traces and functions, Keras' config, torch.compile's captures and breaks.
        notes: Sentences for a reader, such as what could not be seen and why.
    """

    subject: str
    name: str
    backend: str
    versions: Mapping[str, str]
    graphs: Mapping[str, Graph]
    costs: tuple[LayerCost, ...] = ()
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        graphs = ", ".join(f"{name} ({len(graph.nodes)})" for name, graph in self.graphs.items())
        return visible(f"<inspection of the {self.subject} {self.name!r} on {self.backend}: {graphs}>")

    # -- data ------------------------------------------------------------------------------------------------------------

    def data(self) -> dict[str, Any]:
        """All of it as JSON data.

        Example:
            >>> import json, numpy, unidl
            >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((3,))
            >>> seen = unidl.inspect(m, numpy.ones((1, 3)), compiler=False, times=False)
            >>> unidl.Inspection.from_data(json.loads(json.dumps(seen.data()))).costs == seen.costs
            True
        """
        return {"format": FORMAT, **to_json(self)}

    @classmethod
    def from_data(cls, data: Any) -> Inspection:
        """What `data` gave.

        Raises:
            FileError: It is something else.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise FileError(
                "This is no inspection.",
                expected=f'what Inspection.data() gives, with "format": {FORMAT}',
                received=repr(data)[:100],
            )
        try:
            return from_json(cls, data)
        except (RecordError, RecursionError) as error:
            raise FileError("This inspection cannot be read.", received=str(error)) from error

    # -- shown -----------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return str(_shown("text", self))

    def __rich__(self) -> Any:
        return _shown("rich", self)

    def _repr_html_(self) -> str:
        return str(_shown("html", self))

    def svg(self, graph: str = "layers") -> str:
        """One of the graphs as a picture.

        Args:
            graph: Its name, as in `graphs`.

        Raises:
            ArgumentError: There is none of that name.
        """
        if graph not in self.graphs:
            raise ArgumentError(
                f"The inspection has no graph {graph!r}.",
                expected=f"one of {', '.join(self.graphs)}",
                received=repr(graph),
            )
        return str(_shown("svg", self.graphs[graph]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file: a page that opens from disk (".html"), or its data (".json").

        Raises:
            ArgumentError: The file's name ends otherwise.
            FileError: The file cannot be written.
        """
        target = checked_path(path, "inspection.save")
        ending = target.suffix
        if ending == ".json":
            write_text(target, json.dumps(self.data(), ensure_ascii=False), "inspection.save")
        elif ending == ".html":
            _shown("page", target, self)
        else:
            raise ArgumentError(
                "An inspection is saved as a page or as data.",
                expected='"seen.html" or "seen.json"',
                received=repr(str(path)),
            )


# How an inspection is shown. Filled by `unidl.insight` when it is imported: an arrow from here to there would point up.
SHOWN: dict[str, Callable[..., Any]] = {}
FORMAT = "unidl inspection 1"


def _shown(how: str, *what: Any) -> Any:
    if how not in SHOWN:
        raise NotPortableError(f"Nothing here makes a {how} of an inspection.", fix="import unidl.insight")
    return SHOWN[how](*what)
