"""Every layer on every backend, in both precisions, against its definition in float64."""

from functools import cache

import pytest

from tests.conformance.case import trial
from tests.conformance.layer_cases import CASES
from unidl.testing.check_layer import TOLERANCES, check_trial

BY_ID = {case.id: case for case in CASES}
cached_trial = cache(lambda name: trial(BY_ID[name]))  # the reference is computed once


def test_every_case_has_a_name_of_its_own():
    assert len(BY_ID) == len(CASES)


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("name", BY_ID)
def test_layer(name, precision, backend):
    proof = check_trial(cached_trial(name), backend, precision)
    expected = BY_ID[name].way(backend, precision)
    if proof.way == "native":
        assert proof.native == expected
    else:
        assert proof.reason == expected
