"""Moving models: from one backend to another."""

from unidl.interchange.conversion import convert as convert
