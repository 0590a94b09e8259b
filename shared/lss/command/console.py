"""What all commands accept, and how a stage becomes a program.

`command("sim", run="lss_sim.stage:run", ...)` gives the `main` of lss-sim: it reads input and configuration, runs the
stage, and writes the output with its provenance. A tool adds only the options that are its own. Nothing heavy is
imported here, so that `--help` answers at once; the work is done by `lss.command.session`.
"""

import errno
import inspect
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from lss import __version__
from lss.command.definition import Arguments, Command
from lss.errors import LssError
from lss.files.pipes import silence, unread_bytes
from lss.process.ranks import rank
from lss.process.terminal import visible

# name, type, default, option strings, help
COMMON: list[tuple[str, Any, Any, tuple[str, ...], str]] = [
    (
        "output",
        str | None,
        None,
        ("-o", "--output"),
        "Write here; DIR/ names the file by its index. Default: the pipe.",
    ),
    ("assignments", list[str], [], ("--set",), "Override one key, as table.key=value (repeatable)."),
    ("index", int | None, None, ("--index",), "Member of an ensemble. Default: SLURM_ARRAY_TASK_ID."),
    ("count", int | None, None, ("--count",), "So many members, from --index (or 0) on, in one process: with -o DIR/."),
    ("through", str, "", ("--through",), "Send the result through these stages too, in one process: sim,halo."),
    ("threads", int | None, None, ("--threads",), "Threads. Default: SLURM_CPUS_PER_TASK, else all cores."),
    ("drop", list[str], [], ("--drop",), "Leave this group out of the output (repeatable)."),
    ("resume", bool, False, ("--resume",), "Keep an output that is finished; go on from OUTPUT.state/ if it is there."),
    ("force", bool, False, ("--force",), "Replace an output of ours that other work has made."),
    ("dry_run", bool, False, ("--dry-run",), "Say what would be read, run and written, at what cost."),
    ("print_config", bool, False, ("--print-config",), "Print the complete configuration with comments."),
    ("schema", bool, False, ("--schema",), "Print the JSON Schema of the configuration, for editors."),
    ("quiet", bool, False, ("-q", "--quiet"), "Only warnings and errors."),
    ("verbose", bool, False, ("-v", "--verbose"), "Also what is read, used and written."),
    ("log_json", bool, False, ("--log-json",), "Messages as JSON lines."),
    ("debug", bool, False, ("--debug",), "Show where an error came from."),
]
ENVIRONMENT = {
    "SLURM_CPUS_PER_TASK": "threads, where --threads is not given",
    "SLURM_ARRAY_TASK_ID": "number of the member, where --index is not given",
    "NUMBA_CACHE_DIR": "where compiled kernels are kept",
    "XDG_CACHE_HOME": "above that folder, where the installation cannot be written to",
    "NO_COLOR": "progress without colours",
    "TMPDIR": "where files of external programs lie while they run",
}
METAVARS = {
    "output": "FILE",
    "assignments": "TABLE.KEY=VALUE",
    "index": "I",
    "count": "N",
    "through": "STAGES",
    "threads": "N",
    "drop": "GROUP",
}


def command(name: str, *, run: str, help: str, examples: Sequence[str], **details: Any) -> Callable[[], None]:
    """The `main` of a tool; `details` are those of `Command`."""
    description = Command(name, run, help, examples, **details)

    def main() -> None:
        import typer

        _open_closed_streams()
        usage_error: Any = typer.BadParameter.__base__  # of Click, which newer versions of Typer carry within
        try:
            raise SystemExit(program(description).main(prog_name=description.program, standalone_mode=False))
        except OSError as error:
            if error.errno is None:
                raise  # of a library, about something else
            # Files are named where they are opened; what remains is standard output, of --help too.
            message, code = f"{error.filename or 'standard output: cannot be written'}: {error.strerror}", 1
            silence(1)
        except usage_error as error:
            message, code = _usage(error, description), 2
        print(visible(f"{description.program}: error: {message}"), file=sys.stderr)
        raise SystemExit(code)

    main.description = description  # type: ignore[attr-defined]
    return main


def program(description: Command) -> Any:
    """The command line as Click parses it."""
    import typer

    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(help=_help_text(description))(_entry(description))
    return typer.main.get_command(app)


def _usage(error: Any, command: Command) -> str:
    """What is wrong with a command line, in our form of an error."""
    message = error.format_message().rstrip(".")
    if getattr(error, "possibilities", None):
        message = f"no such option: {error.option_name}; did you mean {' or '.join(error.possibilities)}?"
    return f"{message[0].lower()}{message[1:]} (`{command.program} --help` lists what there is)"


def _help_text(command: Command) -> str:
    lines = "\n".join(f"  {example}" for example in command.examples)
    table = f"Its table of the configuration is [{command.name}]; `{command.program} --print-config` lists every key."
    width = max(map(len, ENVIRONMENT))
    variables = "\n".join(f"  {name:{width}}  {text}" for name, text in ENVIRONMENT.items())
    text = f"{command.help}\n\n{table}\n\n{_listed(command)}\b\nExamples:\n{lines}"
    return f"{text}\n\n\b\nEnvironment:\n{variables}"


