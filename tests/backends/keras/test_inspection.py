"""What unidl.inspect shows of Keras on its engine: layers, Keras' own graph and configuration, and what lies beneath."""

import keras
import numpy as np
import pytest

import unidl
from tests.backends.inspected import (
    CLASSES,
    IMAGES,
    POINTS,
    WORDS,
    Dynamic,
    Shared,
    attention,
    built,
    cnn,
    effects,
    in_lane,
    look,
    mlp,
    of,
    sequence,
    trainer,
    two_inputs,
)
from unidl import layers
from unidl.backends.keras.ops.random import generator
from unidl.inspection.graph import LANES

ENGINE = keras.backend.backend()
pytestmark = pytest.mark.parametrize("backend", ["keras"])
seen_beneath = pytest.mark.skipif(ENGINE == "jax", reason="unidl has no backend for jax that could look beneath")
PRODUCT = {"tensorflow": "MatMul", "torch": "aten.mm"}.get(ENGINE)


def graph_of(model, x, **more):
    return look(built(model, "keras", x), x, **more)


def beneath(seen):
    """The graph of the engine."""
    return seen.graphs["graph" if ENGINE == "tensorflow" else "operations"]


# -- Keras' own --------------------------------------------------------------------------------------------------------------


def test_layers_and_the_functional_graph(backend):
    seen = graph_of(cnn(), IMAGES)
    assert seen.facts["kind"] == "functional keras.Model"
    found = {node.layer: node for node in seen.graphs["layers"].nodes if node.layer}
    assert found["conv2d"].op == "keras.layers.Conv2D"
    assert found["conv2d"].details["parameters"] == 3 * 3 * 4 + 4
    assert found["conv2d"].details["config"]["filters"] == 4
    functional = seen.graphs["functional"]
    assert [node.op for node in functional.nodes] == [
        "keras.layers.InputLayer",
        "keras.layers.Conv2D",
        "keras.layers.BatchNormalization",
        "keras.layers.Flatten",
        "keras.layers.Dense",
    ]
    assert [(edge.source, edge.target, edge.tensor.shape) for edge in functional.edges] == [
        ("input", "conv2d", (None, 8, 8, 1)),
        ("conv2d", "batch_normalization", (None, 6, 6, 4)),
        ("batch_normalization", "flatten", (None, 6, 6, 4)),
        ("flatten", "dense", (None, 144)),
    ]
    assert functional.nodes[2].details["class"].endswith("UnbiasedBatchNormalization")  # a small subclass


def test_a_shared_layer_is_one_node_with_two_calls(backend):
    functional = graph_of(Shared(), POINTS).graphs["functional"]
    hidden = next(node for node in functional.nodes if node.layer == "hidden")
    assert hidden.details["calls"] == 2
    assert ("hidden", "hidden") in {(edge.source, edge.target) for edge in functional.edges}
    assert [node.op for node in functional.nodes if not node.layer] == [
        "keras.layers.InputLayer",
        "keras.Operation Add",
    ]


def test_two_inputs(backend):
    functional = graph_of(two_inputs(), [POINTS, np.ones((6, 5), "float32")]).graphs["functional"]
    assert sum(node.op == "keras.layers.InputLayer" for node in functional.nodes) == 2
    assert sum(edge.target == "add" for edge in functional.edges) == 2


def test_the_configuration_makes_the_model_again(backend):
    config = graph_of(mlp(), POINTS).facts["config"]
    assert keras.Model.from_config(config).count_params() == 4 * 8 + 8 + 8 * 3 + 3


@seen_beneath
def test_an_adapter_has_no_configuration_and_says_so(backend):
    seen = graph_of(Dynamic(), POINTS)
    assert seen.facts["kind"] == "subclassed keras.Model"
    assert seen.facts["config"].startswith("none: what it computes stands in the unidl description")
    assert "functional" not in seen.graphs


