"""Which lines of a source are about which layer."""

import pytest

from tests.insight.report import sample
from unidl.insight.report.source_lines import lines_of_layers


def of(code, layer):
    return [code.splitlines()[number - 1].strip() for number in lines_of_layers(code, [layer])]


def test_attributes_are_followed_into_classes():
    assert of(sample.TORCH, "conv2d") == [
        "self.conv2d = nn.Conv2d(1, 8, 3, stride=2)",
        "x = F.relu(self.conv2d(x.permute(0, 3, 1, 2)))  # (batch, 8, 13, 13)",
    ]
    assert of(sample.TORCH, "block/hidden") == [
        "self.hidden = nn.Linear(1352, 16)",
        "return self.scale(F.relu(self.hidden(x)))",
    ]


def test_names_are_found():
    assert of(sample.KERAS, "block/hidden") == [
        'x = layers.Dense(16, activation="relu", name="block_hidden")(layers.Flatten()(x))'
    ]


def test_an_element_of_a_list_is_in_its_loop():
    code = "class A:\n    def __init__(self):\n        self.lin = L()\nclass N:\n    def __init__(self):\n        self.blocks = nn.ModuleList(A() for _ in range(3))\n"
    assert of(code, "blocks/1/lin") == ["self.lin = L()"]
    assert of(code, "blocks/1") == ["self.blocks = nn.ModuleList(A() for _ in range(3))"]


def test_unnamed_layers_are_counted():
    code = "m = Sequential([\n  layers.Dense(3),\n  layers.BatchNormalization(),\n  layers.Dense(4)])\n"
    assert of(code, "dense_2") == ["layers.Dense(4)])"]
    assert of(code, "batch_normalization") == ["layers.BatchNormalization(),"]


@pytest.mark.parametrize("code", ["def (:", "", "\x00", "x = 1"])
def test_what_cannot_be_read_has_no_lines(code):
    assert lines_of_layers(code, ["dense"]) == {}


def test_a_name_leads_into_the_class_that_bears_it():
    code = """
class Block(layers.Layer):
    def __init__(self):
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return self.norm(x)


def make_model():
    x = Block(name="blocks_0")(keras.Input((8,)))
"""
    assert of(code, "blocks/0/norm") == ["self.norm = layers.BatchNormalization()", "return self.norm(x)"]
    assert of(code, "blocks/0") == ['x = Block(name="blocks_0")(keras.Input((8,)))']
