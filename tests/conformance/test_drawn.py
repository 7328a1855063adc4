"""Every layer on every backend, in both precisions, against its definition in float64, on drawn shapes, dtypes and arguments."""

import importlib
import inspect
import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.conformance.case import Case, trial
from tests.conformance.drawn import DRAWN
from unidl import layers
from unidl.errors import UnidlError
from unidl.testing.check_layer import TOLERANCES, check_trial

EXAMPLES = int(os.environ.get("UNIDL_DRAWN", "0"))  # how many the session `robustness` draws of each layer
BACKENDS = ("torch", "tensorflow", "keras")  # not the fixture: hypothesis calls a test many times


def test_every_layer_is_drawn() -> None:
    public = {cls for cls in vars(layers).values() if inspect.isclass(cls) and issubclass(cls, layers.Layer)}
    # a layer that is its definition on every backend has nothing that another way of running could get wrong
    tables = [importlib.import_module(f"unidl.backends.{backend}.layers").LOWERINGS for backend in BACKENDS]
    lowered = {cls for cls in public if any(cls in table for table in tables)}
    assert lowered - set(DRAWN) == set()
    assert set(DRAWN) <= public


@pytest.mark.filterwarnings(
    "ignore:.*You are using a softmax over axis:UserWarning"
)  # Keras' advice, where it has length 1
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cls", DRAWN, ids=lambda cls: cls.__name__)
def test_drawn(cls: type, backend: str) -> None:
    @settings(max_examples=EXAMPLES or 2, suppress_health_check=[HealthCheck.too_slow], print_blob=False)
    @given(case=DRAWN[cls])
    def run(case: Case) -> None:
        proven = trial(case)
        proven.second = bool(EXAMPLES)  # else by the fixed list: TensorFlow traces them for seconds
        try:
            proven.reference  # noqa: B018  # what the layer refuses is refused here
        except UnidlError as error:
            for precision in TOLERANCES:
                with pytest.raises(type(error)):
                    check_trial(proven, backend, precision)
            return
        for precision in TOLERANCES:
            check_trial(proven, backend, precision)

    run()
