"""All that an inspection found of one program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.inspection.cost import LayerCost
from unidl.inspection.graph import Graph
from unidl.inspection.timing import Timing


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


@dataclass(frozen=True)
class Inspection:
    """What the framework made of a model, or of one training step.

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
