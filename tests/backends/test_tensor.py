"""Arrays into tensors and back; Keras' engine, chosen before TensorFlow fixes it."""

import numpy as np
import pytest

from unidl.backends import registry
from unidl.graph.spec import DTYPES


@pytest.mark.parametrize("dtype", DTYPES)
def test_there_and_back(backend, dtype):
    b = registry.load(backend)
    back = b.to_numpy(b.to_tensor([[0, 1], [1, 0]], dtype))
    assert back.dtype.name == ("float32" if dtype == "bfloat16" else dtype)
    np.testing.assert_array_equal(back.astype("int64"), [[0, 1], [1, 0]])


def test_numbers_and_arrays(backend):
    b = registry.load(backend)
    values = [1.5, 2, True, [1, 2.0], np.float64(1), np.ones((2, 3), "float16").T, np.arange(4)[::-2]]
    found = [b.to_numpy(b.to_tensor(value)) for value in values]
    assert [a.dtype.name for a in found] == ["float32", "int64", "bool", "float32", "float64", "float16", "int64"]
    np.testing.assert_array_equal(found[-1], [3, 1])


def test_an_array_is_copied(backend):
    b = registry.load(backend)
    array = np.zeros(3, "float32")
    array.flags.writeable = False  # torch warns of what it may not write to
    tensor = b.to_tensor(array)
    array.flags.writeable = True
    array[:] = 7
    assert b.to_numpy(tensor).tolist() == [0, 0, 0]


def test_keras_makes_the_same_tensor_wherever_it_is_put():
    """What is quick by the engine's own backend is no other tensor."""
    b = registry.load("keras")
    for dtype in [*DTYPES, "uint16", "uint32"]:
        array = np.ones(2) if dtype == "bfloat16" else np.ones(2, dtype)
        given = dtype if dtype == "bfloat16" else None
        free, placed = b.to_tensor(array, given), b.to_tensor(array, given, device=b.device("cpu"))
        assert b.keras.backend.standardize_dtype(free.dtype) == b.keras.backend.standardize_dtype(placed.dtype)


def test_an_array_of_a_variable_of_keras_is_a_copy():
    b = registry.load("keras")
    variable = b.keras.Variable([1.0, 1.0])
    array = b.to_numpy(variable)
    variable.assign([2.0, 2.0])
    assert array.tolist() == [1, 1]
    array[:] = 3
    assert b.to_numpy(variable).tolist() == [2, 2]


def test_variables_and_what_needs_a_gradient():
    import tensorflow as tf
    import torch

    keras = registry.load("keras").keras
    found = [
        registry.load("torch").to_numpy(torch.nn.Parameter(torch.ones(2))),
        registry.load("torch").to_numpy(torch.ones(2, requires_grad=True) * 1),
        registry.load("tensorflow").to_numpy(tf.Variable([1.0, 1.0])),
        registry.load("keras").to_numpy(keras.Variable([1.0, 1.0])),
    ]
    assert [array.tolist() for array in found] == [[1, 1]] * 4


def test_arrays_beside_tensors(backend):
    b = registry.load(backend)
    (x, y, z), options = b.arrays_to_tensors(
        (b.to_tensor(np.ones(2, "float16")), np.ones(2), [np.arange(2), 3.0]), {"k": np.float64(2)}
    )
    assert {str(t.dtype).rpartition(".")[2].strip("'<>").removeprefix("dtype: '") for t in (x, y, options["k"])} == {
        "float16"
    }
    assert b.to_numpy(z[0]).dtype == "int64"
    assert z[1] == 3.0


SAY = "import os; import {first}; print(os.environ.get('KERAS_BACKEND'))"


@pytest.mark.parametrize(
    ("variable", "configured", "chosen"),
    [
        ("", None, "tensorflow"),
        ("torch", None, "torch"),
        ("", "torch", "None"),
        ("", "absent", "tensorflow"),
        ("", 3, "tensorflow"),
    ],
)
def test_the_engine_is_chosen(fresh, tmp_path, variable, configured, chosen):
    import json

    if configured is not None:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": configured}))
    code = SAY.format(first="unidl.backends.keras_engine")
    if not variable:
        code = "import os; os.environ.pop('KERAS_BACKEND', None); " + code
    result = fresh(code, env={"KERAS_BACKEND": variable, "KERAS_HOME": str(tmp_path)})
    assert result.stdout.strip() == chosen


def test_the_tensorflow_backend_leaves_keras_the_chosen_engine(fresh, tmp_path):
    code = """
    import os
    os.environ.pop("KERAS_BACKEND")
    import unidl.backends.tensorflow
    import keras
    print(os.environ["KERAS_BACKEND"], keras.backend.backend())
    """
    assert fresh(code, env={"KERAS_HOME": str(tmp_path)}).stdout.split()[-2:] == ["tensorflow", "tensorflow"]
