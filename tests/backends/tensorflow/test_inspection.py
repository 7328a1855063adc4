"""What unidl.inspect shows of TensorFlow: the graph, the graph that runs, traces and why; answers that one knows by hand."""

import numpy as np
import pytest
import tensorflow as tf

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
from unidl import layers, ops
from unidl.backends.tensorflow.inspection.operations import recording
from unidl.backends.tensorflow.ops import random
from unidl.inspection.graph import LANES
from unidl.inspection.lane import Lane


def graph_of(model, x, **more):
    return look(built(model, "tensorflow", x), x, **more)


# -- the graph ---------------------------------------------------------------------------------------------------------------


def test_an_mlp():
    seen = graph_of(mlp(), POINTS)
    graph = seen.graphs["graph"]
    assert of(graph, "dense") == {"Variable": 2, "ReadVariableOp": 2, "MatMul": 1, "BiasAdd": 1, "Relu": 1}
    assert of(graph, "dense_2") == {"Variable": 2, "ReadVariableOp": 2, "MatMul": 1, "BiasAdd": 1}
    nodes = {node.id: node for node in graph.nodes}
    assert [tuple(t.shape) for t in nodes["dense/MatMul"].outputs] == [(None, 8)]
    between = {(edge.source, edge.target): edge for edge in graph.edges}
    assert between["input", "dense/MatMul"].tensor.shape == (None, 4)
    assert between["dense/Relu", "dense_2/MatMul"].tensor.shape == (None, 8)
    state = between["variable dense/kernel", "dense/ReadVariableOp"]
    assert (state.kind, state.tensor.shape) == ("state", (4, 8))
    assert seen.facts["operations"] == 10  # four reads, two products, two biases, a relu, and the Identity at the end


def test_what_grappler_fuses():
    seen = graph_of(mlp(), POINTS)
    optimized = seen.graphs["optimized"]
    assert optimized.counts()["_FusedMatMul"] == 2
    assert "MatMul" not in optimized.counts()
    assert of(optimized, "dense") == {"Variable": 2, "ReadVariableOp": 2, "_FusedMatMul": 1}
    told = seen.facts["grappler"]
    assert told["fused"] == {"dense/Relu": ["MatMul", "BiasAdd", "Relu"], "dense_2/BiasAdd": ["MatMul", "BiasAdd"]}
    assert told["before"] == 11  # with the Identity and the NoOp at the end, which fall away
    assert told["after"] == 6
    assert told["removed"] == {"MatMul": 2, "BiasAdd": 1, "NoOp": 1, "Identity": 1}
    assert seen.facts["kernels"] == 6


def test_a_convolution_and_a_batch_normalization():
    seen = graph_of(cnn(), IMAGES)
    graph = seen.graphs["graph"]
    assert of(graph, "conv2d") == {"Variable": 2, "ReadVariableOp": 2, "Conv2D": 1, "BiasAdd": 1, "Relu": 1}
    assert of(graph, "batch_normalization")["FusedBatchNormV3"] == 1
    assert of(graph, "batch_normalization")["Variable"] == 4
    convolution = next(node for node in graph.nodes if node.op == "Conv2D")
    assert convolution.details["padding"] == "VALID"
    assert convolution.details["strides"] == [1, 1, 1, 1]
    assert of(seen.graphs["optimized"], "conv2d")["_FusedConv2D"] == 1


def test_a_shared_layer_and_one_that_is_called_as_an_operation():
    seen = graph_of(Shared(), POINTS)
    graph = seen.graphs["graph"]
    assert of(graph, "hidden")["MatMul"] == 2
    assert of(graph, "hidden")["Variable"] == 2
    assert of(graph, "add") == {"Variable": 2, "ReadVariableOp": 2, "MatMul": 1, "BiasAdd": 1}
    assert of(graph, "")["AddV2"] == 1  # the addition is the model's own, though TensorFlow calls it "add" too


def test_two_inputs():
    seen = graph_of(two_inputs(), [POINTS, np.ones((6, 5), "float32")])
    graph = seen.graphs["graph"]
    assert graph.counts()["Placeholder"] == 2
    assert graph.counts()["MatMul"] == 2
    assert of(graph, "add")["AddV2"] == 1


def test_a_dynamic_network_has_its_branches_and_its_loop_in_the_graph():
    seen = graph_of(Dynamic(), POINTS)
    graph = seen.graphs["graph"]
    assert graph.counts()["StatelessIf"] == 1
    assert graph.counts()["While"] == 1
    functions = {node.id: node.label for node in graph.nodes if node.op == "Function"}
    assert sorted(label.partition(":")[0] for label in functions.values()) == [
        "body",
        "cond",
        "else_branch",
        "then_branch",
    ]
    product = next(node for node in graph.nodes if node.op == "MatMul" and node.layer == "again")
    assert functions[product.parent].startswith("body")
    multiplied = next(
        node for node in graph.nodes if node.op == "Mul" and functions.get(node.parent, "").startswith("then")
    )
    assert multiplied.layer == ""
    assert multiplied.details["code"].startswith("inspected.py:")
    read = [edge.source for edge in graph.edges if edge.kind == "state" and edge.target.startswith(product.parent)]
    assert sorted(read) == ["variable again/bias", "variable again/kernel"]
    optimized = seen.graphs["optimized"]
    assert optimized.counts()["LoopCond"] == 1  # the loop is taken apart
    assert of(optimized, "again")["Variable"] == 2


