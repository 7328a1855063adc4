"""Description: layers as classes with captured arguments, and what tracing makes of them."""
