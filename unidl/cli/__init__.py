"""The command `unidl`."""

from unidl.cli.command import main as main
