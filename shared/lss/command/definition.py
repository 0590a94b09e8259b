"""What a tool says of its command line, and what the user said on it."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Option:
    """An option that one tool adds; its value reaches the stage's `run` as a keyword argument of that name.

    must_exist : it names a file or directory that is read; writes : what it names is written, of this kind
    (lss.files.ownership): what is there and is not of that kind stays
    """

    name: str
    type: Any
    help: str
    default: Any = None
    must_exist: bool = False
    writes: str = ""

    @property
    def keyword(self) -> str:
        return self.name.lstrip("-").replace("-", "_")


class Described(Protocol):
    """An entry of a registry: a model, a method, a statistic."""

    @property
    def words(self) -> str:
        """What it is, in less than a line."""


@dataclass(frozen=True)
class Command:
    """What a tool says of itself.

    run : "module:function", what does the work; the module has the tool's Config, plan and whatever else lss.stages
        lists. It is imported only when there is work to do
    reads : "universe" (one, required), "optional" (one, if named), "paths" (files and directories, read by the tool)
    writes : "universe" (to -o or standard output), "report" (the universe to -o, or on through the pipe it came by),
        "file" (to -o)
    resumable : long work that keeps its state in OUTPUT.state/
    choices : the registries behind its keys, as {"recon.method": METHODS}: `--help` lists them
    """

    name: str
    run: str
    help: str
    examples: Sequence[str]
    options: Sequence[Option] = ()
    reads: str = "universe"
    writes: str = "universe"
    resumable: bool = False
    choices: Mapping[str, Mapping[str, Described]] = field(default_factory=dict)

    @property
    def program(self) -> str:
        return f"lss-{self.name}"

    def module(self) -> Any:
        """The module that does the work, imported."""
        return importlib.import_module(self.run.split(":")[0])

    def function(self) -> Callable[..., Any]:
        """What does the work, in its module."""
        found: Callable[..., Any] = getattr(self.module(), self.run.split(":")[1])
        return found


@dataclass(frozen=True)
class Arguments:
    """The command line, parsed."""

    inputs: list[Path]
    output: str | None = None
    assignments: list[str] = field(default_factory=list)
    index: int | None = None
    count: int | None = None
    through: str = ""
    threads: int | None = None
    drop: list[str] = field(default_factory=list)
    resume: bool = False
    force: bool = False
    dry_run: bool = False
    print_config: bool = False
    schema: bool = False
    quiet: bool = False
    verbose: bool = False
    log_json: bool = False
    debug: bool = False
    own: dict[str, Any] = field(default_factory=dict)

    @property
    def stages(self) -> list[str]:
        """The further stages that the result goes through."""
        return [name.strip() for name in self.through.split(",") if name.strip()]
