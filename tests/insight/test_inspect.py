"""`unidl.inspect`: what holds on every backend. Networks whose answer is known by hand are in looked_at.py."""

import copy
import json
import random
import sys

import numpy as np
import pytest

import unidl
from tests.insight.looked_at import CASES, Dynamic, Pair, Shared, TwoSteps, rows
from unidl import Sequential, layers, losses, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, BackendUnavailableError, DataError, FileError, NotPortableError, ShapeError
from unidl.graph.node import leaves
from unidl.insight.inspections.costs import costs
from unidl.insight.inspections.programs import program_of_model, program_of_trainer
from unidl.inspection.graph import LANES
from unidl.inspection.inspection import Inspection

QUICK = {"compiler": False, "times": False}


def built(case, backend):
    return case.model().build(case.x, backend=backend)


@pytest.mark.parametrize("name", CASES)
def test_counts_and_connections_known_by_hand(name, backend):
    case = CASES[name]
    model = built(case, backend)
    seen = unidl.inspect(model, case.x, **QUICK)
    assert seen.costs[0].flops == case.flops
    assert sum(cost.parameters for cost in seen.costs) == case.parameters
    graph = seen.graphs["layers"]
    assert {(edge.source, edge.target) for edge in graph.edges} == case.edges
    assert {node.layer for node in graph.nodes} == {cost.path for cost in seen.costs}
    assert {cost.path for cost in seen.costs} == {"", *model.layers}


def test_every_node_has_its_place(backend):
    """Edges and holders are nodes; a node's layer is one of the model's."""
    case = CASES["conv"]
    for seen in (unidl.inspect(built(case, backend), case.x, **QUICK), step_of(backend)):
        paths = {cost.path for cost in seen.costs}
        for graph in seen.graphs.values():
            ids = {node.id for node in graph.nodes}
            assert len(ids) == len(graph.nodes), graph.name
            assert {edge.source for edge in graph.edges} | {edge.target for edge in graph.edges} <= ids, graph.name
            assert {node.parent for node in graph.nodes} <= ids | {""}, graph.name
            assert {node.layer for node in graph.nodes} <= paths, graph.name
            assert {node.lane for node in graph.nodes} <= {"", *LANES}, graph.name


def step_of(backend, **how):
    case = CASES["mlp"]
    trainer = unidl.Trainer(built(case, backend), loss="cross_entropy", metrics=["accuracy"])
    return unidl.inspect(trainer, (case.x, np.array([0, 1, 0, 1, 1])), **{**QUICK, **how})


def test_the_lanes_are_marked_in_order(backend):
    case = CASES["mlp"]
    trainer = unidl.Trainer(built(case, backend), loss="cross_entropy")
    trial = program_of_trainer(trainer, ((case.x, np.array([0, 1, 0, 1, 1])),), False).trial()
    moved = []
    trial.lane.watchers.append(moved.append)
    trial.run()
    entered = [lane for lane in dict.fromkeys(moved[moved.index("loss") :]) if lane]
    assert entered == ["loss", "forward", "backward", "update"]
    assert moved[-1] == trial.lane.now == ""


def test_what_is_called_by_hand_is_forward_too():
    case = CASES["mlp"]
    trial = program_of_model(built(case, "torch"), ((case.x,),), False).trial()
    assert trial.lane.within_model() == "forward"
    with trial.lane.running("update"):
        assert trial.lane.within_model() == "update"
    assert trial.lane.now == ""


# -- everything is as it was -------------------------------------------------------------------------------------------------


def arrays(nest):
    return [np.asarray(leaf) for leaf in leaves(nest)]


def generators(model):
    """The framework's, NumPy's and Python's generators."""
    backend = model._need_built().backend
    return [random.getstate(), np.random.get_state()[1].tolist(), drawn(backend)]


def drawn(backend):
    if backend.NAME == "tensorflow":
        from unidl.backends.tensorflow.ops import random as ours

        return ours.PROCESS.read().tolist()
    import torch

    if backend.NAME == "keras":
        from unidl.backends.keras.ops.random import generator

        return [backend.to_numpy(generator().state).tolist(), torch.get_rng_state().tolist()]
    return torch.get_rng_state().tolist()


