"""The native object is a torch module like any other, and holds the only copy of the weights."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import unidl
from unidl import Model, Sequential, layers, ops
from unidl.errors import NativeStructureError
from unidl.optimizers import SGD, Adam, AdamW


class Scale(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), "ones")

    def forward(self, x):
        return x * self.gain


class Net(Model):
    def __init__(self):
        self.blocks = [layers.Dense(5), Scale()]
        self.head = layers.Dense(2)

    def forward(self, x, shift=0.0):
        for block in self.blocks:
            x = ops.relu(block(x))
        return self.head(x) + shift


def images():
    return Sequential([
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3),
    ]).build((8, 8, 1), backend="torch")  # fmt: skip


@pytest.fixture
def net():
    return Net().build((6,), backend="torch")


X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))


def test_children_are_torchs_own_and_names_are_clean(net):
    assert type(net.native.blocks) is nn.ModuleList
    assert type(net.native.blocks[0]) is nn.Linear
    assert list(net.native.state_dict()) == [
        "blocks.0.weight",
        "blocks.0.bias",
        "blocks.1.gain",
        "head.weight",
        "head.bias",
    ]
    m = images()
    assert [type(c) for c in m.native.children()][:2] == [nn.Conv2d, nn.BatchNorm2d]


def test_a_plain_torch_loop_trains_it_and_weights_are_current(net):
    optimizer = torch.optim.SGD(net.native.parameters(), lr=0.1)
    before = net.weights()
    for _ in range(3):
        optimizer.zero_grad()
        net.native(X).square().mean().backward()
        optimizer.step()
    after = net.weights()
    assert not np.array_equal(before["blocks/1/gain"], after["blocks/1/gain"])
    np.testing.assert_array_equal(after["head/kernel"], net.native.head.weight.detach().numpy().T)


def test_functional_call_sees_other_weights(net):
    state = {name: torch.zeros_like(value) for name, value in net.native.state_dict().items()}
    assert torch.func.functional_call(net.native, state, (X,)).abs().max() == 0
    assert net.native(X).abs().max() > 0


def test_parametrizations_are_read_and_trained(net):
    parametrizations.weight_norm(net.native.head, "weight")
    parametrizations.orthogonal(net.native.blocks[0], "weight")
    effective = net.native.blocks[0].weight.detach().numpy()
    np.testing.assert_array_equal(net.weights()["blocks/0/kernel"], effective.T)
    np.testing.assert_allclose(
        effective.T @ effective if effective.shape[0] > effective.shape[1] else effective @ effective.T,
        np.eye(5),
        atol=1e-5,
    )
    np.testing.assert_array_equal(unidl.to_numpy(net(X)), net.native(X).detach().numpy())
    t = unidl.Trainer(net, loss="mse", optimizer="sgd")
    t.fit(X.numpy(), np.zeros((4, 2)), progress=False)
    assert not np.array_equal(net.native.blocks[0].weight.detach().numpy(), effective)


def test_deepcopy_and_pickle_are_independent(net):
    for twin in (copy.deepcopy(net.native), pickle.loads(pickle.dumps(net.native))):
        assert torch.equal(twin(X), net.native(X))
        with torch.no_grad():
            twin.blocks[1].gain.zero_()
        assert torch.equal(twin(X), twin.head.bias.expand(4, 2))
        assert net.weights()["blocks/1/gain"].min() == 1


def test_torch_save_round_trip(net):
    buffer = io.BytesIO()
    torch.save(net.native.state_dict(), buffer)
    buffer.seek(0)
    other = Net().build((6,), backend="torch", seed=5)
    other.native.load_state_dict(torch.load(buffer, weights_only=True))
    np.testing.assert_array_equal(unidl.to_numpy(other(X)), unidl.to_numpy(net(X)))


@pytest.mark.parametrize("make", [images, lambda: Net().build((6,), backend="torch")])
def test_export_with_a_dynamic_batch(make):
    m = make()
    shape = m._need_built().plan.input_shapes[0][1:]
    name = "x"
    program = torch.export.export(
        m.native.eval(), (torch.randn(3, *shape),), dynamic_shapes={name: {0: torch.export.Dim("batch")}}
    )
    x = torch.randn(7, *shape)
    torch.testing.assert_close(program.module()(x), m(x))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("make", [images, lambda: Net().build((6,), backend="torch")])
def test_compile_takes_a_static_model_whole(make, training):
    m = make()
    shape = m._need_built().plan.input_shapes[0][1:]
    twin = copy.deepcopy(m.native).train(training)
    compiled = torch.compile(m.native.train(training), fullgraph=True, backend="eager")
    for batch in (3, 5):
        x = torch.randn(batch, *shape)
        torch.testing.assert_close(compiled(x), twin(x))
    for mine, other in zip(m.native.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(mine, other)


def test_hooks_fire_on_torchs_modules_and_on_adapters(net):
    seen = []
    net.native.blocks[0].register_forward_hook(lambda *_: seen.append("dense"))
    net.native.blocks[1].register_forward_hook(lambda *_: seen.append("scale"))
    net(X)
    assert seen == ["dense", "scale"]


def test_train_and_eval_and_the_flag_is_left_as_it_was():
    m = images()
    assert m.native.training
    before = m.weights()["batch_normalization/moving_mean"]
    m(torch.randn(4, 8, 8, 1))
    assert m.native.training
    np.testing.assert_array_equal(before, m.weights()["batch_normalization/moving_mean"])
    m.native(torch.randn(4, 8, 8, 1))
    assert not np.array_equal(before, m.weights()["batch_normalization/moving_mean"])
    m.freeze("batch_normalization")
    assert not m.native.train().batch_normalization.training
    m.unfreeze("batch_normalization")
    assert m.native.train().batch_normalization.training


def test_a_module_the_user_swapped_in_runs(net):
    class Twice(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return 2 * self.inner(x)

    before = net(X)
    net.native.head = Twice(net.native.head)
    torch.testing.assert_close(net(X), 2 * before)
    with pytest.raises(NativeStructureError, match="has no tensor 'weight' any more"):
        net.weights()


def test_a_child_that_is_gone_is_told(net):
    del net.native.head
    with pytest.raises(NativeStructureError, match=r"has no module 'head' any more"):
        net.weights()


def test_convolution_reads_a_channels_last_view_without_a_copy():
    m = images()
    x = torch.randn(2, 8, 8, 1)
    seen = {}
    m = Sequential([layers.Conv2D(4, 3)]).build((8, 8, 3), backend="torch")
    m.native.conv2d.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    x = torch.randn(2, 8, 8, 3)
    y = m(x)
    assert seen["x"].data_ptr() == x.data_ptr()
    assert seen["x"].is_contiguous(memory_format=torch.channels_last)
    assert y.is_contiguous()  # channels-last out again, no copy


def test_building_leaves_torchs_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    images()
    torch.testing.assert_close(torch.rand(2), expected)


def test_meta_device_builds_without_memory():
    m = Net().build((6,), backend="torch", precision="float64")
    assert m.native.to("meta").head.weight.is_meta


def test_the_signature_is_that_of_the_users_forward(net):
    import inspect

    assert list(inspect.signature(net.native.forward).parameters) == ["x", "shift"]
    torch.testing.assert_close(net.native(X, shift=1.0), net.native(X) + 1)


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.1), AdamW(0.1)])
def test_a_fused_step_of_a_gradient_in_another_memory_layout(optimizer):
    """torch's fused kernels walk weight and gradient side by side in memory, whatever their strides are."""

    class Transposed(unidl.Layer):
        def setup(self, shape):
            self.add_weight("kernel", (2, shape[-1], 3))

        def forward(self, x):
            return ops.einsum("bi,hio->bho", x, self.kernel)  # its gradient comes as (i, h, o), permuted

    x, y = np.random.default_rng(0).normal(size=(5, 4)), np.ones((5, 2, 3))
    found = []
    for backend in ("torch", "tensorflow"):
        m = unidl.Sequential([Transposed()]).build((4,), backend=backend, precision="float64")
        unidl.Trainer(m, loss="mse", optimizer=optimizer).step((x, y))
        found.append(m.weights()["transposed/kernel"])
    np.testing.assert_allclose(*found, rtol=1e-12)
