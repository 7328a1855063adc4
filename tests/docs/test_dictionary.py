"""docs/dictionary.md stands as the table of habits makes it."""

import importlib.util
from pathlib import Path

import unidl

DOCS = Path(unidl.__file__).parent.parent / "docs"


def test_the_dictionary_is_up_to_date():
    spec = importlib.util.spec_from_file_location("dictionary", DOCS / "dictionary.py")
    dictionary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dictionary)
    assert dictionary.PAGE.read_text(encoding="utf8") == dictionary.page(), "run: python docs/dictionary.py"