def everything(trainer):
    model = trainer.model
    engine = trainer.engine
    native = model.native
    return {
        "state": arrays(trainer.state()),
        "generators": generators(model),
        "objects": [id(native), id(engine), id(engine.trainer), list(engine.steppers), list(engine._programs)],
        "slots": [id(slot.native) for slot in model.weight_slots().values()],
        "mode": getattr(native, "training", None),
        "traces": [trace.kind for trace in getattr(native, "traces", ())] if model.backend == "tensorflow" else None,
        "runs": getattr(native, "runs", None) if model.backend == "tensorflow" else None,
        "frozen": [plan.layer._unidl.frozen for plan in model._need_built().plan.walk()],
        "attributes": sorted(vars(trainer)),
        "layers": [id(layer) for layer in model.layers.values()],
    }


def same(a, b):
    assert a.keys() == b.keys()
    for key in a:
        if key == "state":
            assert len(a[key]) == len(b[key])
            for one, other in zip(a[key], b[key], strict=True):
                assert one.dtype == other.dtype
                assert one.tobytes() == other.tobytes()
        else:
            assert a[key] == b[key], key


def noisy():
    return Sequential([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)])


@pytest.mark.parametrize("random_", ["native", "portable"])
def test_a_trainer_is_as_before(backend, random_):
    x, y = rows(12, 3), np.arange(12) % 2
    trainer = unidl.Trainer(
        noisy(), loss="cross_entropy", metrics=["accuracy"], backend=backend, seed=3, random=random_
    )
    trainer.fit(x, y, epochs=1, batch_size=4, progress=False)
    trainer.model.freeze("dense")
    trainer.step((x, y))
    twin = copy.deepcopy(trainer)
    before = everything(trainer)
    seen = unidl.inspect(trainer, (x[:4], y[:4]), compiler=False, times=(backend, random_) == ("torch", "native"))
    unidl.inspect(trainer.model, x[:4], x[4:8], **QUICK)
    same(before, everything(trainer))
    assert seen.graphs["step"].nodes if "step" in seen.graphs else True
    # and it goes on as one that nobody looked at
    trainer.fit(x, y, epochs=1, batch_size=4, progress=False)
    twin.fit(x, y, epochs=1, batch_size=4, progress=False)
    for one, other in zip(arrays(trainer.model.weights()), arrays(twin.model.weights()), strict=True):
        assert one.tobytes() == other.tobytes()


class Noise(unidl.Layer):
    """Draws in inference, too."""

    def forward(self, x):
        return x + ops.random.normal(ops.shape(x), dtype=x.dtype)


def test_a_model_that_draws_leaves_the_generators_alone(backend):
    model = Sequential([layers.Dense(2), Noise()]).build((3,), backend=backend)
    model(rows(4, 3))
    before = generators(model)
    seen = unidl.inspect(model, rows(4, 3), compiler=False)
    assert generators(model) == before
    assert seen.costs[-1].uncounted == ("random_normal",)
    model(rows(4, 3))
    assert generators(model) != before


def test_the_comparison_above_can_fail(backend):
    x, y = rows(12, 3), np.arange(12) % 2
    trainer = unidl.Trainer(noisy(), loss="cross_entropy", backend=backend)
    trainer.step((x, y))
    before = everything(trainer)
    trainer.step((x, y))
    with pytest.raises(AssertionError):
        same(before, everything(trainer))


# -- costs -------------------------------------------------------------------------------------------------------------------


def costs_of(model, x, training=False, times=True):
    """The costs alone, by path: as unidl.inspect has them, and without what the backend shows."""
    call = program_of_model(model, ((x,),), False).calls[0]
    return {cost.path: cost for cost in costs(model.copy(), call, training, times)}


@pytest.mark.parametrize("training", [False, True])
def test_seconds_are_measured_for_each_layer(training, backend):
    case = CASES["mlp"]
    for cost in costs_of(built(case, backend), case.x, training).values():
        assert cost.forward.rounds >= 3
        assert 0 <= cost.forward.low <= cost.forward.median <= cost.forward.high
        assert cost.backward.rounds >= 3


def test_the_slow_layer_is_the_one_that_takes_long(backend):
    model = Sequential([layers.Dense(4), layers.Dense(800), layers.Dense(800), layers.Dense(4)]).build(
        (4,), backend=backend
    )

    def told():
        named = costs_of(model, rows(128, 4))
        slow, quick = named["dense_3"], named["dense"]
        return slow.forward.median > quick.forward.median and slow.backward.median > quick.backward.median

    assert any(told() for _ in range(3))  # two hundred times as long; but where others compute too, a median may lie


