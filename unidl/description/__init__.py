"""Description: layers as classes with captured arguments, and what tracing makes of them."""

from unidl.description import trace as trace  # a layer alone is enough to be traced
