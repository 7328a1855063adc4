"""Every example that the help shows is run, as it stands.

Those that take minutes are read only, and run with UNIDL_EVERY_EXAMPLE=1 (`nox -s robustness`).
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import unidl
from unidl.cli import main
from unidl.cli.command import SUBCOMMANDS
from unidl.cli.exit_code import DONE
from unidl.cli.parser import WITHOUT, Grammar

TRAIN = """
import argparse, numpy, unidl
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=1)
x = numpy.ones((8, 3), "float32")
y = x[:, :1]
model = unidl.Sequential([unidl.layers.Dense(1)]).build((3,))
trainer = unidl.Trainer(model, loss="mse")
if __name__ == "__main__":
    history = trainer.fit(x, y, epochs=parser.parse_args().epochs, progress=False)
    print(model.backend, len(history.epochs))
"""

MY_LAYERS = """
import unidl
from unidl import ops

@unidl.register
class Scale(unidl.Layer):
    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x):
        return ops.relu(x) * self.gain
"""

EVERY = bool(os.environ.get("UNIDL_EVERY_EXAMPLE"))
EXAMPLES = [*(example for subcommand in SUBCOMMANDS for example in subcommand.examples), WITHOUT]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the examples speak of: a script, a saved model, a module with a layer of one's own and a model with it."""
    place = tmp_path_factory.mktemp("examples")
    (place / "train.py").write_text(TRAIN)
    (place / "my_layers.py").write_text(MY_LAYERS)
    unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend="torch").save(place / "model.unidl")
    code = "import unidl, my_layers; m = unidl.Sequential([my_layers.Scale()]); m.build((3,), backend='torch').save('mine.unidl')"
    subprocess.run([sys.executable, "-c", code], cwd=place, check=True)
    return place


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.line)
def test_an_example_runs(example, folder, nobody_chose, capfd):
    line = example.line
    words = shlex.split(line.partition(" > ")[0])  # where the output goes is the shell's business
    if example.long and not EVERY:
        subcommand, _, _ = Grammar(SUBCOMMANDS).read(words[1:])
        assert subcommand.name == words[1]
        return
    nobody_chose.chdir(folder)
    if "last_week.json" in words:
        shutil.copy("today.json", "last_week.json")  # an example before this one has written it
    if words[0] == "unidl":  # in this process, where the frameworks are imported already
        nobody_chose.setattr(sys, "argv", ["unidl"])
        nobody_chose.setattr(sys, "path", ["", *sys.path])
        for variable in ("UNIDL_BACKEND", "UNIDL_DEVICE"):  # `unidl run` sets them: taken back after the test
            nobody_chose.setenv(variable, "")
        assert main(words[1:]) == DONE
    else:  # as a shell reads it
        shims = {"unidl": f"{sys.executable} -m unidl", "python": sys.executable}
        shell = "".join(f'{name}() {{ {to} "$@"; }}\n' for name, to in shims.items()) + line
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UNIDL_")}
        subprocess.run(["bash", "-c", shell], env=environment, check=True)
    told = capfd.readouterr().out
    if words[1] == "run" or words[0] != "unidl":  # the script says what it was given
        backend = words[words.index("--backend") + 1] if "--backend" in words else words[0].partition("=")[2]
        epochs = words[words.index("--epochs") + 1] if "--epochs" in words else "1"
        assert told.splitlines()[-1] == f"{backend} {epochs}"


def test_the_help_shows_them(capsys):
    for subcommand in SUBCOMMANDS:
        with pytest.raises(SystemExit) as stopped:
            main([subcommand.name, "--help"])
        assert stopped.value.code == DONE
        told = capsys.readouterr().out
        for example in subcommand.examples:
            assert example.line in told
            assert example.says in told
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for subcommand in SUBCOMMANDS:
        assert subcommand.examples[0].line in told
        assert subcommand.name in told


def test_each_subcommand_has_a_file_and_a_line():
    folder = Path(unidl.__file__).parent / "cli"
    for subcommand in SUBCOMMANDS:
        assert f"{subcommand.name.upper()} = Subcommand(" in (folder / f"{subcommand.name}.py").read_text()