def test_activation_memory(backend):
    case = CASES["conv"]
    found = costs_of(built(case, backend), case.x, times=False)
    assert found["conv2d"].activation_bytes == 2 * 4 * 4 * 4 * 4
    assert found["max_pooling2d"].output_shapes == ((2, 2, 2, 4),)


def test_a_dynamic_network_costs_what_this_call_runs(backend):
    """Two examples of three: x is positive, so `wide` runs; weights are set so that `inner` runs twice."""
    model = Dynamic().build((3,), backend=backend)
    eye = np.eye(3, dtype="float32")
    model.set_weights({"wide/kernel": 10 * eye, "inner/kernel": eye}, partial=True)
    up, down = np.full((2, 3), 5.0, "float32"), np.full((2, 3), -0.5, "float32")
    found = costs_of(model, up)
    # 5 -> 50 -> 5 -> 0.5
    assert found["wide"].output_shapes == ((2, 3),)
    assert found["inner"].output_shapes == ((2, 3), (2, 3))
    assert found["inner"].flops == 2 * (2 * 2 * 3 * 3 + 2 * 3)
    assert found["inner"].forward is not None
    found = costs_of(model, down)
    assert (found["wide"].output_shapes, found["wide"].flops, found["wide"].forward) == ((), 0, None)
    assert found["inner"].output_shapes == ()


class Asking(unidl.Model):
    """Asks about what it computed from nothing but shapes, behind a layer with its own weights and one with a loop."""

    def __init__(self):
        self.inside = Shared()

    def setup(self, shape):
        self.add_weight("gain", (3,), "ones")

    def forward(self, x):
        ones = ops.ones((2, 3), dtype=x.dtype)
        _, looped = ops.scan(lambda c, row: (c + row, c * 2.0), ops.zeros((3,), dtype=x.dtype), ones * self.gain)
        if ops.sum(looped) + ops.sum(ops.zeros((4,), dtype=x.dtype)) > 1.0:
            return self.inside(x)
        return x


def test_a_question_is_answered_by_the_backend(backend):
    """The answer needs ops without a tensor, a weight and a loop: they are computed, and not described."""
    model = Asking().build((3,), backend=backend)
    found = costs_of(model, rows(2, 3))
    assert found["inside/twice"].output_shapes == ((2, 3), (2, 3))  # 0 + 2 * (1 + 1 + 1) > 1
    model.set_weights({"gain": np.zeros(3, "float32")}, partial=True)
    found = costs_of(model, rows(2, 3), times=False)
    assert found["inside/twice"].output_shapes == ()


def test_a_part_of_a_model(backend):
    pair = Pair().build((2,), backend=backend)
    seen = unidl.inspect(pair.left, rows(5, 2), compiler=False)
    assert [(cost.path, cost.flops) for cost in seen.costs] == [("", 50), ("dense", 50)]
    assert {node.layer for node in seen.graphs["layers"].nodes} == {"", "dense"}


def test_an_op_without_a_count_is_told():
    class Rounds(unidl.Model):
        def forward(self, x):
            return ops.while_loop(lambda n, x: n < 3, lambda n, x: (n + 1, x * 2.0), (0, x))[1]

    cost = unidl.inspect(Rounds().build((3,), backend="torch"), rows(2, 3), **QUICK).costs[0]
    assert (cost.flops, cost.uncounted) == (None, ("while_loop",))


def test_a_single_example(backend):
    """torch does not normalise a batch of one in training: its backward is not measured."""
    model = noisy().build((3,), backend=backend)
    found = costs_of(model, rows(1, 3))
    assert found["batch_normalization"].forward is not None
    assert found["batch_normalization"].backward is None


def test_a_step_of_ones_own(backend):
    trainer = TwoSteps(Pair().build((2,), backend=backend))
    batch = (rows(5, 2), rows(5, 2, seed=1))
    trainer.step(batch)
    before = everything(trainer)
    seen = unidl.inspect(trainer, batch, **QUICK)
    same(before, everything(trainer))
    assert seen.costs[0].flops is None
    assert sum(cost.parameters for cost in seen.costs) == 12
    assert "inspect(model, x)" in seen.notes[-1]