def _listed(command: Command) -> str:
    """The names that its registries know, one a line."""
    text = ""
    for key, registry in command.choices.items():
        width = max(map(len, registry))
        table, name = key.split(".")
        entries = "\n".join(f"  {entry:{width}}  {registry[entry].words}" for entry in registry)
        text += f"\b\n[{table}] {name}:\n{entries}\n\n"
    return text


def _entry(command: Command) -> Callable[..., None]:
    """The function whose signature Typer reads: the common options and the tool's own."""
    import typer

    data = (
        "universes, directories of them or exported sets" if command.reads == "paths" else "a universe (- is the pipe)"
    )
    about = f"CONFIG.toml, and/or {data}."
    parameters = [_parameter("inputs", list[Path], typer.Argument([], metavar="INPUT", help=about, show_default=False))]
    for name, kind, default, flags, text in COMMON:
        shown = typer.Option(default, *flags, help=text, metavar=METAVARS.get(name), show_default=False)
        parameters.append(_parameter(name, kind, shown))
    for option in command.options:
        shown = typer.Option(option.default, option.name, help=option.help, show_default=False)
        parameters.append(_parameter(option.keyword, option.type, shown))
    version = typer.Option(
        False,
        "--version",
        help="Print the version, those of the formats and of the libraries.",
        is_eager=True,
        callback=_print_version(command),
    )
    parameters.append(_parameter("version", bool, version))

    def entry(**values: Any) -> None:
        values.pop("version")
        own = {option.keyword: values.pop(option.keyword) for option in command.options}
        _guarded(command, Arguments(**values, own=own))

    entry.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    entry.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return entry


def _parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _print_version(command: Command) -> Callable[[bool], None]:
    def callback(wanted: bool) -> None:
        if wanted:
            import typer

            typer.echo(_versions(command))
            raise typer.Exit

    return callback


def _versions(command: Command) -> str:
    """Of the program, of the formats that it reads and writes, and of what its numbers come from."""
    import platform
    from importlib.metadata import version

    from lss.files.universe_file import FORMAT_VERSION
    from lss.nets import checkpoint

    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "h5py", "torch"))
    formats = f"universe format {FORMAT_VERSION}, checkpoint format {checkpoint.FORMAT_VERSION}"
    return f"{command.program} {__version__}\n{formats}\nPython {platform.python_version()}, {libraries}"


def _guarded(command: Command, arguments: Arguments) -> None:
    """Run, turning what goes wrong into one line on standard error and the exit code that belongs to it."""
    _start_logging(command.program, arguments)
    log = logging.getLogger(f"lss.{command.name}")
    if not arguments.debug:
        sys.excepthook = _one_line(log)
    from lss.process import interrupt

    # Before the imports, which take seconds on a busy machine: a job may be told to stop at any moment.
    interrupt.install(deferred=False)
    try:
        _limit_threads(arguments.threads)
        from lss.command import session

        session.run(command, arguments)
        sys.stdout.flush()
        if waiting := unread_bytes():
            log.warning("%d bytes wait in the pipe on standard input; they were not read", waiting)
    except BrokenPipeError:
        silence(1)
        raise SystemExit(141) from None  # as a program that SIGPIPE ends
    except LssError as error:
        if arguments.debug:
            traceback.print_exc()
        log.error("%s", error)
        raise SystemExit(error.exit_code) from None
    except (MemoryError, ImportError, OSError, RuntimeError) as error:
        if arguments.debug or not _of_memory(error):
            raise
        said = " ".join(str(error).split())[:200]
        log.error("not enough memory%s; --dry-run says how much is needed", f": {said}" if said else "")
        raise SystemExit(1) from None


def _of_memory(error: BaseException | None) -> bool:
    """Whether memory has run out: libraries say so in words of their own, the loader when it maps a library."""
    words = ("allocate memory", "failed to map segment", "can't start new thread")
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if any(said in str(error) for said in words):
            return True
        error = error.__cause__ or error.__context__
    return False


def _one_line(log: logging.Logger) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """What a user sees of an error nobody foresaw; the traceback is for --debug."""

    def hook(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        log.error("internal error: %s: %s (run again with --debug to see where)", kind.__name__, error)

    return hook


def _open_closed_streams() -> None:
    """Give a standard stream that was closed (`2>&-`) the null device: the next file opened would be taken for it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            silence(number)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  (it stays open)


def _limit_threads(wanted: int | None) -> None:
    """Settle the thread count before any numerical library starts its own."""
    from lss.process.threads import set_threads

    os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = str(set_threads(wanted))
    # Threads that wait sleep: on shared cores spinning made 3.1 CPU seconds of a training step of 0.9.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def _start_logging(program: str, arguments: Arguments) -> None:
    """Messages go to standard error: "lss-sim: text", or JSON lines."""
    handler = _StandardError()
    handler.setFormatter(_JsonLines() if arguments.log_json else _Plain(program))
    root = logging.getLogger("lss")
    root.handlers[:] = [handler]
    root.setLevel(
        logging.WARNING if arguments.quiet or rank() else logging.DEBUG if arguments.verbose else logging.INFO
    )
    root.propagate = False


class _StandardError(logging.Handler):
    """Looks up `sys.stderr` for every message: while a progress bar is drawn it prints above the bar.

    Where nobody reads the messages, or no room is left for them, the work goes on without: it is worth more.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except OSError:
            silence(2)


class _Plain(logging.Formatter):
    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return visible(f"{self._program}: {level}{record.getMessage()}")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        entry = {
            "time": stamp,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(entry)
