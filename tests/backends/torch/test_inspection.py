"""What torch makes of networks whose operations are known by hand."""

import inspect
import json
import logging

import numpy as np
import pytest
import torch

import unidl
from tests.insight import looked_at
from tests.insight.looked_at import CASES, Dynamic, Pair, Shared, TwoSteps, attention, rows, two_inputs
from unidl import Sequential, layers, ops
from unidl.backends.torch.inspection.compiler import capture_of, operations
from unidl.backends.torch.inspection.operations import Layers, Recorder
from unidl.insight.inspections.programs import program_of_model
from unidl.inspection.graph import LANES

QUICK = {"compiler": False, "times": False}
Y = np.array([0, 1, 0, 1, 1])


def mlp():
    return CASES["mlp"].model().build((3,), backend="torch")


def aten(graph, lane=None, layer=None):
    """The operations' names in order, views left out."""
    return [
        node.op.removeprefix("aten.")
        for node in graph.nodes
        if node.op.startswith("aten.")
        and not node.details["view"]
        and lane in (None, node.lane)
        and layer in (None, node.layer)
    ]


def between(graph):
    return {(edge.source, edge.target): edge.kind for edge in graph.edges}


# -- a call ------------------------------------------------------------------------------------------------------------------


def test_the_tree_of_modules():
    seen = unidl.inspect(mlp(), rows(5, 3), **QUICK)
    node = {node.id: node for node in seen.graphs["layers"].nodes}["dense"]
    assert (node.op, node.layer, node.parent) == ("torch.nn.Linear", "dense", "(model)")
    assert node.details["module"] == "dense"
    assert node.details["parameters"] == {"weight": [4, 3], "bias": [4]}
    assert node.details["arguments"] == "in_features=3, out_features=4, bias=True"


def test_the_operations_of_a_call():
    graph = unidl.inspect(mlp(), rows(5, 3), **QUICK).graphs["aten"]
    assert aten(graph) == ["addmm", "relu_", "addmm"]
    assert aten(graph, layer="dense") == ["addmm", "relu_"]
    assert aten(graph, layer="dense_2") == ["addmm"]
    flow = between(graph)
    assert flow["input", "addmm"] == flow["addmm", "relu_"] == flow["relu_", "addmm#2"] == "data"
    assert flow["dense.weight", "t"] == flow["dense.bias", "addmm"] == "state"
    assert {node.lane for node in graph.nodes if node.op.startswith("aten.")} == {"forward"}


def test_the_autograd_graph_of_a_call():
    graph = unidl.inspect(mlp(), rows(5, 3), **QUICK).graphs["autograd"]
    counts = graph.counts()
    assert counts == {"AccumulateGrad": 4, "AddmmBackward0": 2, "TBackward0": 2, "ReluBackward0": 1}
    nodes = {node.id: node for node in graph.nodes}
    assert nodes["ReluBackward0"].layer == nodes["AddmmBackward0#2"].layer == "dense"
    assert nodes["AddmmBackward0"].layer == "dense_2"
    assert {node.label for node in graph.nodes if node.op == "AccumulateGrad"} == {
        "dense.weight", "dense.bias", "dense_2.weight", "dense_2.bias"
    }  # fmt: skip
    flow = between(graph)
    assert flow["AddmmBackward0", "ReluBackward0"] == flow["ReluBackward0", "AddmmBackward0#2"] == "gradient"
    assert nodes["ReluBackward0"].details["saved"] == {"result": [5, 4]}


def test_a_shared_layer_is_differentiated_twice_and_adds_up_once():
    seen = unidl.inspect(Shared().build((3,), backend="torch"), rows(5, 3), **QUICK)
    assert seen.graphs["autograd"].counts()["AddmmBackward0"] == 2
    assert seen.graphs["autograd"].counts()["AccumulateGrad"] == 2
    assert aten(seen.graphs["aten"], layer="twice") == ["addmm", "addmm"]


def test_two_inputs():
    case = CASES["two inputs"]
    graph = unidl.inspect(two_inputs().build(backend="torch"), case.x, **QUICK).graphs["aten"]
    assert aten(graph) == ["addmm", "addmm", "add", "addmm"]
    assert [node.id for node in graph.nodes if node.op == "input"] == ["input", "input#2"]


def test_attention_is_one_kernel():
    graph = unidl.inspect(attention().build(backend="torch"), rows(2, 5, 8), **QUICK).graphs["aten"]
    assert aten(graph) == ["addmm", "_scaled_dot_product_flash_attention_for_cpu", "addmm"]


