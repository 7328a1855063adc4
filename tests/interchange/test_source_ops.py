"""Every op as an expression of each framework, in a process that cannot import unidl."""

import os

import numpy as np

import unidl
from tests.conformance.case import ENGINE
from tests.interchange.test_source import RUN, check_style, ejected, run
from tests.ops import cases_activation, cases_arithmetic, cases_manipulation, cases_reduction, cases_window
from tests.ops.case import Case, call
from unidl.backends import registry
from unidl.errors import SourceError, UnidlError
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import TensorSpec

ALL = [
    case
    for module in (cases_activation, cases_arithmetic, cases_manipulation, cases_reduction, cases_window)
    for case in module.CASES
]

# what has no expression, or another one at the edge, and why
REFUSED = {
    "conv": "strides together with dilation, which {} has not",
    "average_pool": "average pooling with padding of one's own",
}
OTHERWISE = {
    ("floor_divide", "by 0"): "written for numbers: by 0 it is NaN, unidl's has infinities",
    ("one_hot", "keras on torch"): "on torch keras.ops.one_hot refuses an index without a class, which is all zeros",
    ("einsum", "keras"): "a functional Keras model does not read an einsum whose ... stands for axes",
}


class Calling(unidl.Model):
    """One op; arrays without a batch axis are weights."""

    def __init__(self, case: Case, weights: list) -> None:
        self.case, self.given = case, weights

    def setup(self, *shapes):
        for i, array in enumerate(self.given):
            self.add_weight(f"array_{i}", array.shape, array, trainable=False, dtype=array.dtype.name)

    def forward(self, *arrays):
        rest = iter([*arrays, *(getattr(self, f"array_{i}") for i in range(len(self.given)))])
        return call(self.case, map_nest(lambda v: next(rest) if isinstance(v, np.ndarray) else v, list(self.case.args)))


def chosen() -> list[Case]:
    """All cases in the session `robustness`; else the first of each op for each number of axes."""
    if os.environ.get("UNIDL_EVERY_OP"):
        return ALL
    found = {}
    for case in ALL:
        arrays = [a for a in leaves(list(case.args)) if isinstance(a, np.ndarray)]
        found.setdefault((case.op, arrays[0].ndim if arrays else 0, case.note), case)
    return list(found.values())


def described(case: Case, backend: str):
    """The model around an op and its inputs; None where it cannot be one."""
    arrays = [a for a in leaves(list(case.args)) if isinstance(a, np.ndarray)]
    arrays = [a.astype("float32") if a.dtype.kind == "f" else a for a in arrays]
    count = len(arrays) if case.batched is None else case.batched
    inputs = arrays[:count]
    if not inputs or any(a.size == 0 for a in inputs) or (backend == "keras" and any(a.ndim == 0 for a in inputs)):
        return None  # nothing to be asked, or a scalar input, which a Keras model cannot have
    if backend == "keras" and len({len(a) for a in inputs}) > 1:
        return None  # the first axis of every input is the batch's there, and always free
    for free in [True] if backend == "keras" else (True, False):  # an op that needs to know its first axis gets it
        specs = [TensorSpec((None, *a.shape[1:]) if free and a.ndim else a.shape, a.dtype.name) for a in inputs]
        try:
            return Calling(case, arrays[count:]).build(*specs, backend="torch"), inputs
        except UnidlError:
            continue
    assert backend == "keras", f"{case} cannot be built"
    return None


def differs(case: Case, backend: str) -> bool:
    """Whether the expression means another thing for this case, as OTHERWISE says."""
    if (case.op, backend) in OTHERWISE and any("..." in str(a) for a in case.args):
        return True
    on_torch = backend == "keras" and ENGINE == "torch" and (case.op, "keras on torch") in OTHERWISE
    return on_torch or (case.op, case.note) in OTHERWISE


def test_every_op_agrees_alone(backend, fresh, tmp_path):
    cases, expected, refused = [], {}, set()
    for number, case in enumerate(chosen()):
        made = described(case, backend)
        if made is None or differs(case, backend):
            continue
        model, inputs = made
        name = f"{number} {case}"
        try:
            cases.append(ejected(model, backend, inputs, tmp_path / f"case{number}", name))
        except SourceError as error:
            refused.add((case.op, error.received))
            continue
        expected[name] = [unidl.to_numpy(y) for y in leaves(model(*inputs)) if y is not None]
    title = registry.load(backend).SOURCE.title
    assert refused <= {(op, why.format(title)) for op, why in REFUSED.items() if backend != "torch"}
    told = run(fresh, backend, RUN, cases, tmp_path)
    assert told == {}, "\n".join(f"{name}: {text}" for name, text in told.items())
    for case in cases:
        with np.load(case["folder"] + ".out.npz") as given:
            found = [given[key] for key in given.files]
        for right, value in zip(expected[case["name"]], found, strict=True):
            assert (value.shape, value.dtype.kind) == (right.shape, right.dtype.kind), case["name"]
            np.testing.assert_allclose(
                value.astype("float64"), right.astype("float64"), rtol=1e-5, atol=1e-5, err_msg=case["name"]
            )
    check_style(tmp_path)
