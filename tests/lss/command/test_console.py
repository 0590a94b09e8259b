"""The command line of a tool that a test makes up: a module of its own, with a registry behind one of its keys."""

import json
import os
import re
import subprocess
import sys

import pytest

TOOL = """
from dataclasses import dataclass
from typing import Annotated

from lss.command.console import command
from lss.command.definition import Option
from lss.config import Configuration, OneOf, Table, quantity

@dataclass(frozen=True)
class Way:
    words: str

WAYS = {"plain": Way("as it is"), "upside-down": Way("the other way round")}

class Turning(Table):
    way: Annotated[str, OneOf(WAYS, also=("any",))] = quantity("plain", "of turning")

class Config(Configuration):
    stats: Turning = quantity(Turning(), "turning")

def plan(universe, config): ...

def turn(universe, config, *, loudly):
    if config.stats.way == "any":
        import numba
        return None, f"{numba.get_num_threads()} thread"
    return None, f"{config.stats.way}{'!' if loudly else ''}"

main = command(
    "stats", run="turning:turn", help="Turn.", examples=["lss-stats"], reads="optional", writes="report",
    options=[Option("--loudly", bool, "With an exclamation mark.", False)], choices={"stats.way": WAYS},
)
"""
AND_SIDEWAYS = 'turning.WAYS["sideways"] = turning.Way("through a right angle"); '


@pytest.fixture
def tool(tmp_path):
    """Run the tool with these arguments; `before` is done to its module first."""
    (tmp_path / "turning.py").write_text(TOOL)

    def run(*arguments, before=""):
        code = f"import turning; {before}turning.main()"
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "100", "TERM": "dumb"}
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment, timeout=60
        )

    return run


def test_a_command_runs_the_function_that_it_names_with_its_own_options(tool):
    done = tool("--loudly", "--set", "stats.way=upside-down", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "upside-down!\n", "")


def test_numba_has_the_threads_of_the_command_line(tool):
    assert tool("--set", "stats.way=any", "--threads", "1").stdout == "1 thread\n"


def test_help_lists_what_the_registry_holds_when_it_is_asked(tool):
    text = tool("--help", before=AND_SIDEWAYS).stdout
    listed = text[text.index("[stats] way:") :].splitlines()[1:4]
    assert [line.split(maxsplit=1) for line in listed] == [
        ["plain", "as it is"],
        ["upside-down", "the other way round"],
        ["sideways", "through a right angle"],
    ]


def test_a_name_that_no_registry_knows_is_refused_with_the_nearest(tool):
    done = tool("--set", "stats.way=upsidedown")
    assert done.returncode == 2
    assert "expected one of plain, upside-down, any; did you mean 'upside-down'?" in done.stderr
    assert tool("--set", "stats.way=sideways", before=AND_SIDEWAYS).stdout == "sideways\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lowdly"], "no such option: --lowdly; did you mean --loudly?"),
        (["--index"], "option '--index' requires an argument"),
        (["--set", "seed=3"], "--set seed=3: expected table.key=value; did you mean ic.seed=3 or "),
        (["a.toml", "b.toml"], "b.toml: a second configuration"),
    ],
)
def test_errors_of_usage_have_the_form_of_all_errors(tool, arguments, said):
    done = tool(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"lss-stats: error: {said}")
    assert done.stderr.count("\n") == 1


def test_the_version_tells_formats_and_libraries(tool):
    text = tool("--version").stdout
    assert re.fullmatch(
        r"lss-stats \S+\nuniverse format \d+, checkpoint format \d+\nPython \S+, numpy .*torch \S+\n", text
    )


def test_help_names_the_environment_and_verbosity_is_a_choice(tool):
    assert "SLURM_CPUS_PER_TASK  threads" in tool("--help").stdout
    assert tool("-q").stderr == ""
    assert "threads, configuration" in tool("-v").stderr


def test_the_schema_holds_the_names_of_the_registry(tool):
    schema = json.loads(tool("--schema", before=AND_SIDEWAYS).stdout)
    assert schema["$defs"]["Turning"]["properties"]["way"]["enum"] == ["plain", "upside-down", "sideways", "any"]


LIMITED = """
import resource
from lss.process import usage
held = usage._number(usage.PROC / "self/status", "VmSize:", 1024)
"""


@pytest.mark.parametrize("allocation", ["import numpy; numpy.ones(1 << 28)", "import torch; torch.ones(1 << 28)"])
def test_memory_that_a_limit_refuses_is_one_line(tool, allocation):
    library, _, call = allocation.partition("; ")
    before = f"{library}\n{LIMITED}\nresource.setrlimit(resource.RLIMIT_AS, (held + (1 << 28), held + (1 << 28)))\n"
    done = tool(before=f"\n{before}\nturning.turn = lambda *_, **options: {call}\n")
    assert done.returncode == 1
    assert done.stderr.startswith("lss-stats: error: not enough memory")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("ImportError('libx.so: failed to map segment from shared object')", "error: not enough memory: libx.so"),
        ("OSError(12, 'Cannot allocate memory')", "error: not enough memory"),
        ("PermissionError(13, 'Permission denied', 'some/file')", "error: some/file: Permission denied"),
        ("OSError(28, 'No space left on device')", "error: standard output: cannot be written: No space left"),
        ("OSError('no such library')", "error: internal error: OSError: no such library"),
    ],
)
def test_an_error_of_the_system_names_what_it_is_about(tool, raised, said):
    raising = f"\ndef turn(*_, **options):\n    raise {raised}\nturning.turn = turn\n"
    done = tool(before=raising)
    assert done.returncode == 1
    assert done.stderr.startswith(f"lss-stats: {said}")
    assert done.stderr.count("\n") == 1
