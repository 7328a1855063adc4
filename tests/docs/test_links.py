"""A link from a page to a file of the repository leads somewhere."""

import re
from pathlib import Path

import pytest

import unidl

ROOT = Path(unidl.__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "examples" / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def dead(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    targets = [target for target in LINK.findall(page.read_text()) if ":" not in target]
    return [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead(page) == []


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("[there](page.md#part), [not there](other.md), [elsewhere](mailto:somebody)")
    assert dead(page) == ["other.md"]
