"""What shells and `man` know of the commands, written from what the commands declare.

`python -m lss.command.completion [PREFIX]` installs, below PREFIX/share (the environment it runs in), completions for
bash, zsh and fish and a manual page for every command.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from lss import __version__, stages
from lss.command.console import COMMON, ENVIRONMENT, METAVARS
from lss.command.definition import Command
from lss.config import table_of, tables

EXIT_CODES = {
    0: "done",
    1: "the data cannot be used, or a file cannot be written",
    2: "the command line or the configuration cannot be used",
    75: "stopped on request; --resume goes on",
    141: "the reader of the pipe went away",
}


@dataclass(frozen=True)
class Flag:
    """An option as a shell sees it; takes : what its value is called, "" if it has none; file : it names a path."""

    names: tuple[str, ...]
    text: str
    takes: str
    file: bool


def flags(command: Command) -> Iterator[Flag]:
    """Every option of a command."""
    for name, kind, _, names, text in COMMON:
        yield Flag(names, text, "" if kind is bool else METAVARS[name], name == "output")
    for option in command.options:
        yield Flag((option.name,), option.help, "" if option.type is bool else "PATH", option.type is not bool)
    yield Flag(("--version",), "Print the version, those of the formats and of the libraries.", "", False)
    yield Flag(("--help",), "Show the help.", "", False)


@lru_cache
def settable() -> tuple[str, ...]:
    """What --set may set, as table.key, down to the tables in tables."""

    def below(path: str, model: type[BaseModel]) -> Iterator[str]:
        for key, field in model.model_fields.items():
            inner = table_of(field)
            if inner is None:
                yield f"{path}.{key}"
            else:
                yield from below(f"{path}.{key}", inner)

    return tuple(key for table in tables() for key in below(table, stages.model_of(table)))


def bash(command: Command) -> str:
    """A completion for bash."""
    every = list(flags(command))
    words = " ".join(name for flag in every for name in flag.names)
    valued = "|".join(name for flag in every if flag.takes and not flag.file for name in flag.names)
    keys = " ".join(settable())
    function = f"_{command.program.replace('-', '_')}"
    return f"""\
{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    COMPREPLY=()
    case $before in
        --set) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -S = -W "{keys}" -- "$word")); return ;;
        {valued}) return ;;
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "{words}" -- "$word"))
    else
        compopt -o filenames 2>/dev/null
        local IFS=$'\\n'
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}}
complete -F {function} {command.program}
"""


def zsh(command: Command) -> str:
    """A completion for zsh."""
    lines = []
    for flag in flags(command):
        text = flag.text.replace("'", "").replace("[", "(").replace("]", ")").replace(":", ",")
        value = f":{flag.takes.replace(':', '')}:{'_files' if flag.file else ''}" if flag.takes else ""
        lines += [f"    '*{name}[{text}]{value}' \\" for name in flag.names]
    return f"#compdef {command.program}\n_arguments \\\n" + "\n".join(lines) + "\n    '*:input:_files'\n"


def fish(command: Command) -> str:
    """A completion for fish."""
    lines = []
    for flag in flags(command):
        names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in flag.names)
        needs = (" -r" if flag.file else " -x") if flag.takes else ""
        text = flag.text.replace("\\", "").replace("'", "")
        lines.append(f"complete -c {command.program} {names}{needs} -d '{text}'")
    return "\n".join(lines) + "\n"


def manual(command: Command) -> str:
    """A page for man(1)."""
    options = []
    for flag in flags(command):
        names = ", ".join(rf"\fB{_roff(name)}\fR" for name in flag.names)
        value = rf" \fI{_roff(flag.takes)}\fR" if flag.takes else ""
        options.append(f".TP\n{names}{value}\n{_roff(flag.text)}")
    choices = []
    for key, registry in command.choices.items():
        table, name = key.split(".")
        choices.append(f".SS [{table}] {name}")
        choices += [f".TP\n\\fB{_roff(entry)}\\fR\n{_roff(registry[entry].words)}" for entry in registry]
    parts = [
        f'.TH {command.program.upper()} 1 "" "lss {__version__}" "lss"',
        f".SH NAME\n{command.program} \\- {_roff(command.help.rstrip('.').split(':')[0])}",
        f".SH SYNOPSIS\n.B {command.program}\n[\\fIOPTION\\fR]... [\\fICONFIG.toml\\fR] [\\fIINPUT\\fR]...",
        f".SH DESCRIPTION\n{_roff(command.help)}\n.PP\nIts table of the configuration is [{command.name}];",
        f"{_roff('--print-config')} prints every key with its meaning.",
        *choices,
        ".SH OPTIONS\n" + "\n".join(options),
        ".SH EXAMPLES\n.nf\n" + "\n".join(_roff(example) for example in command.examples) + "\n.fi",
        ".SH ENVIRONMENT\n" + "\n".join(f".TP\n{name}\n{_roff(text)}" for name, text in ENVIRONMENT.items()),
        ".SH EXIT STATUS\n" + "\n".join(f".TP\n{code}\n{_roff(text)}" for code, text in EXIT_CODES.items()),
    ]
    return "\n".join(parts) + "\n"


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)


def commands() -> list[Command]:
    """The commands of this package and of others that have made theirs with `lss.command.console.command`."""
    found: list[Any] = []
    for entry in entry_points(group="console_scripts"):
        if entry.name.startswith("lss-"):
            found.append(getattr(entry.load(), "description", None))
    return [one for one in found if one is not None]


def install(prefix: Path) -> list[Path]:
    """Write everything below PREFIX/share, and return what was written."""
    written = []
    for command in commands():
        name = command.program
        for path, text in (
            (f"man/man1/{name}.1", manual(command)),
            (f"bash-completion/completions/{name}", bash(command)),
            (f"zsh/site-functions/_{name}", zsh(command)),
            (f"fish/vendor_completions.d/{name}.fish", fish(command)),
        ):
            target = prefix / "share" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            written.append(target)
    return written


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else sys.prefix)
    print(f"{len(install(where))} completions and manual pages below {where / 'share'}")