def test_another_branch_is_in_the_same_graph():
    model = built(Dynamic(), "tensorflow", POINTS)
    seen = look(model, POINTS, POINTS * 100, changes=True)
    change = next(change for change in seen.changes if change.change == "other inputs")
    assert (change.effect, change.why) == ("nothing", "The same graph runs: 1 trace before, 1 trace after.")


def test_a_sequence_and_attention():
    recurrent = graph_of(sequence(), WORDS).graphs["graph"]
    assert of(recurrent, "lstm")["BlockLSTM"] == 1
    assert of(recurrent, "embedding")["ResourceGather"] == 1
    looking = graph_of(attention(), np.ones((2, 7, 8), "float32")).graphs["graph"]
    assert of(looking, "look")["MatMul"] == 4  # query, key, value, output
    assert of(looking, "look")["BatchMatMulV2"] == 2
    assert of(looking, "look")["Softmax"] == 1


def test_xla():
    seen = look(built(cnn(), "tensorflow", IMAGES), IMAGES, compiler=True)
    graph, told = seen.graphs["xla"], seen.facts["xla"]
    assert graph.counts()["dot"] == 1
    assert graph.counts()["convolution"] == 1
    assert next(node for node in graph.nodes if node.op == "dot").layer == "dense"
    assert told["fusions"].keys() == {node.label for node in graph.nodes if node.op == "fusion"}
    held = {node.parent for node in graph.nodes}
    assert all(node.id in held for node in graph.nodes if node.op == "fusion")
    maximum = next(node for node in graph.nodes if node.op == "maximum")  # the relu stands in a fusion
    assert maximum.layer == "conv2d"
    assert maximum.parent


def test_xla_on_a_step():
    seen = look(trainer(built(mlp(), "tensorflow", POINTS)), (POINTS, CLASSES), compiler=True)
    told, graph = seen.facts["xla"], seen.graphs["xla"]
    assert graph.counts()["while"] == 1
    products = [(node.layer, node.lane) for node in graph.nodes if node.op == "dot"]
    assert sorted(products) == sorted(
        [("dense", "forward"), ("dense_2", "forward"), ("dense", "backward"), *[("dense_2", "backward")] * 2]
    )
    assert all(told["lanes"][lane] > 0 for lane in ("forward", "backward", "update"))


# -- a step ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "x"), [(mlp, POINTS), (cnn, IMAGES), (Shared, POINTS), (sequence, WORDS)])
def test_a_step_in_four_lanes(make, x):
    model = built(make(), "tensorflow", x)
    seen = look(trainer(model, metrics=["accuracy"]), (x, CLASSES % 2))
    step = seen.graphs["step"]
    weights = sum(node.op == "Variable" and node.details.get("trainable", False) for node in step.nodes)
    assert weights == len(model.weights()) - 2 * (make is cnn)  # the moving mean and variance are states
    update = in_lane(step, "update")
    assert update["ResourceApplyAdam"] == weights
    assert all(in_lane(step, lane)["ResourceApplyAdam"] == 0 for lane in ("forward", "loss", "backward", ""))
    assert in_lane(step, "loss")["SparseSoftmaxCrossEntropyWithLogits"] == 1
    gradients = ("Grad", "Backprop", "Relu6Grad")
    assert all(
        node.lane == "backward" for node in step.nodes if node.op.endswith(gradients) or "gradient_tape" in node.id
    )
    for node in step.nodes:
        if node.op == "ResourceApplyAdam":  # it is of the layer whose variable it steps
            read = {edge.source for edge in step.edges if edge.target == node.id and edge.kind == "state"}
            assert any(name.startswith(f"variable {node.layer}/") for name in read), node
    assert in_lane(step, "")["ArgMax"] >= 1  # the metric is in no lane; of predictions, and of where a NaN is
    assert any(edge.kind == "gradient" for edge in step.edges)


def test_the_backward_pass_is_of_the_layers_that_it_goes_through():
    step = look(trainer(built(mlp(), "tensorflow", POINTS)), (POINTS, CLASSES)).graphs["step"]
    backward = [(node.layer, node.op) for node in step.nodes if node.lane == "backward"]
    assert backward.count(("dense_2", "MatMul")) == 2  # by its input and by its kernel
    assert backward.count(("dense", "MatMul")) == 1  # nobody asks for the gradient by the data
    assert backward.count(("dense", "ReluGrad")) == 1
    assert backward.count(("dense", "BiasAddGrad")) == backward.count(("dense_2", "BiasAddGrad")) == 1


