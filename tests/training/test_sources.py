"""Whatever people have goes into fit, evaluate and predict, on every backend, in one order."""

import numpy as np
import pytest

import unidl
from tests.training.sources import BATCHES, SIZE, SOURCES, Rows, X, Y, torch, torch_dataset
from unidl import Sequential, data, layers
from unidl.errors import DataError
from unidl.optimizers import SGD

PLAIN = {"batch_size": SIZE, "shuffle": False, "progress": False}


def trainer(backend):
    inner = [layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(4)]
    return unidl.Trainer(Sequential(inner), "cross_entropy", SGD(0.1), ["accuracy"], backend=backend, random="portable")


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_equals_arrays(name, backend):
    expected = trainer(backend)
    losses = expected.fit(X, Y, epochs=1, **PLAIN).step_loss
    t = trainer(backend)
    np.testing.assert_array_equal(t.fit(SOURCES[name](), epochs=1, **PLAIN).step_loss, losses)
    found, wanted = t.evaluate(SOURCES[name](), batch_size=SIZE), expected.evaluate(X, Y, batch_size=SIZE)
    assert found == pytest.approx(wanted, rel=1e-6)
    predicted = t.predict(SOURCES[name](), batch_size=SIZE)
    np.testing.assert_allclose(predicted, expected.predict(X), rtol=1e-5, atol=1e-6)
    validated = trainer(backend).fit(X, Y, validation_data=SOURCES[name](), **PLAIN)
    assert "val_accuracy" in validated.names()


def test_examples_by_number_have_the_order_of_arrays(backend):
    expected = trainer(backend).fit(X, Y, epochs=2, batch_size=SIZE, progress=False).step_loss
    for given in (torch_dataset(), Rows()):
        found = trainer(backend).fit(given, epochs=2, batch_size=SIZE, progress=False).step_loss
        np.testing.assert_array_equal(found, expected)


def test_whatever_numpy_makes_arrays_of(backend, tmp_path):
    pandas = pytest.importorskip("pandas", reason="a data frame is read")
    mapped = np.memmap(tmp_path / "x", "float32", "w+", shape=X.shape)
    mapped[:] = X

    class DLPack:
        def __dlpack__(self, **given):
            return X.__dlpack__(**given)

        def __dlpack_device__(self):
            return X.__dlpack_device__()

    class Frame:
        def to_numpy(self):
            return X

    expected = trainer(backend).fit(X, Y, **PLAIN).step_loss
    for given in (mapped, DLPack(), Frame(), pandas.DataFrame(X, columns=["a", "b", "c"])):
        t = trainer(backend)
        np.testing.assert_array_equal(t.fit(given, pandas.Series(Y), **PLAIN).step_loss, expected)
        assert t.predict(given).shape == (20, 4)
    with pytest.raises(DataError, match="'b' of"):
        trainer(backend).fit(pandas.DataFrame({"a": [1.0, 2.0], "b": ["u", "v"]}), Y[:2], **PLAIN)


def test_a_generator_is_used_up(backend):
    t = trainer(backend)
    with pytest.raises(DataError, match="no batch for epoch 2"):
        t.fit((batch for batch in BATCHES), epochs=2, progress=False)
    with pytest.raises(DataError, match="goes on where it was") as raised:
        t.fit((batch for batch in BATCHES), epochs=2, progress=False, resume=True)
    assert "fit(batches), not fit(batches())" in raised.value.fix


def test_targets_beside_a_source(backend):
    for given in (list(BATCHES), torch_dataset(), lambda: iter(BATCHES)):
        with pytest.raises(DataError, match="targets and weights in its batches"):
            trainer(backend).fit(given, Y, **PLAIN)


def test_an_error_names_the_example():
    class Ragged(torch().utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            if i == 3:
                raise OSError("no such picture")
            return X[i][: 3 - (i == 2)], Y[i]

    with pytest.raises(DataError, match="Example 2 of the Ragged does not fit into a batch") as raised:
        trainer("torch").fit(Ragged(), batch_size=3, shuffle=False, progress=False)
    assert "(2,)" in raised.value.received
    with pytest.raises(OSError, match="no such picture") as failed:
        trainer("torch").fit(torch().utils.data.Subset(Ragged(), [0, 3]), batch_size=1, shuffle=False, progress=False)
    assert failed.value.__notes__

    class Words(Rows):
        def __getitem__(self, numbers):
            return super().__getitem__(numbers) | {"text": ["a"] * len(numbers)}

    with pytest.raises(DataError, match="column 'text'"):
        trainer("torch").fit(Words(), **PLAIN)


def test_an_error_comes_when_the_batches_before_it_are_taken(backend):
    def broken():
        yield from BATCHES[:3]
        raise OSError("the disk is gone")

    t = trainer(backend)
    t.fit(X, Y, epochs=40, progress=False)  # it takes many steps at a time now
    taken = t.steps_taken
    with pytest.raises(OSError, match="the disk is gone"):
        t.fit(broken, progress=False)
    assert t.steps_taken == taken + 3
    bad = [*BATCHES[:2], (X[:6], np.full(6, 9)), BATCHES[0]]
    with pytest.raises(DataError, match="9"):
        t.fit(data.Stream(bad), progress=False)
    assert t.steps_taken == taken + 5
