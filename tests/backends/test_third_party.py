"""A third party's backend: a package with an entry point of the group unidl.backends, here one that computes with NumPy."""

import textwrap
from pathlib import Path

import pytest

BACKEND = '''
"""A backend of NumPy arrays in a class of its own."""

import numpy as np


class Tensor:
    def __init__(self, array):
        self.array = np.asarray(array)
        self.shape, self.dtype = self.array.shape, self.array.dtype.name


def lifted(function):
    """A NumPy function as an op: tensors and numbers in, a tensor out."""
    return lambda *args: Tensor(function(*(a.array if isinstance(a, Tensor) else a for a in args)))


NAME = "plain"
OPS = {"add": lifted(np.add), "multiply": lifted(np.multiply), "exp": lifted(np.exp), "tanh": lifted(np.tanh)}
TENSOR_TYPES = (Tensor,)
SHARES_TENSORS = False
ENGINE = None
ERRORS = ()


def accepts_tensors_of(other): return False
def is_compiling(): return False
def blank(shape, dtype): return Tensor(np.zeros(shape, dtype))
def to_tensor(value, dtype=None, device=None, share=False): return Tensor(np.asarray(value, dtype))
def to_numpy(tensor): return tensor.array
def at_hand(tensor): return tensor.array
def version(): return "1.2.3"
def devices(): return ("cpu",)
def device(wanted): return None


def arrays_to_tensors(args, kwargs):
    return tuple(Tensor(a) if isinstance(a, np.ndarray) else a for a in args), kwargs
'''

METADATA = "Metadata-Version: 2.1\nName: unidl-{name}\nVersion: 1.2.3\n"


def _install(folder: Path, name: str, source: str) -> Path:
    """What pip leaves behind for a package `unidl-NAME` with one module and one entry point."""
    module = f"{name}_backend"
    (folder / f"{module}.py").write_text(textwrap.dedent(source))
    info = folder / f"unidl_{name}-1.2.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(f"[unidl.backends]\n{name} = {module}\n")
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A folder in which the NumPy backend is installed under the name plain."""
    return _install(tmp_path, "plain", BACKEND)


def test_it_computes(fresh, plain):
    code = """
        import sys
        import numpy as np
        import unidl
        from unidl import ops
        from unidl.backends import registry

        assert "plain_backend" not in sys.modules  # imported when it is first used
        with unidl.using("plain"):
            y = ops.add(np.array([1.0, 2.0]), np.array([10.0, 20.0]))
        module = registry.load("plain")
        assert type(y) is module.Tensor, type(y)
        z = ops.multiply(y, 2.0)  # found by the tensor's class, wherever another backend is in force
        assert type(z) is module.Tensor
        np.testing.assert_array_equal(module.to_numpy(z), [22.0, 44.0])
        assert not {"torch", "keras", "tensorflow"} & set(sys.modules)
        try:
            ops.sin(z)
        except unidl.errors.NotPortableError as error:
            print(error)
    """
    assert "Backend 'plain' does not supply ops.sin." in fresh(code, path=plain).stdout


def test_it_is_chosen_like_ours(fresh, plain):
    code = """
        import unidl
        print(unidl.backend())
        unidl.set_backend("plain")
        print(unidl.backend())
        print([record for record in unidl.available() if record.name == "plain"])
        try:
            unidl.set_backend("plane")
        except unidl.errors.BackendUnavailableError as error:
            print(error)
    """
    told = fresh(code, path=plain, env={"UNIDL_BACKEND": "plain"}).stdout.splitlines()
    assert told[:2] == ["plain", "plain"]
    assert told[2] == "[BackendRecord(name='plain', version='1.2.3', devices=('cpu',), engine=None, problem=None)]"
    assert told[4] == "Expected: one of torch, keras, tensorflow, plain"
    assert told[6].startswith("Fix: Installed backends: ")


def test_it_is_last_when_nobody_chose(fresh, plain):
    code = """
        from unidl.backends import registry
        assert list(registry.entries())[-1] == "plain"
        assert registry.installed()[-1] == "plain"
        registry._is_installed = lambda package: package == "plain_backend"
        print(registry.in_force().value)
    """
    assert fresh(code, path=plain).stdout.strip() == "plain"


def test_one_that_is_broken_names_its_package(fresh, tmp_path):
    code = """
        import unidl
        from unidl.backends import registry
        try:
            registry.load("plain")
        except unidl.errors.BackendUnavailableError as error:
            print(error)
    """
    told = fresh(code, path=_install(tmp_path, "plain", "import no_such_framework")).stdout.splitlines()
    assert told[0] == (
        "Backend 'plain' (from the argument backend=) is installed but cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_framework'"
    )
    assert told[1] == "Fix: Reinstall it with:  pip install --force-reinstall unidl-plain"


def test_a_name_that_is_taken_is_left_out_and_told(fresh, tmp_path):
    code = """
        import warnings
        from unidl.backends import registry
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert registry.entries()["torch"].module == "unidl.backends.torch"
        print(caught[0].message)
    """
    told = fresh(code, path=_install(tmp_path, "torch", BACKEND)).stdout.strip()
    assert told == (
        "The package 'unidl-torch' offers a backend 'torch'; that name is taken by 'unidl.backends.torch', so it is left out."
    )
