"""Every case of the conformance list in every format, as its row says. Short: one case of each layer, side by side in one model.

UNIDL_EXPORTS=all tries each case by itself; `nox -s exports` does.
"""

import os

import numpy as np
import pytest

import unidl
from tests.conformance import exports
from tests.conformance.layer_cases import CASES
from tests.interchange.runtime import RUNTIMES, Job, compare
from unidl.backends import registry
from unidl.errors import ExportError

ALL = os.environ.get("UNIDL_EXPORTS") == "all"
each_case = pytest.mark.skipif(not ALL, reason="minutes: nox -s exports")


def built(cases, backend):
    """The cases' model, with weights as training would leave them."""
    m = exports.model(cases).build(backend=backend, device="cpu")
    drawn = np.random.default_rng(1)
    m.set_weights({path: drawn.uniform(0.1, 0.9, size=w.shape).astype(w.dtype) for path, w in m.weights().items()})
    return m


def written(format_, cases, backend, folder, **options):
    """The job of running the cases' model as a file."""
    m = built(cases, backend)
    place = folder / str(len(list(folder.iterdir())))
    place.mkdir()
    path = place / f"m{registry.formats()[format_][1].suffix}"
    unidl.export(m, format_, path, **options)
    inputs, expected = {}, {}
    fixed = options.get("batch_size")
    for size in (fixed,) if fixed else (1, 3, 5):
        arrays = exports.batch(cases, size)
        names = ["input" if i == 0 else f"input_{i + 1}" for i in range(len(arrays))]
        inputs[size] = dict(zip(names, arrays, strict=True))
        expected[size] = m.predict(arrays if len(arrays) > 1 else arrays[0])
    name = cases[0].id if len(cases) == 1 else "one of each"
    return Job(f"{name} {options or ''}", path, inputs, expected)


def test_the_page_is_up_to_date():
    assert exports.TARGET.read_text() == exports.text(), "run: python -m tests.conformance.exports"


def test_every_row_is_of_a_case():
    met = {id(exports.row(format_, case)) for format_ in registry.formats() for case in CASES}
    assert [r for r in exports.ROWS if id(r) not in met] == []


@pytest.mark.parametrize("format_", RUNTIMES)
def test_one_of_each_layer_runs_without_unidl(format_, runtime, tmp_path):
    cases, owner = exports.one_of_each(format_), registry.formats()[format_][0]
    (tmp_path / "files").mkdir()
    compare(runtime(format_), [written(format_, cases, owner, tmp_path / "files")], tmp_path)


@pytest.mark.parametrize("format_", RUNTIMES)
def test_gelu_runs_without_unidl(format_, runtime, tmp_path):
    """LiteRT has no Erf; no first case of a layer has this activation."""
    cases, owner = [case for case in CASES if "gelu" in case.id], registry.formats()[format_][0]
    assert cases
    (tmp_path / "files").mkdir()
    compare(runtime(format_), [written(format_, cases, owner, tmp_path / "files")], tmp_path)


@pytest.mark.parametrize("number", range(len(exports.ROWS)))
def test_a_row_holds(number, runtime, tmp_path):
    r = exports.ROWS[number]
    owner = registry.formats()[r.format][0]
    cases = [case for case in CASES if exports.row(r.format, case) is r]
    (tmp_path / "files").mkdir()
    jobs = []
    for case in cases if ALL else cases[:1]:
        with pytest.raises(ExportError) as told:
            written(r.format, [case], owner, tmp_path / "files")
        assert r.reason in str(told.value)
        assert told.value.fix
        jobs += [written(r.format, [case], owner, tmp_path / "files", **options) for options in r.options]
    if jobs:
        compare(runtime(r.format), jobs, tmp_path)


@each_case
@pytest.mark.parametrize("format_", RUNTIMES)
def test_every_case_runs_without_unidl(format_, runtime, tmp_path):
    owner = registry.formats()[format_][0]
    (tmp_path / "files").mkdir()
    cases = [case for case in CASES if exports.row(format_, case) is None]
    compare(runtime(format_), [written(format_, [case], owner, tmp_path / "files") for case in cases], tmp_path)
