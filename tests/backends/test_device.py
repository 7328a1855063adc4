"""Names of devices on every backend, tried on what a machine without a GPU has: logical devices, torch's meta device."""

import importlib

import numpy as np
import pytest

import unidl
from unidl.backends import registry
from unidl.backends.device_name import listed, select
from unidl.errors import DeviceError
from unidl.settings import chosen_device

TWO_GPUS = ("cpu", "gpu:0", "gpu:1")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("cpu", ("cpu", 0)),
        ("cpu:0", ("cpu", 0)),
        ("gpu", ("gpu", 0)),
        ("gpu:1", ("gpu", 1)),
        ("cuda", ("gpu", 0)),
        ("cuda:1", ("gpu", 1)),
        ("mps", ("gpu", 0)),
        (" GPU:1 ", ("gpu", 1)),
        ("auto", ("gpu", 0)),
    ],
)
def test_a_name_means_a_device(name, meant):
    assert select(name, TWO_GPUS, "torch") == meant


def test_auto_is_the_cpu_where_there_is_no_gpu():
    assert select("auto", ("cpu",), "torch") == ("cpu", 0)


def test_devices_are_listed_by_their_names():
    assert listed(1, 0) == ("cpu",)
    assert listed(1, 2) == TWO_GPUS
    assert listed(2, 1) == ("cpu:0", "cpu:1", "gpu:0")


@pytest.mark.parametrize("name", ["", "tpu", "gpu:", "gpu:-1", "gpu:x", "gpu:1:2", "0", "auto:0"])
def test_what_is_no_name_of_a_device(name):
    with pytest.raises(DeviceError) as caught:
        select(name, TWO_GPUS, "torch")
    assert str(caught.value) == (
        f"There is no device {name!r} (from the argument device=).\n"
        "Expected: cpu, gpu, a numbered one such as gpu:1, or auto (the first GPU, else the CPU)\n"
        f"Received: {name!r}\n"
        "Fix: Write one of: cpu, gpu:0, gpu:1, auto."
    )
    assert isinstance(caught.value, ValueError)


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("UNIDL_DEVICE", "gpu:2")
    with pytest.raises(DeviceError) as caught:
        select(chosen_device(), TWO_GPUS, "torch")
    assert str(caught.value) == (
        "Device 'gpu:2' (from the environment variable UNIDL_DEVICE) is not there for backend 'torch'.\n"
        "Expected: one of cpu, gpu:0, gpu:1\n"
        "Received: 'gpu:2'\n"
        "Fix: Write one of: cpu, gpu:0, gpu:1, auto."
    )


def test_the_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("UNIDL_DEVICE", "gpu")
    assert chosen_device("cpu").value == "cpu"
    assert chosen_device().value == "gpu"
    monkeypatch.delenv("UNIDL_DEVICE")
    assert chosen_device().value == "auto"


def test_a_machine_without_a_gpu_says_so(backend):
    module = registry.load(backend)
    if any(name.startswith("gpu") for name in module.devices()):
        assert module.device("gpu") == module.device("auto")
        return
    with pytest.raises(DeviceError) as caught:
        module.device("cuda")
    assert str(caught.value) == (
        f"Device 'cuda' (from the argument device=) is not there for backend {backend!r}.\n"
        f"Expected: one of {', '.join(module.devices())}\n"
        "Received: 'cuda'\n"
        f"Fix: Write one of: {', '.join(module.devices())}, auto. Backend {backend!r} sees no GPU; if the machine has one, "
        "install the framework's build for it."
    )


def test_a_tensor_is_made_on_the_cpu(backend):
    module = registry.load(backend)
    tensor = module.to_tensor(np.arange(3.0), device=module.device("cpu"))
    np.testing.assert_array_equal(module.to_numpy(tensor), [0.0, 1.0, 2.0])
    assert "cpu" in str(tensor.device).lower()


# Listing devices must not start TensorFlow's runtime, or the user could configure it no more: so it is listed first.
SPLIT = """
    import numpy as np
    import unidl
    from unidl.backends import registry

    module = registry.load({backend!r})
    assert module.devices() == ("cpu",)

    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 3
    )
    assert module.devices() == ("cpu:0", "cpu:1", "cpu:2"), module.devices()
    for index in range(3):
        for value in ([1.0, 2.0], np.ones(2, "float32")):
            tensor = module.to_tensor(value, device=module.device(f"cpu:{{index}}"))
            assert tensor.device.endswith(f"CPU:{{index}}"), tensor.device
    assert module.device("auto") == module.device("cpu")
    try:
        module.device("cpu:3")
    except unidl.errors.DeviceError as error:
        print(error)
"""


@pytest.mark.parametrize("backend", ["tensorflow", "keras"])
def test_a_processor_split_in_three(backend, fresh):
    told = fresh(SPLIT.format(backend=backend), env={"KERAS_BACKEND": "tensorflow"}).stdout
    assert told.splitlines()[:2] == [
        f"Device 'cpu:3' (from the argument device=) is not there for backend {backend!r}.",
        "Expected: one of cpu:0, cpu:1, cpu:2",
    ]


def _pretend(monkeypatch: pytest.MonkeyPatch, kind: str, count: int) -> None:
    """Make torch report an accelerator of a kind that every machine can compute shapes on."""
    torch = importlib.import_module("torch")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(kind))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)


@pytest.mark.parametrize("backend", ["torch"])
def test_torch_takes_the_accelerator_that_is_there(backend, monkeypatch):
    _pretend(monkeypatch, "meta", 1)
    module = registry.load(backend)
    assert module.devices() == ("cpu", "gpu:0")
    for name in ("gpu", "cuda", "mps", "gpu:0", "auto"):
        assert module.device(name).type == "meta"
    assert module.device("cpu").type == "cpu"
    tensor = module.to_tensor(np.ones((2, 3)), device=module.device("gpu"))
    assert tensor.is_meta
    assert tuple(tensor.shape) == (2, 3)
    with pytest.raises(DeviceError, match="Expected: one of cpu, gpu:0"):
        module.device("gpu:1")


@pytest.mark.parametrize("backend", ["keras"])
def test_keras_on_torch_names_the_accelerator_as_torch_does(backend, fresh):
    code = f"""
        import torch
        from unidl.backends import registry
        module = registry.load({backend!r})
        torch.accelerator.is_available = lambda: True
        torch.accelerator.current_accelerator = lambda: torch.device("mps")
        torch.accelerator.device_count = lambda: 1
        print(module.ENGINE, module.devices(), module.device("auto"), module.device("cpu"))
    """
    assert fresh(code, env={"KERAS_BACKEND": "torch"}).stdout.strip() == "torch ('cpu', 'gpu:0') mps:0 cpu"


@pytest.mark.gpu
def test_a_tensor_is_made_on_the_gpu(backend):
    module = registry.load(backend)
    tensor = module.to_tensor(np.arange(3.0), device=module.device("gpu"))
    np.testing.assert_array_equal(module.to_numpy(tensor), [0.0, 1.0, 2.0])
    assert any(kind in str(tensor.device).lower() for kind in ("gpu", "cuda", "mps"))


def test_available_names_the_devices(backend):
    record = {record.name: record for record in unidl.available()}[backend]
    assert record.devices == registry.load(backend).devices()