def test_a_shared_layer_gets_two_gradients_that_are_added():
    step = look(trainer(built(Shared(), "tensorflow", POINTS)), (POINTS, CLASSES % 2)).graphs["step"]
    assert in_lane(step, "backward")["AddN"] == 2  # for the kernel and for the bias


def test_another_optimizer_is_another_update():
    model = built(mlp(), "tensorflow", POINTS)
    step = look(trainer(model, "sgd"), (POINTS, CLASSES)).graphs["step"]
    assert in_lane(step, "update")["ResourceApplyGradientDescent"] == 4


class Own(unidl.Trainer):
    """A step with two losses."""

    def training_step(self, batch):
        x, y = batch
        first = self.minimize(lambda: ops.mean(ops.square(self.model(x))), part=self.model, optimizer="a")
        second = self.minimize(lambda: self.loss(y, self.model(x)), part=self.model, optimizer="b")
        return {"a": first, "b": second}


def test_a_step_of_ones_own():
    model = built(mlp(), "tensorflow", POINTS)
    own = Own(model, loss="cross_entropy", optimizer={"a": "sgd", "b": "adam"})
    seen = look(own, (POINTS, CLASSES))
    step = seen.graphs["step"]
    assert in_lane(step, "forward")["MatMul"] == 4
    assert in_lane(step, "update")["ResourceApplyAdam"] == in_lane(step, "update")["ResourceApplyGradientDescent"] == 4
    assert in_lane(step, "loss")["Square"] == 1


def test_kernels_are_timed_where_they_run():
    seen = look(trainer(built(cnn(), "tensorflow", IMAGES)), (IMAGES, CLASSES))
    timed = {node.op: node.details["seconds"] for node in seen.graphs["optimized"].nodes if "seconds" in node.details}
    assert {"_FusedConv2D", "Conv2DBackpropFilter", "FusedBatchNormGradV3", "ResourceApplyAdam"} <= timed.keys()
    assert seen.facts["seconds"]["conv2d"].keys() == {"forward", "backward", "update"}
    spent = {event.what.partition(":")[0]: event.seconds for event in seen.events}
    assert all(spent[lane].median > 0 for lane in LANES)


# -- traces ------------------------------------------------------------------------------------------------------------------


def test_what_changes_mean_for_a_model():
    meant = effects(graph_of(mlp(), POINTS, changes=True))
    assert meant == {
        "another batch size": "nothing",
        "the layer dense_2 is frozen": "nothing",
        "the layer dense is replaced": "rebuild",
        "a call in training mode": "retrace",
        "inputs of another dtype, past the model's door": "retrace",  # unidl's ops take the weights' dtype
        "inputs with one axis more, past the model's door": "retrace",
    }


def test_what_changes_mean_for_a_step():
    meant = effects(look(trainer(built(mlp(), "tensorflow", POINTS)), (POINTS, CLASSES), changes=True))
    assert meant == {
        "another batch size": "nothing",
        "the layer dense_2 is frozen": "retrace",
        "the layer dense is replaced": "rebuild",
    }


def test_the_traces_of_the_users_own_model_and_why():
    model = built(mlp(), "tensorflow", POINTS)
    for rows in (1, 5, 3):
        model(POINTS[:rows])
    model(POINTS, training=True)
    mine = trainer(model)
    mine.step((POINTS, CLASSES))
    model.freeze("dense")
    mine.step((POINTS, CLASSES))
    told = look(model, POINTS).facts["traces"]
    assert [(trace["kind"], trace["why"]) for trace in told] == [
        ("inference", "the first call in inference"),
        ("training", "the first call in training"),
        ("step", "the first step"),
        ("step", "other layers are frozen"),
    ]
    model.native.dense.kernel = tf.Variable(model.native.dense.kernel)
    model(POINTS)
    assert model.native.traces[-1].why == "a variable or module was put in another's place"


def resting():
    return unidl.Sequential([layers.Dense(8), layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(3)])


def test_the_users_own_is_as_it_was():
    model, twin = built(resting(), "tensorflow", POINTS), built(resting(), "tensorflow", POINTS)
    mine, other = trainer(model), trainer(twin)
    for one in (mine, other):
        one.step((POINTS, CLASSES))
        one.model(POINTS)
    drawn = random.PROCESS.read()
    traces, runs = model.native.traces, model.native.runs
    assert look(model, POINTS, changes=True).graphs
    assert look(mine, (POINTS, CLASSES)).graphs
    assert (model.native.traces, model.native.runs) == (traces, runs)
    np.testing.assert_array_equal(random.PROCESS.read(), drawn)
    assert repr(mine.state()) == repr(other.state())
    assert float(mine.step((POINTS, CLASSES))["loss"]) == float(other.step((POINTS, CLASSES))["loss"])
    assert model.native.traces == traces  # and nothing is traced anew


def test_the_recorder_sees_nothing_where_nobody_watches():
    with recording(lambda: None, Lane()) as seen:
        pass
    tf.add(1, 2)
    assert seen.ran == []
