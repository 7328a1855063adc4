"""unidl.inspect: what a backend made of a model or of a training step, with each layer's costs."""
