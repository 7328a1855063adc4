"""The command line: reads the arguments and hands over to one function for each subcommand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import unidl
from unidl.cli import compare
from unidl.cli.backends import show_backends
from unidl.cli.exit_code import MEANINGS
from unidl.cli.export import export_file
from unidl.cli.inspect import EXAMPLES as INSPECT_EXAMPLES
from unidl.cli.inspect import add_arguments as add_inspect_arguments
from unidl.cli.inspect import inspect_target
from unidl.cli.run import run_script
from unidl.cli.source import write_source

EXAMPLES = """\
examples:
  unidl backends                               what is installed, and what is in force
  unidl run train.py --backend keras           the script on Keras; the code does not change
  unidl run train.py --backend torch --device gpu:1 -- --epochs 3
                                               what stands after -- reaches the script
  UNIDL_BACKEND=tensorflow python train.py     the same choice without this command
  unidl compare train.py                       the script on every backend, measured side by side
  unidl export model.unidl onnx model.onnx     a saved model as a file that runs without unidl
  unidl source model.unidl --backend torch     a saved model as PyTorch code
  unidl inspect model.unidl --backend keras    what a framework makes of it: graphs, costs, what changes mean
"""

RUN_EXAMPLES = """\
examples:
  unidl run train.py --backend keras
  unidl run train.py --backend torch --device cpu -- --epochs 3

The choice reaches the script as UNIDL_BACKEND and UNIDL_DEVICE do: what the script itself chooses goes before it.
"""

EXPORT_EXAMPLES = """\
examples:
  unidl export model.unidl savedmodel served/    a folder that TensorFlow Serving serves
  unidl export model.unidl onnx model.onnx
  unidl export model.unidl pt2 model.pt2         torch.export
  unidl export model.unidl litert model.tflite --batch-size 1
  unidl export model.unidl keras model.keras --custom layers --import my_layers

Formats: keras, litert, onnx, pt2, savedmodel. docs/export.md says how each runs, and what does not go.
"""


SOURCE_EXAMPLES = """\
examples:
  unidl source model.unidl --backend torch             print the code
  unidl source model.unidl --backend keras --to mine   model.py, with load(), and the weights, in the folder mine
  unidl source train.py:trainer --backend tensorflow --to mine
                                                       of what a script makes; with a Trainer train.py too

The script is run as a module, so what it does under `if __name__ == "__main__":` stays undone. A model with classes of your own is
taken from the script that has them.
"""


def _parser() -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code}  {meaning}" for code, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog="unidl",
        description="One description of a model; three native programs: TensorFlow, Keras, PyTorch.",
        epilog=f"{EXAMPLES}\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"unidl {unidl.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "backends",
        help="what is installed, on which devices it runs, and which backend is in force",
        description="Print a table of the backends: version, devices, Keras' engine, and why one cannot be used.",
    )
    run = commands.add_parser(
        "run",
        help="run a script on a backend",
        description="Run a Python script as `python SCRIPT` would, on the backend and device given here.",
        epilog=RUN_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="unidl run SCRIPT [--backend NAME] [--device DEVICE] [-- ARGUMENTS]",
    )
    run.add_argument("script", metavar="SCRIPT", help="path of the script")
    run.add_argument("--backend", metavar="NAME", help="torch, keras, tensorflow, or a third party's")
    run.add_argument("--device", metavar="DEVICE", help="cpu, gpu, gpu:1 or auto")
    comparing = commands.add_parser(
        "compare",
        help="a script on every backend, measured side by side",
        description="Run a script on several backends, each in processes of its own, and measure them in turn: time, memory, results.",
        epilog=compare.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage=compare.USAGE,
    )
    compare.add_arguments(comparing)
    export = commands.add_parser(
        "export",
        help="a saved model as a file of a framework, which runs without unidl",
        description="Write a model that model.save wrote in a framework's own format, as it infers.",
        epilog=EXPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("model", metavar="MODEL_FILE", help="the file that model.save wrote")
    export.add_argument("format", metavar="FORMAT", help="keras, litert, onnx, pt2 or savedmodel")
    export.add_argument("path", metavar="PATH", help="the file, with the format's ending; a new folder for savedmodel")
    export.add_argument(
        "--custom", metavar="HOW", help="for keras: how layers that Keras has not leave, constants or layers"
    )
    export.add_argument("--batch-size", metavar="N", type=int, help="for litert: the fixed length of the batch axis")
    export.add_argument(
        "--import", metavar="MODULE", dest="modules", action="append", default=[],
        help="import this first, for the classes that it registers; may be given again",
    )  # fmt: skip
    source = commands.add_parser(
        "source",
        help="a model as source code of a framework, which runs without unidl",
        description="Write a model, or a Trainer's loop with it, as readable code of PyTorch, Keras or TensorFlow.",
        epilog=SOURCE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source.add_argument("model", metavar="MODEL", help="a saved model, or script.py:name")
    source.add_argument("--backend", metavar="NAME", required=True, help="whose code: torch, keras or tensorflow")
    source.add_argument(
        "--to", metavar="FOLDER", help="a new folder for the code and the weights; without it the code is printed"
    )
    inspect = commands.add_parser(
        "inspect",
        help="what a framework makes of a model or a training step: graphs, costs, events",
        description="Look at a saved model, or at a model or Trainer that a script makes, on the backend in force or another one.",
        epilog=INSPECT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_inspect_arguments(inspect)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after `unidl`; None for those of this process.

    Returns:
        The exit code (see `unidl.cli.exit_code`).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    split = words.index("--") if "--" in words else len(words)
    parser = _parser()
    parsed = parser.parse_args(words[:split])
    if parsed.command == "run":
        return run_script(parsed.script, parsed.backend, parsed.device, words[split + 1 :])
    if parsed.command == "compare":
        return compare.run(parsed, words[split + 1 :])
    if split < len(words):
        parser.error("only `unidl run` and `unidl compare` take arguments after --")
    if parsed.command == "export":
        return export_file(parsed.model, parsed.format, parsed.path, parsed.custom, parsed.batch_size, parsed.modules)
    if parsed.command == "source":
        return write_source(parsed.model, parsed.backend, parsed.to)
    if parsed.command == "inspect":
        return inspect_target(parsed)
    return show_backends()
