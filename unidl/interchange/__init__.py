"""Moving models: from one backend to another, and out of unidl."""

from unidl.interchange.bridge import load_weights as load_weights
from unidl.interchange.conversion import convert as convert
from unidl.interchange.ejection import eject as eject
from unidl.interchange.ejection import source as source
from unidl.interchange.exporting import export as export
