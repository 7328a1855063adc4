"""`load_weights` of any hand-written layer, whatever unidl's layer is called with, and whether it runs natively or by its definition."""

import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unidl
from tests.interchange.foreign_layers import KERAS, TORCH, Twin
from unidl.backends.lowering import definitions_only
from unidl.testing.trial import Around

EXAMPLES = int(os.environ.get("UNIDL_DRAWN", "0"))  # how many examples the session `robustness` draws
BACKENDS = ("torch", "tensorflow", "keras")  # not the fixture: hypothesis calls a test many times
DRAWN = settings(max_examples=EXAMPLES or 4, suppress_health_check=[HealthCheck.too_slow])


def check(twin: Twin, source: Any, right: np.ndarray, backend: str, definitions: bool, random: str) -> None:
    """A model around the layer computes what the object does, once it has its weights."""
    model = Around(twin.layer, tuple(twin.named), twin.options)
    inputs = (*twin.inputs, *twin.named.values())
    with definitions_only() if definitions else nullcontext():
        model.build(*inputs, backend=backend, random=random)
        unidl.load_weights(model, source, layout=None if source else "torch")
        found = unidl.to_numpy(model(*inputs))
    np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


HOW = {"definitions": st.booleans(), "random": st.sampled_from(["native", "portable"])}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cls", TORCH)
def test_weights_of_a_module(cls: str, backend: str) -> None:
    torch = pytest.importorskip("torch")

    @DRAWN
    @given(twin=TORCH[cls], **HOW)
    def run(twin: Twin, definitions: bool, random: str) -> None:
        native = twin.make().eval()
        with torch.no_grad():
            for name, tensor in native.state_dict().items():
                if tensor.is_floating_point():
                    tensor.uniform_(0.5, 2.0) if name == "running_var" else tensor.normal_(0.0, 0.5)
            right = twin.run(native, *(torch.tensor(x) for x in twin.inputs)).numpy()
        state = {f"layer.{name}": value for name, value in native.state_dict().items()}
        check(twin, state, right, backend, definitions, random)

    run()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cls", KERAS)
def test_weights_of_a_keras_layer(cls: str, backend: str) -> None:
    from unidl.backends import registry

    keras = registry.load("keras").keras

    @DRAWN
    @given(twin=KERAS[cls], **HOW)
    def run(twin: Twin, definitions: bool, random: str) -> None:
        inputs = [keras.Input(x.shape[1:], dtype=x.dtype.name) for x in twin.inputs]
        native = twin.make()
        outputs = native(*inputs)
        generator = np.random.default_rng(0)
        for weight in native.weights:
            scale = generator.normal(size=weight.shape) * 0.5
            weight.assign(np.abs(scale) + 0.5 if weight.name == "moving_variance" else scale)
        right = keras.ops.convert_to_numpy(twin.run(native, *(keras.ops.convert_to_tensor(x) for x in twin.inputs)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.weights.h5"
            keras.Model(inputs, outputs).save_weights(path)
            check(twin, path, right, backend, definitions, random)

    run()


@pytest.mark.parametrize("layout", ["torch", "keras"])
def test_arrays_are_not_shared(backend: str, layout: str) -> None:
    """What is done with the arrays afterwards moves no weight, and the other way round."""
    generator = np.random.default_rng(0)
    kernel, names = ((3, 4), ("weight", "bias")) if layout == "torch" else ((4, 3), ("kernel", "bias"))
    model = unidl.Sequential([unidl.layers.Dense(3)]).build((4,), backend=backend)
    source = {
        f"dense/{n}": generator.normal(size=s).astype("float32") for n, s in zip(names, (kernel, (3,)), strict=True)
    }
    separator = "." if layout == "torch" else "/"
    unidl.load_weights(model, {name.replace("/", separator): array for name, array in source.items()}, layout=layout)
    before = {path: np.array(array) for path, array in model.weights().items()}
    for array in source.values():
        np.add(array, 1.0, out=array)
    kept = {name: array.copy() for name, array in source.items()}
    for path, array in model.weights().items():
        np.testing.assert_array_equal(array, before[path])
    model.set_weights({path: array * 2.0 for path, array in before.items()})
    for name, array in source.items():
        np.testing.assert_array_equal(array, kept[name])


def test_tensors_are_not_shared(backend: str) -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(4, 3)
    model = unidl.Sequential([unidl.layers.Dense(3)]).build((4,), backend=backend)
    unidl.load_weights(model, {f"dense.{name}": value for name, value in module.state_dict().items()}, layout="torch")
    before = {path: np.array(array) for path, array in model.weights().items()}
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1.0)
    for path, array in model.weights().items():
        np.testing.assert_array_equal(array, before[path])