class Taught(unidl.Trainer):
    """Learns from another model, which normalises in training and so changes when it is called there."""

    def __init__(self, model, teacher):
        super().__init__(model, optimizer="sgd")
        self.teachers = {"first": teacher}

    def training_step(self, batch):
        wanted = ops.stop_gradient(self.teachers["first"](batch))
        return self.minimize(lambda: ops.mean(ops.square(self.model(batch) - wanted)))


def test_another_model_of_the_trainer_is_as_before(backend):
    teacher = Sequential([layers.Dense(2), layers.BatchNormalization()]).build((3,), backend=backend)
    trainer = Taught(Sequential([layers.Dense(2)]).build((3,), backend=backend), teacher)
    before = arrays(teacher.weights())
    unidl.inspect(trainer, rows(4, 3), **QUICK)
    assert [a.tobytes() for a in before] == [a.tobytes() for a in arrays(teacher.weights())]
    assert trainer.teachers["first"] is teacher
    trainer.step(rows(4, 3))
    assert [a.tobytes() for a in before] != [a.tobytes() for a in arrays(teacher.weights())]


# -- what is refused ---------------------------------------------------------------------------------------------------------


def test_what_is_refused():
    model = noisy().build((3,), backend="torch")
    with pytest.raises(ArgumentError, match="Give the unidl model itself"):
        unidl.inspect(model.native, rows(2, 3))
    with pytest.raises(ShapeError):
        unidl.inspect(model, rows(2, 4))
    trainer = unidl.Trainer(model, loss=losses.CrossEntropy())
    with pytest.raises(DataError, match=r"inspect\(trainer, \(x, y\)\)"):
        unidl.inspect(trainer, rows(2, 3))
    with pytest.raises(ShapeError):
        unidl.inspect(trainer, (rows(2, 4), np.array([0, 1])))


def test_one_that_is_not_built_is_built(backend):
    with unidl.using(backend):
        model = noisy()
        trainer = unidl.Trainer(model, loss="cross_entropy")
        assert unidl.inspect(trainer, (rows(4, 3), np.array([0, 1, 0, 1])), **QUICK).backend.startswith(backend)
    assert model.is_built
    with unidl.using("torch"):
        assert unidl.inspect(noisy(), rows(4, 3), **QUICK).subject == "model"


def test_a_backend_that_shows_nothing(monkeypatch):
    model = noisy().build((3,), backend="torch")
    monkeypatch.setattr(registry, "INSPECTION", frozenset())
    with pytest.raises(NotPortableError, match="shows nothing of what it makes"):
        unidl.inspect(model, rows(2, 3))


def test_a_release_whose_inside_is_another(monkeypatch):
    model = noisy().build((3,), backend="torch")
    monkeypatch.setitem(sys.modules, "unidl.backends.torch.inspection", None)  # as if an import in it failed
    with pytest.raises(BackendUnavailableError, match="cannot look into torch"):
        unidl.inspect(model, rows(2, 3))
    assert model.predict(rows(2, 3)).shape[0] == 2  # the rest goes on


# -- as data, as text --------------------------------------------------------------------------------------------------------


def test_data_goes_through_json(backend, tmp_path):
    seen = step_of(backend, times=backend == "torch")
    text = json.dumps(seen.data(), allow_nan=False)
    assert Inspection.from_data(json.loads(text)) == seen
    seen.save(tmp_path / "seen.json")
    assert Inspection.from_data(json.loads((tmp_path / "seen.json").read_text())) == seen


@pytest.mark.parametrize(
    "data", [None, {}, {"format": "unidl inspection 1"}, {"format": "unidl inspection 1", "subject": 3, "costs": 4}]
)
def test_what_is_no_inspection(data):
    with pytest.raises(FileError):
        Inspection.from_data(data)


def test_as_text(backend):
    seen = step_of(backend, times=backend == "torch")
    text = str(seen)
    assert "step 'sequential' on " + backend in text
    for told in ("dense_2: Dense", "26 parameters", "layers", "What happens" if seen.events else "Graphs"):
        assert told in text
    assert max(map(len, text.splitlines())) <= 130
    assert repr(seen).startswith("<inspection of the step 'sequential' on ")
    assert "dense_2: Dense" in seen._repr_html_()
    with pytest.raises(ArgumentError, match="no graph 'lanes'"):
        seen.svg("lanes")
    with pytest.raises(ArgumentError, match="saved as a page or as data"):
        seen.save("seen.txt")