def test_a_mask_of_minus_infinity_is_json():
    class Masked(unidl.Model):
        def forward(self, x):
            return ops.softmax(ops.where(x > 0.0, x, -np.inf))

    seen = unidl.inspect(Masked().build((3,), backend="torch"), rows(2, 3), **QUICK)
    assert unidl.Inspection.from_data(json.loads(json.dumps(seen.data(), allow_nan=False))) == seen


def test_an_lstm_is_one_kernel():
    model = Sequential([layers.LSTM(4)]).build((6, 3), backend="torch")
    graph = unidl.inspect(model, rows(2, 6, 3), **QUICK).graphs["aten"]
    assert set(aten(graph, layer="lstm")) & {"lstm", "_thnn_fused_lstm_cell", "mkldnn_rnn_layer"}


def test_a_frozen_layer_takes_no_gradient():
    model = mlp()
    model.freeze("dense")
    seen = unidl.inspect(model, rows(5, 3), **QUICK)
    assert seen.graphs["autograd"].counts() == {"AccumulateGrad": 2, "AddmmBackward0": 1, "TBackward0": 1}
    model.freeze("*")
    assert unidl.inspect(model, rows(5, 3), **QUICK).graphs["autograd"].nodes == ()


# -- two calls of a dynamic network ------------------------------------------------------------------------------------------


def dynamic():
    model = Dynamic().build((3,), backend="torch")
    eye = np.eye(3, dtype="float32")
    model.set_weights({"wide/kernel": 10 * eye, "inner/kernel": eye}, partial=True)
    return model, np.full((2, 3), 5.0, "float32"), np.full((2, 3), -0.5, "float32")


def test_two_calls_of_a_dynamic_network_differ():
    model, up, down = dynamic()
    seen = unidl.inspect(model, up, down, **QUICK)
    assert aten(seen.graphs["aten"], layer="wide") == ["addmm"]
    assert aten(seen.graphs["aten"], layer="inner") == ["addmm", "addmm"]
    assert aten(seen.graphs["aten 2"], layer="wide") == aten(seen.graphs["aten 2"], layer="inner") == []
    differing = seen.facts["difference"]["aten 2"]
    assert differing["wide: aten.addmm"] == [1, 0]
    assert differing["inner: aten.addmm"] == [2, 0]
    assert seen.facts["call"]["waits"] == 4  # one `if`, three questions of `while`
    assert seen.facts["call 2"]["waits"] == 2
    assert seen.graphs["autograd 2"].nodes == ()  # what comes out is the input itself
    assert [change.change for change in seen.changes].index("other inputs") == 1


def test_where_the_compiler_breaks():
    model, up, _ = dynamic()
    capture, graph = capture_of(program_of_model(model, ((up,),), True).trial())
    # up to the `if`; `wide` up to the `while`; one round of it, which serves the second round too
    assert len(capture.graphs) == len(operations(capture)) == 3
    source = inspect.getsource(looked_at).splitlines()
    lines = [int(broken["code"].removeprefix("looked_at.py:")) for broken in capture.breaks()]
    assert [source[line - 1].split()[0] for line in lines] == ["if", "while", "while"]
    assert all("generic_jump" in broken["reason"] for broken in capture.breaks())
    layers_of = {node.parent: node.layer for node in graph.nodes if node.label == "linear"}
    assert layers_of == {"graph 2": "wide", "graph 3": "inner"}
    assert graph.note.startswith("3 breaks")


# -- changes -----------------------------------------------------------------------------------------------------------------


def test_what_is_captured_and_what_changes_mean():
    seen = unidl.inspect(mlp(), rows(5, 3), times=False)
    found, captured = seen.facts["compile"], seen.graphs["captured"]
    assert (found["graphs"], found["operations"], found["breaks"]) == (1, [3], [])
    assert [node.label for node in captured.nodes if node.op.startswith("call_")] == ["linear", "relu", "linear"]
    assert [node.layer for node in captured.nodes if node.label == "linear"] == ["dense", "dense_2"]
    told = {change.change: change for change in seen.changes}
    batch, frozen, replaced = (told[name] for name in told)
    assert (batch.effect, frozen.effect, replaced.effect) == ("nothing", "nothing", "rebuild")
    assert "1 graph captured before, 1 more at the call after it" in batch.why
    assert "expected 5, actual 6" in batch.why
    assert "requires_grad mismatch" in frozen.why.partition("tensor 'dense_2.")[2]
    assert "1 of 3 modules are the ones that were there" in replaced.why


