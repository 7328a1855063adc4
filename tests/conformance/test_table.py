"""docs/support.md says what the cases say, and every layer has cases."""

from tests.conformance import table
from unidl import layers


def test_the_table_is_up_to_date():
    assert table.TARGET.read_text() == table.text(), "run: python -m tests.conformance.table"


def test_every_layer_has_cases():
    public = {name for name, value in vars(layers).items() if isinstance(value, type) and name != "Layer"}
    assert {name for name in public if not table.of(name)} == set()
