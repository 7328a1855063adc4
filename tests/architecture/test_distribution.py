"""The distribution's name: said once, advised everywhere; and what a user sees where another project's files lie over these."""

import re
import textwrap
import tomllib
from pathlib import Path

import pytest

import unidl
from unidl import distribution
from unidl.cli import main

ROOT = Path(unidl.__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# what names the other project: an argument of pip that is `unidl`, with extras or a version or without, or unidl[…] anywhere
ADVISED = re.compile(
    r"pip3? install[^\n`|&;]*[\s'\"]unidl(?![\w.-]*-)(?=[\[\s'\"=<>~!.,;:`)]|$)|(?<![\w.-])unidl\[[a-z,]+\]"
)


def advised(text: str) -> list[str]:
    """Where a text advises the other project's distribution."""
    return [found[0] for found in ADVISED.finditer(text)]


def test_the_name_is_one():
    assert PROJECT["name"] == distribution.NAME
    extras = [need for needs in PROJECT["optional-dependencies"].values() for need in needs]
    ours = [need for need in extras if need.startswith("unidl")]
    assert ours
    assert all(need.startswith(f"{distribution.NAME}[") for need in ours)
    named = {extra for need in ours for extra in re.findall(r"[a-z]+", need.partition("[")[2])}
    assert named <= set(PROJECT["optional-dependencies"])


def test_nothing_advises_the_other_project():
    files = [ROOT / name for name in ("README.md", "CHANGELOG.md", "pyproject.toml", "noxfile.py")]
    for folder in ("unidl", "docs", "examples", "tests", "tools"):
        files += [
            path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md", ".ipynb", ".html", ".toml")
        ]
    files = [path for path in files if "node_modules" not in path.parts and path != Path(__file__)]
    found = {str(path.relative_to(ROOT)): hits for path in files if (hits := advised(path.read_text("utf8")))}
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install unidl",
        "pip install 'unidl[torch]'",
        "python -m pip install -U unidl==1.0",
        "`pip install unidl`",
        "all = ['unidl[torch]']",
        "pip install numpy unidl.",
    ],
)
def test_advice_is_seen(text):
    assert advised(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install '.[torch]'",
        "pip install unidl-nn",
        "pip install 'unidl-nn[torch]'",
        "unidl backends",
        "pip uninstall unidl",
    ],
)
def test_what_is_right_is_left_alone(text):
    assert not advised(text)


def test_every_extra_that_is_advised_exists():
    words = re.compile(r"""pip install(?: --\S+)* '\.\[([a-z,]+)\]'|distribution\.install\(((?:["'][a-z]+["'],? ?)+)""")
    found = set()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "unidl").rglob("*.py")]:
        for match in words.finditer(path.read_text("utf8")):
            found |= set(re.findall(r"[a-z]+", match[1] or match[2]))
    assert found
    assert found <= set(PROJECT["optional-dependencies"])


def test_until_it_is_published_one_installs_from_the_checkout(monkeypatch):
    assert distribution.install("torch").startswith("pip install '.[torch]' ")
    assert distribution.install("keras", "torch", options="--no-deps").startswith(
        "pip install --no-deps '.[keras,torch]' "
    )
    monkeypatch.setattr(distribution, "PUBLISHED", True)
    assert distribution.install("torch") == "pip install 'unidl-nn[torch]'"
    assert distribution.install() == "pip install 'unidl-nn'"


def installed(site: Path, files: dict[str, str]) -> None:
    """The other project's distribution, as pip leaves it: its files, and a RECORD of them."""
    for name, text in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    info = site / "unidl-2.5.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unidl\nVersion: 2.5.2\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))


ALONE = """
import sys, pathlib
sys.path[:] = [path for path in sys.path if path == {site!r} or not pathlib.Path(path or ".", "unidl").exists()]
"""


@pytest.fixture
def fresh(fresh):
    """Code in a fresh interpreter that finds unidl in the given folder alone."""
    return lambda code, path: fresh(ALONE.format(site=str(path)) + textwrap.dedent(code), path=path)


@pytest.fixture
def site(tmp_path):
    """A folder of installed packages with this project's files, beside nothing else."""
    here = Path(unidl.__file__).parent
    for path in here.rglob("*.py"):
        copy = tmp_path / "unidl" / path.relative_to(here)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text("utf8"), "utf8")
    return tmp_path


def test_nothing_is_said_where_nothing_is_wrong(fresh, site):
    assert fresh("from unidl import distribution; print(distribution.problem())", path=site).stdout == "None\n"


def test_the_other_project_s_files_over_ours(fresh, site):
    """pip install unidl, after this one: its `__init__.py` is the package's, and of ours the subpackages are left."""
    installed(site, {"unidl/__init__.py": "__version__ = '2.5.2'\n"})
    code = """
        import unidl
        assert unidl.__version__ == "2.5.2"
        try:
            from unidl import layers
        except ImportError as error:
            print(error)
    """
    told = fresh(code, path=site).stdout
    assert told.startswith(
        "Another project is installed as 'unidl', and its package has the same name as this one: the package 'unidl'"
    )
    assert (
        "Fix: pip uninstall unidl, then install this project again, whose distribution is 'unidl-nn':  pip install"
        in told
    )


def test_ours_over_the_other_project_s(fresh, site):
    """The other one first: it works until it is uninstalled, which takes our `__init__.py` along; `unidl backends` warns."""
    ours = (site / "unidl/__init__.py").read_text()
    installed(site, {"unidl/__init__.py": ours, "unidl/downloads.py": ""})
    ran = fresh("import sys; from unidl.cli import main; print(main(['backends']))", path=site)
    assert "2 files in" in ran.stderr
    assert "__init__.py among them" in ran.stderr
    assert "Fix: pip uninstall unidl" in ran.stderr
    assert ran.stdout.splitlines()[-1] != "0"


def test_uninstalled_from_under_us(fresh, site):
    (site / "unidl/__init__.py").unlink()
    code = """
        try:
            from unidl import ops
        except ImportError as error:
            print(error)
    """
    assert "then install this project again" in fresh(code, path=site).stdout


def test_a_file_of_another_project_says_so_when_it_fails(fresh, site):
    installed(site, {"unidl/capture.py": "x = 1\n", "unidl/other.py": ""})
    code = """
        import unidl
        try:
            unidl.Sequential
        except ImportError as error:
            print(error.__notes__[0])
    """
    assert "Fix: pip uninstall unidl" in fresh(code, path=site).stdout


def test_an_editable_install_of_the_old_name_is_not_the_other_project(fresh, site):
    installed(site, {"_editable_impl_unidl.pth": ""})
    assert fresh("from unidl import distribution; print(distribution.problem())", path=site).stdout == "None\n"


def test_backends_says_nothing_of_it_here(capsys, nobody_chose):
    main(["backends"])
    assert "Another project" not in capsys.readouterr().err
