"""What torch does while something runs, for a backend whose engine it is: Keras tells which of its layers is being called."""

from __future__ import annotations

from unidl.backends.torch.inspection.autograd import autograd_graph
from unidl.backends.torch.inspection.operations import Layers, Recorder, storage
from unidl.inspection.graph import LANES, Graph
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.watched import Watched


class Callers(Layers):
    """Which layer runs now, as somebody else tells.

    Args:
        watched: Who tells.
    """

    def __init__(self, watched: Watched) -> None:
        self.where = watched.where
        self.of_sequence: dict[int, str] = {}
        self.names = {storage(tensor): (name, path) for tensor, path, name in watched.owners}
        self.weights = {id(tensor) for tensor, _, _ in watched.owners}
        self.parameters = {name for tensor, _, name in watched.owners if tensor.requires_grad}

    @property
    def stack(self) -> list[str]:  # type: ignore[override]  # somebody else's
        """The layer that is called now, if any."""
        layer = self.where()
        return [] if layer is None else [layer]


def watch(watched: Watched) -> Picture:
    """The operations of a run, after a first one that is not looked at: an optimizer makes its states there."""
    watched.run()
    layers = Callers(watched)
    with Recorder(layers, watched.lane) as recorder:
        outputs = watched.run()
    graphs = [recorder.graph(watched.name, watched.title)]
    lanes = tuple(_lane(lane, graphs[0]) for lane in LANES) if watched.name == "step" else ()
    if watched.name != "step":
        graphs.append(autograd_graph(outputs, layers))
    facts = {
        "traces": 0,
        "operations": recorder.operations,
        "kernels": recorder.kernels,
        "views": recorder.views,
        "aliases": recorder.aliases,
    }
    return Picture(tuple(graph for graph in graphs if graph.nodes), lanes, facts=facts)


def _lane(lane: str, step: Graph) -> Event:
    operations = sum(node.lane == lane for node in step.nodes)
    return Event("running", f"{lane}: {operations} operations", operations)


def traces_in(watched: Watched) -> int:
    """None: torch runs operations one by one."""
    watched.run()
    return 0
