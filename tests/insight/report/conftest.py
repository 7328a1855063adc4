"""A real browser for the tests that look at the page as a person does.

They need playwright, which drives it, and Chromium: `nox -s browser` installs the first and fails where the second is missing (on Debian:
`apt-get install chromium`). Elsewhere, where one is missing, they are skipped and say so.
"""

import importlib.util
import os
import shutil

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def missing():
    """Why no browser can be had; "" where one can."""
    if importlib.util.find_spec("playwright") is None:
        return "needs playwright: pip install '.[browser]'"
    if chromium() is None:
        return f"needs Chromium (on Debian: apt-get install chromium), found none of {', '.join(CHROMIUMS)}, and UNIDL_CHROMIUM names none"
    return ""


def chromium():
    """The path of a Chromium."""
    return os.environ.get("UNIDL_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)


def pytest_runtest_setup(item):
    if item.get_closest_marker("browser") and (why := missing()):
        if os.environ.get("UNIDL_BROWSER") == "required":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Debian's Chromium runs as root in CI, where its sandbox cannot; it opens our own files only
        opened = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a page from disk, and at the end looks that it said nothing on the console and asked for nothing but its own file."""
    from unidl.insight import report

    told, asked, contexts = [], [], []

    def run(subject, **options):
        path = report.write(tmp_path / f"{len(contexts)}.html", subject)
        context = browser.new_context(
            **{"viewport": {"width": 1300, "height": 900}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html.ready")
        return page

    yield run
    for context in contexts:
        context.close()
    assert told == []
    assert [url for url in asked if not (url.startswith("file://") and url.endswith(".html"))] == []


@pytest.fixture
def sample_comparison():
    from tests.insight.report import sample

    return sample.comparison()