def test_what_compile_set(backend):
    model = built(mlp(), "keras", POINTS)
    told = look(model, POINTS).facts["compile"]
    assert told["compiled"] is False
    assert "kernels of Keras' engine" in told["trainer"]
    model.native.compile(keras.optimizers.RMSprop(0.01), "mse", metrics=["mae"])
    told = look(model, POINTS).facts["compile"]
    assert told["optimizer"]["class"] == "RMSprop"
    assert told["optimizer"]["learning_rate"] == pytest.approx(0.01)
    assert told["loss"] == "mse"
    assert told["train_function"] == "made at the first fit"
    assert model.native.train_function is None


def test_the_function_that_keras_makes_for_predict(backend):
    seen = graph_of(mlp(), POINTS)
    told = seen.facts["predict_function"]
    expected = (1, 2) if ENGINE == "tensorflow" else (None, None)  # the length is left open at the second
    assert (told["traces"], told["traces_after_another_batch_size"]) == expected
    assert told["seconds_first"] > 0


class Half(unidl.Model):
    """One of two outputs is None, which Keras' own loop does not take."""

    def __init__(self):
        self.hidden = layers.Dense(3)

    def forward(self, x):
        return {"out": self.hidden(x), "nothing": None}


def test_where_keras_predict_fails_it_is_told(backend):
    seen = graph_of(Half(), POINTS)
    assert seen.facts["predict_function"]["made"] is False
    assert seen.facts["predict_function"]["why"].startswith("Keras' predict fails on it")
    assert seen.graphs["layers"]


# -- beneath -----------------------------------------------------------------------------------------------------------------


@seen_beneath
@pytest.mark.parametrize(
    ("make", "layer", "products"), [(mlp, "dense", 1), (Shared, "hidden", 2), (Dynamic, "hidden", 1)]
)
def test_the_products_of_each_layer(backend, make, layer, products):
    graph = beneath(graph_of(make(), POINTS))
    assert of(graph, layer)[PRODUCT] == products
    kind = "Variable" if ENGINE == "tensorflow" else "torch.nn.Parameter"
    assert of(graph, layer)[kind] == 2


@seen_beneath
def test_an_addition_beside_a_layer_named_add(backend):
    graph = beneath(graph_of(Shared(), POINTS))
    addition = "AddV2" if ENGINE == "tensorflow" else "aten.add"
    assert of(graph, "")[addition] == 1
    assert of(graph, "add")[PRODUCT] == 1


@seen_beneath
def test_layers_that_keras_makes_of_others(backend):
    recurrent = beneath(graph_of(sequence(), WORDS))
    assert sum(of(recurrent, "lstm").values()) > 20
    looking = beneath(graph_of(attention(), np.ones((2, 7, 8), "float32")))
    assert sum(of(looking, "look").values()) > 20  # its dense layers within are it
    others = {node.op for node in looking.nodes if not node.layer}
    assert others <= {"Placeholder", "Identity", "NoOp", "input"}


@pytest.mark.skipif(ENGINE != "tensorflow", reason="only TensorFlow has a graph")
def test_grappler_and_xla_on_tensorflow(backend):
    seen = graph_of(cnn(), IMAGES, compiler=True)
    assert of(seen.graphs["optimized"], "conv2d")["_FusedConv2D"] == 1
    assert seen.facts["beneath"]["grappler"]["before"] > seen.facts["beneath"]["grappler"]["after"]
    assert next(node for node in seen.graphs["xla"].nodes if node.op == "dot").layer == "dense"


@pytest.mark.skipif(ENGINE != "tensorflow", reason="only TensorFlow has a graph")
def test_ifs_and_loops_on_tensorflow(backend):
    graph = graph_of(Dynamic(), POINTS).graphs["graph"]
    functions = {node.id: node.label for node in graph.nodes if node.op == "Function"}
    product = next(node for node in graph.nodes if node.op == "MatMul" and node.layer == "again")
    assert functions[product.parent].startswith("body")


