"""Gradient norms of each layer."""

from __future__ import annotations

from unidl.callbacks.callback import Callback


class GradientNorms(Callback):
    """Log the Euclidean norm of each layer's gradients, before any clipping.

    Each step logs "gradient_norm/<path of the layer>", each epoch their mean over its examples: they are in the history, and in what
    CSVLogger and TensorBoard write. Of a Trainer with several optimizers it is
    "gradient_norm/<optimizer>/<path>".

    Example:
        >>> import numpy, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1, name="out")]), loss="mse")
        >>> h = t.fit(x, x[:, :1], callbacks=[unidl.callbacks.GradientNorms()], progress=False)
        >>> [name for name in h.names() if name.startswith("gradient")]
        ['gradient_norm/out']
    """

    logs_gradient_norms = True
