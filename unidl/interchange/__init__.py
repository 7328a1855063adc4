"""Moving models: from one backend to another."""

from unidl.interchange.convert import convert as convert
