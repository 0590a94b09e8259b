"""The manual says what the code does."""

import importlib.util
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lss import stages
from lss.command.console import program
from lss.config import Configuration, parse_assignment

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


def command_lines(page):
    """What is to be typed in the blocks of a page: the words of every lss-... in it, a pipe's one by one.

    Left out are lines that a page shows to be refused: the error follows.
    """
    text = re.sub(r"\\\n\s*", " ", page.read_text())
    for line in re.findall(r"^(?: {4,}|\t)(?:\$ )?(.*\blss-[a-z]+ .*)$(?!\n.*error: )", text, re.MULTILINE):
        for part in re.split(
            r"[|;]|&&|<\(|\)|\$\(", re.sub(r"'[^']*'", lambda quoted: quoted[0].replace("|", "_"), line)
        ):
            words = re.search(
                r"^\s*(?:[A-Z_]+=\S+ )*(?:do |srun |time )*(lss-(?:ic|sim|halo|train|recon|stats) .*)", part
            )
            if words:
                yield shlex.split(re.split(r"(?<!=) \d?>>? ?&?", words[1])[0], comments=True)


LINES = [(page, words) for page in PAGES for words in command_lines(page)]


@pytest.mark.parametrize(("page", "words"), LINES, ids=lambda value: getattr(value, "name", None) or " ".join(value))
def test_a_command_line_of_the_manual_is_one_that_the_command_takes(page, words):
    description = import_module(f"{words[0].replace('-', '_')}.cli").main.description
    arguments = ["0" if word in ("$i", "I") else word for word in words[1:] if word not in ("...", "[...]")]
    context = program(description).make_context(words[0], arguments)  # what is wrong with an option raises
    for assignment in context.params["assignments"]:
        if not assignment.endswith("..."):
            settings = parse_assignment(assignment)
            stages.check_tables(settings, settings, str(page), Configuration)


def test_the_manual_shows_many_command_lines():
    assert len(LINES) > 150


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
