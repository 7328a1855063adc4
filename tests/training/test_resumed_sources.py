"""A run over each source, stopped in the middle of an epoch, ends with the bits of one that never stopped; what cannot is refused."""

import random

import numpy as np
import pytest

import unidl
from tests.training.sources import BATCHES, SIZE, SOURCES, X, Y, torch, torch_dataset
from unidl import Sequential, callbacks, layers
from unidl.errors import DataError
from unidl.optimizers import Adam

OPTIONS = {"epochs": 3, "batch_size": SIZE, "progress": False}


def trainer(backend):
    inner = [layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(4)]
    return unidl.Trainer(Sequential(inner), "cross_entropy", Adam(0.01), backend=backend)


class StopAt(callbacks.Callback):
    """Raises after a step, as a process that is killed there."""

    every_steps = 1

    def __init__(self, step):
        self.step = step

    def on_steps(self, trainer, numbers):
        if trainer.steps_taken == self.step:
            raise InterruptedError


def drawn():
    """Batches of random numbers of the process' own generators, unseeded."""

    def batches():
        for x, y in BATCHES:
            noise = random.gauss(0, 1) + np.random.normal(size=x.shape)  # what people's data does
            yield (x + noise).astype("float32"), y

    return batches


def augmented(workers=0, **given):
    """A shuffled DataLoader whose examples draw from torch, NumPy and Python."""

    class Examples(torch().utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            noise = torch().randn(3).numpy() + np.random.normal() + random.random()
            return (X[i] + noise).astype("float32"), Y[i]

    return torch().utils.data.DataLoader(Examples(), batch_size=SIZE, shuffle=True, num_workers=workers, **given)


def seeded_loader():
    return augmented(generator=torch().Generator())


def shuffled(reshuffle=True, seed=3):
    tf = pytest.importorskip("tensorflow", reason="its own class is what is read")
    found = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(20, seed=seed, reshuffle_each_iteration=reshuffle)
    return found.batch(SIZE)


RESUMED = {
    **{name: make for name, make in SOURCES.items() if name not in ("a generator", "a grain loader")},
    "random numbers": drawn,
    "a shuffled DataLoader that augments": augmented,
    "a DataLoader with a generator": seeded_loader,
    "a shuffled tf.data.Dataset": shuffled,
    "a tf.data.Dataset in one order": lambda: shuffled(reshuffle=False),
}


@pytest.mark.parametrize("name", RESUMED)
def test_stopped_and_resumed(name, backend, tmp_path):
    whole = trainer(backend)
    expected = whole.fit(RESUMED[name](), **OPTIONS)
    keep = callbacks.Checkpoint(tmp_path, every_steps=1)
    with pytest.raises(InterruptedError):
        trainer(backend).fit(RESUMED[name](), callbacks=[keep, StopAt(6)], resume=True, **OPTIONS)
    random.seed(99)  # the new process' own generators are elsewhere
    np.random.seed(99)
    again = trainer(backend)
    history = again.fit(RESUMED[name](), callbacks=[keep], resume=True, **OPTIONS)
    np.testing.assert_array_equal(history.step_loss, expected.step_loss)
    for path, weight in whole.model.weights().items():
        np.testing.assert_array_equal(unidl.to_numpy(again.model.weights()[path]), unidl.to_numpy(weight))


def test_epochs_differ_and_leave_the_generators_alone(backend):
    for make in (drawn, augmented):
        random.seed(5)
        np.random.seed(5)
        before = random.getstate(), np.random.get_state()[1].tolist()
        losses = trainer(backend).fit(make(), **OPTIONS).step_loss.reshape(3, -1)
        assert len({tuple(epoch) for epoch in losses.tolist()}) == 3
        assert before == (random.getstate(), np.random.get_state()[1].tolist())


def test_a_loader_gives_the_same_on_every_backend(backend):
    seen = []

    def fit(on):
        given = augmented()
        kept, collate = [], given.collate_fn
        given.collate_fn = lambda examples: kept.append(np.stack([x for x, _ in examples])) or collate(examples)
        trainer(on).fit(given, **OPTIONS)
        return kept

    seen = [fit("torch"), fit(backend)]
    for one, other in zip(*seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_workers_are_seeded():
    def losses():
        return trainer("torch").fit(augmented(workers=1), epochs=1, progress=False).step_loss

    np.testing.assert_array_equal(losses(), losses())


def test_what_cannot_be_exact_is_refused(backend):
    tf = pytest.importorskip("tensorflow", reason="its own class is what is read")
    whole = tf.data.Dataset.from_tensor_slices((X, Y))
    noisy = whole.map(lambda x, y: (x + tf.random.normal((3,)), y)).batch(SIZE)
    used = shuffled()
    trainer(backend).fit(used, epochs=2, progress=False)
    loader = torch().utils.data.DataLoader(torch_dataset(), batch_size=SIZE, num_workers=1, persistent_workers=True)
    for given, why in (
        (shuffled(seed=None), "shuffles without a seed"),
        (noisy, "draws random numbers"),
        (used, "iterated before"),
        (loader, "persistent workers"),
        (iter(BATCHES), "goes on where it was"),
    ):
        t = trainer(backend)
        t.fit(X, Y, progress=False)
        with pytest.raises(DataError, match=why) as raised:
            t.fit(given, epochs=2, progress=False, resume=True)
        assert raised.value.fix
