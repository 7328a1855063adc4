"""What people do with an nn.Module holds where a forward reads another module's weight."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import unidl
from tests.models.tied import TIED, built
from unidl.errors import NativeStructureError

every_case = pytest.mark.parametrize("tied", TIED.values(), ids=TIED)


def tensor(array):
    return torch.from_numpy(array if array.dtype.kind == "i" else array.astype("float32"))


def close(y, tied, weights):
    np.testing.assert_allclose(y.detach().numpy(), tied.reference(weights, tied.x), rtol=1e-4, atol=1e-4)


@every_case
def test_functional_call_and_deepcopy(tied):
    model = built(tied, "torch", "float32")
    native, twice = model.native, {path: w * 2 for path, w in model.weights().items()}
    doubled = {name: value * 2 for name, value in native.named_parameters()}
    # torch swaps a module's parameters twice where the module is held under two names, and leaves them so: tie_weights=False
    close(torch.func.functional_call(native, doubled, (tensor(tied.x),), tie_weights=False), tied, twice)
    other = copy.deepcopy(native)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(2)
    close(other(tensor(tied.x)), tied, twice)
    close(native(tensor(tied.x)), tied, model.weights())


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own code generator uses it
@pytest.mark.parametrize("name", ["language model", "autoencoder"])
def test_compile_takes_it_whole_and_export_with_a_free_batch(name):
    tied = TIED[name]
    model = built(tied, "torch", "float32")
    close(torch.compile(model.native, fullgraph=True)(tensor(tied.x)), tied, model.weights())
    program = torch.export.export(
        model.native.eval(), (tensor(tied.x),), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)
    )
    close(program.module()(tensor(tied.x)), tied, model.weights())


def test_a_parametrized_weight_is_read_and_trained_once():
    tied = TIED["language model"]
    model = built(tied, "torch", "float32")
    parametrizations.weight_norm(model.native.embedding, "weight")
    trainer = unidl.Trainer(model, loss="mse", optimizer=unidl.optimizers.SGD(0.1))
    loss = trainer.fit(tied.x, np.ones((4, 3, 11), "float32"), epochs=3, progress=False)["loss"]
    assert loss[2] < loss[1] < loss[0]
    close(torch.from_numpy(model.predict(tied.x)), tied, model.weights())


def test_a_module_in_anothers_place_is_read():
    tied = TIED["nested"]
    model = built(tied, "torch", "float32")
    stages = model.native.stages[0]
    stages["out"][1], stages["in"].deep = nn.Linear(6, 6), nn.Linear(6, 6)
    model.native.body.layer_normalization = nn.LayerNorm(6)
    close(model.native(tensor(tied.x)), tied, model.weights())
    model.native.body.layer_normalization = nn.Sequential(nn.LayerNorm(6))
    with pytest.raises(NativeStructureError, match="has no tensor 'weight' any more"):
        model.native(tensor(tied.x))