@pytest.mark.skipif(ENGINE != "torch", reason="only torch writes a graph down as it runs")
def test_what_torch_writes_down(backend):
    graph = graph_of(mlp(), POINTS).graphs["autograd"]
    assert graph.counts()["AccumulateGrad"] == 4
    assert of(graph, "dense")["ReluBackward0"] == 1


# -- a step ------------------------------------------------------------------------------------------------------------------


@seen_beneath
@pytest.mark.parametrize(("make", "x"), [(mlp, POINTS), (cnn, IMAGES), (Dynamic, POINTS)])
def test_a_step_in_four_lanes(backend, make, x):
    model = built(make(), "keras", x)
    seen = look(trainer(model, metrics=["accuracy"]), (x, CLASSES))
    step = seen.graphs["step"]
    weights = len(model.weights()) - 2 * (make is cnn)
    kernels = {"tensorflow": ("ResourceApplyAdam", weights), "torch": ("aten._fused_adamw_", 1)}
    kernel, times = kernels[ENGINE]
    assert in_lane(step, "update")[kernel] == times
    assert all(in_lane(step, lane)[kernel] == 0 for lane in ("forward", "loss", "backward", ""))
    loss = "SparseSoftmaxCrossEntropyWithLogits" if ENGINE == "tensorflow" else "aten.nll_loss_forward"
    assert in_lane(step, "loss")[loss] == 1
    assert any("ReluGrad" in op or "threshold_backward" in op for op in in_lane(step, "backward"))
    told = [event.what.partition(":")[0] for event in seen.events]
    assert [lane for lane in told if lane in LANES] == list(LANES)
    measuring = "ArgMax" if ENGINE == "tensorflow" else "aten.argmax"
    assert in_lane(step, "")[measuring] >= 1


@seen_beneath
def test_the_backward_pass_is_of_the_layers_that_it_goes_through(backend):
    step = look(trainer(built(mlp(), "keras", POINTS)), (POINTS, CLASSES)).graphs["step"]
    backward = [(node.layer, node.op) for node in step.nodes if node.lane == "backward"]
    assert backward.count(("dense_2", PRODUCT)) == 2
    assert backward.count(("dense", PRODUCT)) == 1


# -- changes -----------------------------------------------------------------------------------------------------------------


def test_what_changes_mean(backend):
    model = built(mlp(), "keras", POINTS)
    meant = effects(look(model, POINTS, changes=True))
    predict = {"another batch size, in keras.Model.predict": "retrace"} if ENGINE == "tensorflow" else {}
    assert meant == {
        "another batch size": "nothing",
        "the layer dense_2 is frozen": "nothing",
        "the layer dense is replaced": "rebuild",
        **predict,
    }
    meant = effects(look(trainer(model), (POINTS, CLASSES), changes=True))
    assert meant == {
        "another batch size": "nothing",
        "the layer dense_2 is frozen": "retrace" if ENGINE == "tensorflow" else "nothing",
        "the layer dense is replaced": "rebuild",
    }


def resting():
    return unidl.Sequential([layers.Dense(8), layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(3)])


def test_the_users_own_is_as_it_was(backend):
    model, twin = built(resting(), "keras", POINTS), built(resting(), "keras", POINTS)
    mine, other = trainer(model), trainer(twin)
    for one in (mine, other):
        one.step((POINTS, CLASSES))
        one.model(POINTS)
    drawn = keras.ops.convert_to_numpy(generator().state)
    assert look(model, POINTS, changes=True).graphs
    assert look(mine, (POINTS, CLASSES)).graphs
    assert model.native.predict_function is None
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(generator().state), drawn)
    assert repr(mine.state()) == repr(other.state())
    assert float(mine.step((POINTS, CLASSES))["loss"]) == float(other.step((POINTS, CLASSES))["loss"])


@pytest.mark.skipif(ENGINE != "jax", reason="what an engine without a backend of unidl's shows")
def test_jax_says_that_it_is_not_seen(backend):
    seen = graph_of(mlp(), POINTS)
    assert set(seen.graphs) == {"layers", "functional"}
    assert "jax" in seen.notes[0]