def test_where_the_trainer_compiles_a_change_is_a_recompile():
    trainer = unidl.Trainer(mlp(), loss="cross_entropy", jit=True)
    seen = unidl.inspect(trainer, (rows(5, 3), Y), times=False)
    assert [change.effect for change in seen.changes] == ["recompile", "recompile", "rebuild"]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch.compile's own, after a break
def test_looking_often_leaves_the_compiler_alone(caplog):
    """What is compiled here is kept with code of its own: nothing is used up of what torch.compile keeps for the user's."""
    model, up, _ = dynamic()
    program, graphs = program_of_model(model, ((up,),), True), []

    def counting(graph, examples):
        graphs.append(graph)
        return graph.forward

    with torch._dynamo.config.patch(recompile_limit=2), caplog.at_level(logging.WARNING):
        for _ in range(3):
            capture_of(program.trial())
        torch.compile(model.native, backend=counting)(torch.from_numpy(up))
    assert len(graphs) == 3
    assert "recompile_limit" not in caplog.text


# -- a step ------------------------------------------------------------------------------------------------------------------


def test_a_training_step_in_four_lanes():
    trainer = unidl.Trainer(mlp(), loss="cross_entropy", optimizer=unidl.optimizers.SGD(0.1), metrics=["accuracy"])
    seen = unidl.inspect(trainer, (rows(5, 3), Y), **QUICK)
    step = seen.graphs["step"]
    assert aten(step, "forward") == ["addmm", "relu_", "addmm"]
    assert aten(step, "loss") == ["_log_softmax", "nll_loss_forward"]
    assert aten(step, "update") == ["_fused_sgd_"]
    backward = aten(step, "backward")
    assert backward[:3] == ["ones_like", "nll_loss_backward", "_log_softmax_backward_data"]
    assert backward.count("mm") == 3  # two for the second layer's weight and input, one for the first layer's weight
    assert aten(step, "backward", "dense") == ["threshold_backward", "mm", "sum"]
    flow = between(step)
    assert flow["_fused_sgd_", "dense.weight"] == flow["dense.weight", "_fused_sgd_"] == "state"
    assert [kind for (_, target), kind in flow.items() if target == "_fused_sgd_"].count("gradient") == 4
    assert flow["index_select", "addmm"] == "data"
    assert "argmax" in aten(step, "")  # the metric is in no lane
    seconds = {event.what.partition(":")[0]: event.seconds for event in seen.events}
    assert all(seconds[lane].median > 0 for lane in LANES)


def test_batch_normalisation_writes_its_states():
    model = CASES["conv"].model().build((6, 6, 3), backend="torch")
    trainer = unidl.Trainer(model, loss="mse")
    seen = unidl.inspect(trainer, (rows(2, 6, 6, 3), rows(2, 2, 2, 4)), **QUICK)
    flow = between(seen.graphs["step"])
    assert flow["native_batch_norm", "batch_normalization.running_mean"] == "state"
    assert flow["add_", "batch_normalization.num_batches_tracked"] == "state"


def test_a_step_of_ones_own_has_two_updates():
    trainer = TwoSteps(Pair().build((2,), backend="torch"))
    seen = unidl.inspect(trainer, (rows(5, 2), rows(5, 2, seed=1)), **QUICK)
    step = seen.graphs["step"]
    assert aten(step, "forward") == ["addmm", "addmm"]
    assert aten(step, "update") == ["_fused_sgd_", "_foreach_add_", "_fused_adamw_"]
    told = {change.effect: change for change in seen.changes}
    assert told["refused"].why.startswith("There is no weight to train")
    assert next(event for event in seen.events if event.what.startswith("forward")).seconds.median > 0


def test_a_view_of_a_view_of_a_weight_is_the_weight():
    model = mlp()
    trial = program_of_model(model, ((rows(5, 3),),), False).trial()
    own = Layers(trial.native())
    weight = trial.native().dense.weight
    with torch.no_grad(), Recorder(own, trial.lane) as recorder:
        weight.t().t()
        weight.add(1.0)
    assert {edge.source for edge in recorder.edges.values() if edge.target == "add"} == {"dense.weight"}


@pytest.mark.parametrize("in_place", [False, True])
def test_what_is_written_in_place_is_read_from_the_writer(in_place):
    trial = program_of_model(mlp(), ((rows(5, 3),),), False).trial()
    x = torch.ones(4)
    with Recorder(Layers(trial.native()), trial.lane) as recorder:
        y = x * 2
        z = y[1:]
        if in_place:
            y.add_(1)
        z.exp()
    source = next(edge.source for edge in recorder.edges.values() if edge.target == "exp")
    assert source == ("add_" if in_place else "slice")
