"""Endings of other formats' files, and what writes those."""

from __future__ import annotations

_WEIGHTS = "model.weights() gives all weights as {path: array}"

# ending -> what to do instead of model.save
ENDINGS: dict[str, str] = {
    ".keras": 'unidl.export(model, "keras", "m.keras") writes a file that Keras loads.',
    ".h5": 'unidl.export(model, "keras", "m.keras") writes a file that Keras loads; on the Keras backend model.native.save_weights("m.weights.h5") writes the weights alone.',
    ".hdf5": 'unidl.export(model, "keras", "m.keras") writes a file that Keras loads.',
    ".pt2": 'unidl.export(model, "pt2", "m.pt2") writes a program for torch.export.load.',
    ".pt": 'unidl.export(model, "pt2", "m.pt2") writes a program for torch.export.load; on the torch backend torch.save(model.native.state_dict(), "m.pt") writes the weights alone.',
    ".pth": 'unidl.export(model, "pt2", "m.pt2") writes a program for torch.export.load; on the torch backend torch.save(model.native.state_dict(), "m.pth") writes the weights alone.',
    ".onnx": 'unidl.export(model, "onnx", "m.onnx") writes a file that onnxruntime runs.',
    ".tflite": 'unidl.export(model, "litert", "m.tflite") writes a file that LiteRT runs.',
    ".pb": 'unidl.export(model, "savedmodel", "folder") writes a folder that tf.saved_model.load reads.',
    ".safetensors": f'{_WEIGHTS}, for safetensors.numpy.save_file; unidl.eject(model, "torch", "folder") writes source code and weights under the framework\'s own names.',
    ".npz": f"{_WEIGHTS}: numpy.savez(path, **model.weights()).",
    ".npy": f"{_WEIGHTS}: numpy.savez(path, **model.weights()).",
    ".pkl": "pickle.dump(model, file) pickles a model with its weights.",
    ".pickle": "pickle.dump(model, file) pickles a model with its weights.",
    ".joblib": "joblib.dump(model, path) pickles a model with its weights.",
}

_WEIGHTS_OF = (
    "unidl.load_weights(model, path) takes the weights of other frameworks' files into a model that you describe."
)

# ending of a file of weights that `unidl.load_weights` reads -> what to do instead of unidl.load
FOREIGN_FILES: dict[str, str] = dict.fromkeys(
    (".keras", ".h5", ".pt", ".pth", ".bin", ".safetensors", ".index"), _WEIGHTS_OF
)
