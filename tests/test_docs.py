"""The manual says what the code does."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/*.md"), *ROOT.glob("bench/*.md")]
)


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["configuration.md", "commands.md"])
def test_generated_pages_are_up_to_date(page):
    assert generator().PAGES[page]() == (ROOT / "docs" / page).read_text(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_two_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text()):
        assert command in targets


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(ROOT / "docs"), str(folder)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # a page outside the table of contents and a dead link are warnings
    return folder


@pytest.mark.parametrize("page", ["index.html", "tutorial.html", "howto/phases.html"])
def test_the_site_builds_and_needs_no_network(site, page):
    text = (site / page).read_text()
    assert "Reconstruction" in text
    assert not re.findall(r'(?:src|href)="(https?:[^"]+\.(?:js|css|woff2?))"', text)
