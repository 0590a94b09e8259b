"""One run of one command: input and configuration in, the stage, output and provenance out."""

import dataclasses
import json
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lss import __version__, stages
from lss.command import inputs, outputs, resuming
from lss.command.definition import Arguments, Command
from lss.command.inputs import Request
from lss.config import Settings, complete, validate
from lss.errors import ConfigError, Stopped
from lss.files.digest import digest
from lss.files.provenance import file_hash, provenance_of, with_provenance
from lss.files.restart import Restart
from lss.files.universe_file import gathered_path, member_path, read_first, write_universe
from lss.nets.checkpoint import record_identity
from lss.process import interrupt, progress
from lss.process.ranks import rank
from lss.process.terminal import visible
from lss.process.threads import threads
from lss.process.usage import Moment, log_usage, now
from lss.toml import commented_toml
from lss.universe import Universe

log = logging.getLogger("lss.session")


@dataclass(frozen=True)
class Job(Request):
    """A request that is settled: with its input, which may be none, and the settings over those of the input."""

    universe: Universe | None
    config: Any
    settings: Settings

    @cached_property
    def identity(self) -> str:
        """What the work depends on: however the universe came, file, pipe or directory, it is told by its data."""
        return resuming.identity_of(self.tool, self.settings, self._hashes if self.universe else [])

    def work(self, *words: Any) -> str:
        """What the output depends on: the data, the settings, the options; words : the number of the member."""
        said = [self.command.name, *self.arguments.stages, *words, sorted(self.arguments.drop), inputs.options_of(self)]
        return resuming.work_of(self.tool, self.settings, *said, *self._hashes, *self._named)

    @cached_property
    def _named(self) -> list[str]:
        return resuming.hashes_of(resuming.files_named(complete(self.config, self.settings), self.tool.Config))

    @cached_property
    def _hashes(self) -> list[str]:
        return [digest(self.universe)] if self.universe else resuming.hashes_of(self.data)

    @property
    def destination(self) -> str:
        """Where the output goes, in words."""
        return self.arguments.output or "standard output"


def run(command: Command, arguments: Arguments) -> None:
    """Carry out a command line. Raises LssError with the one line that the user is to read."""
    started = now()
    progress.enable(not (arguments.quiet or arguments.log_json or rank()))
    if arguments.own.pop("check", False):
        raise SystemExit(0 if command.module().check(arguments.inputs) else 1)
    request = inputs.understand(command, arguments)
    log.debug("lss %s, %d threads, configuration %s", __version__, threads(), request.given.source)
    if arguments.schema:
        print(json.dumps(stages.schema(request.tool.Config), indent=2))
    elif arguments.print_config:
        _print_settings(request)
    elif command.reads == "paths":
        _run_on_paths(request, started)
    else:
        universe, members = inputs.subject(request)
        if arguments.own.pop("list", False):
            print(visible(request.tool.listing(universe, members, json=arguments.own["json"])))
        elif members and not hasattr(request.tool, "run_directory"):
            _run_each(request, members)
        elif members:
            request = dataclasses.replace(request, data=members)
            _run_directory(_job(request, read_first(members, ["provenance"])), started)
        else:
            _run_stage(_job(request, universe), started)


def _job(request: Request, universe: Universe | None) -> Job:
    config, settings = inputs.settle(request, universe)
    stages.check(request.arguments.stages, complete(config, settings))
    if universe is not None:
        log.debug("input %s: %s", universe.source, ", ".join(sorted(universe.groups)))
    return Job(**vars(request), universe=universe, config=config, settings=settings)


def _print_settings(request: Request) -> None:
    """What the tool would use: of a named universe, the settings that it carries too."""
    universe: Universe | None = None
    if request.command.reads != "paths" and request.data:
        known = ["provenance"]  # enough to have the settings
        universe, members = inputs.subject(request, known)
        universe = read_first(members, known) if members else universe
    config, settings = inputs.settle(request, universe)
    print(commented_toml(complete(config, settings), request.tool.Config), end="")


# --- one universe ----------------------------------------------------------------------------------------------------


def _run_stage(job: Job, started: Moment) -> None:
    if job.universe is not None:
        job = dataclasses.replace(job, universe=dataclasses.replace(job.universe, cosmology=job.config.cosmology))
    members = _members(job)
    if job.arguments.dry_run:
        note = _note(job) if members == 1 else ""
        outputs.print_plan(_plan(job), job.destination + note, job.arguments.count or members)
        return
    # Members are made one after the other: the one under way is finished, or stops at a step of its own.
    interrupt.install(deferred=job.command.resumable or job.arguments.count is not None)
    if job.arguments.count is not None:
        _make_count(job, job.arguments.count)
    elif members > 1:
        _make_members(job, members)
    else:
        _make_one(job, _number(job), started)


def _plan(job: Job) -> stages.Plan:
    """What one universe costs, with the stages of --through."""
    plan, settings = job.tool.plan(job.universe, job.config), complete(job.config, job.settings)
    for name in job.arguments.stages:
        stage = stages.find(name)
        further = stage.plan(None, validate(stage.Config, settings, "configuration"))
        memory = max(plan.memory_bytes, further.memory_bytes)
        plan = stages.Plan(memory, plan.cpu_seconds + further.cpu_seconds, [*plan.steps, *further.steps])
    return plan


def _make_one(job: Job, number: int, started: Moment) -> None:
    """Run the stage, and write what it makes."""
    options = dict(job.arguments.own)
    if "index" in job.takes:
        options["index"] = number
    target = outputs.target_of(job.command, job.arguments, number, piped=job.data in ([], [Path("-")]))
    outputs.refuse_losses(job, target)
    with outputs.held(target):
        work = job.work(number) if outputs.is_file(target) else ""
        if outputs.is_kept(job, target, work):
            return
        restart = Restart(None)
        if "restart" in job.takes:
            restart = options["restart"] = resuming.restart_of(job.arguments, target, lambda: job.identity)
        universe = job.universe or Universe.create(job.config, job.settings)
        result = job.command.function()(universe, job.config, **options)
        if isinstance(result, tuple):  # a report: the universe may be none
            result, text = result
            outputs.print_result(text, target if result else None)
        if result is None:
            outputs.warn_of_no_output(job.arguments)
            return
        _finish(job, result, target, started, work, number)
        restart.clear()


def _number(job: Job) -> int:
    """The number of the member that is made: the one that was asked for, or the input's own."""
    index = inputs.index_of(job.arguments) if "index" in job.takes else None
    if index is not None:
        return index
    return job.universe.index if job.universe else 0


def _note(job: Job) -> str:
    """What --dry-run says of an output that is there. Raises ConfigError where the run would."""
    number = _number(job)
    target = outputs.target_of(job.command, job.arguments, number, piped=False) if job.arguments.output else None
    outputs.refuse_losses(job, target)
    planned = job.universe is None and job.command.reads != "optional"  # of no input in particular
    finished = not planned and outputs.is_finished(job, target, job.work(number))
    return outputs.FINISHED if finished else ""


def _finish(
    job: Job, result: Universe, target: Path | None, started: Moment, identity: str = "", number: int = 0
) -> None:
    """Give what was made its settings and provenance, and write it if anybody wants it."""
    result = stages.with_settings(result, job.config, job.settings)
    result = with_provenance(result, job.command.program, job.data, started, "" if job.arguments.stages else identity)
    result = _further(job, result, number, identity)
    outputs.write(result, target, job.arguments.drop)


# --- ensembles -------------------------------------------------------------------------------------------------------


def _run_each(request: Request, members: list[Path]) -> None:
    """Every universe of a directory through the stage, into another directory, one after the other."""
    with progress.progress(request.command.program, len(members), shows_inner=True) as bar:
        for number, path in enumerate(members):
            if interrupt.requested():
                raise Stopped(f"stopped after {number} of {len(members)} universes; --resume goes on from here")
            one = dataclasses.replace(request, data=[path])
            _run_stage(_job(one, inputs.subject(one)[0]), now())
            bar.update(1, f"{number + 1} of {len(members)} made")


def _make_count(job: Job, count: int) -> None:
    """So many members of an ensemble, one after the other. Raises ConfigError if that cannot be."""
    if "index" not in job.takes or not inputs.is_folder(job.arguments.output):
        raise ConfigError("--count: several universes need a command that makes them (lss-ic) and a directory: -o DIR/")
    if count < 1:
        raise ConfigError(f"--count {count}: at least one universe")
    first = inputs.index_of(job.arguments) or 0
    with progress.progress(job.command.program, count, shows_inner=True) as bar:
        for number in range(first, first + count):
            if interrupt.requested():
                raise Stopped(f"stopped after {number - first} of {count} universes; --resume goes on from here")
            _make_one(job, number, now())
            bar.update(1, f"{number + 1 - first} of {count} made")


def _further(job: Job, result: Universe, number: int, identity: str) -> Universe:
    """What was made, sent through the stages of --through, each with its settings and provenance."""
    for name in job.arguments.stages:
        started = now()
        options = {"index": number} if stages.takes(name, "index") else {}
        result = stages.run(name, result, result.config, **options)
        last = name == job.arguments.stages[-1]
        result = with_provenance(result, f"lss-{name}", [], started, identity if last else "", job.command.program)
    return result


def _members(job: Job) -> int:
    """How many universes this call makes. A stage may declare `members(config)`; an index picks one of them.

    Raises ConfigError where there are several and no directory to put them in.
    """
    wanted = job.tool.members(job.config) if hasattr(job.tool, "members") else 1
    if wanted == 1 or inputs.index_of(job.arguments) is not None:
        return 1
    if not job.arguments.dry_run and not inputs.is_folder(job.arguments.output):
        raise ConfigError(f"{wanted} universes need a directory: -o DIR/ (or --index I for one of them)")
    return int(wanted)


def _make_members(job: Job, count: int) -> None:
    """Every universe of the ensemble, one after the other; then the one that the stage's `gather` makes of them.

    With --resume those that are finished stay as they are.
    """
    directory = Path(str(job.arguments.output))
    paths = [member_path(directory, number) for number in range(count)]
    together = gathered_path(directory)
    for path in (*paths, together):
        outputs.refuse_losses(job, path)
    finished = [outputs.is_finished(job, path, job.work(n)) and job.arguments.resume for n, path in enumerate(paths)]
    work = resuming.GATHERED + job.work(count)
    if outputs.is_gathered(together, work) and all(finished):
        log.info("%s: %d universes and %s: finished already; nothing to do", directory, count, together.name)
        return
    together.unlink(missing_ok=True)  # it would be of other members
    with progress.progress(job.command.program, count, shows_inner=True) as bar:
        for number, path in enumerate(paths):
            if interrupt.requested():
                raise Stopped(f"stopped after {number} of {count} universes; --resume goes on from here")
            if not finished[number]:
                log.info("universe %d of %d: %s", number + 1, count, path)
                _make_one(job, number, now())
            bar.update(1, f"{number + 1} of {count} made")
    started = now()
    gathered = stages.with_settings(job.tool.gather(paths, job.config), job.config, job.settings)
    if job.universe is not None:
        gathered = dataclasses.replace(gathered, groups={**provenance_of(job.universe), **gathered.groups})
    gathered = with_provenance(gathered, job.command.program, [*job.data, *paths], started, work)
    write_universe(gathered, together)
    log.info("%d universes gathered in %s", count, together)


def _run_directory(job: Job, started: Moment) -> None:
    """A whole directory through a stage: what is to be read of it to standard output, the universe it gives to -o.

    Raises ConfigError before the work begins if the output would become a member itself.
    """
    arguments, members = job.arguments, job.data
    if inputs.is_folder(arguments.output):
        raise ConfigError(f"-o {arguments.output}: a directory of universes gives one file: name it")
    target = outputs.target_of(job.command, arguments, 0, piped=False)
    if target is not None and str(target) != "-" and target.parent.resolve() == members[0].parent.resolve():
        raise ConfigError(f"-o {target}: it would be a member of its own ensemble; write it elsewhere")
    outputs.refuse_losses(job, target)
    work = job.work() if outputs.is_file(target) else ""
    if arguments.dry_run:
        note = outputs.FINISHED if outputs.is_finished(job, target, work) else ""
        outputs.print_plan(job.tool.plan(None, job.config), job.destination + note, len(members))
        return
    if outputs.is_kept(job, target, work):
        return
    universe, text = job.tool.run_directory(members, job.config, **arguments.own)
    outputs.print_result(text, target if universe else None)
    if universe is None:
        outputs.warn_of_no_output(arguments)
    elif target is not None:  # or all members would be hashed for nobody
        _finish(job, universe, target, started, work)


# --- tools that read paths -------------------------------------------------------------------------------------------


def _run_on_paths(request: Request, started: Moment) -> None:
    """lss-train: files and directories in, one file out."""
    command, arguments, tool, data = request.command, request.arguments, request.tool, request.data
    config = inputs.configuration(request)
    target = outputs.target_of(command, arguments, 0, piped=False)
    outputs.refuse_losses(request, target)
    settings = complete(config, request.given.settings)
    named = [*data, *resuming.files_named(settings, tool.Config)]
    said = [command.name, inputs.options_of(request), *resuming.hashes_of(named)]
    work = resuming.work_of(tool, settings, *said) if outputs.is_file(target) else ""
    if arguments.dry_run:
        note = outputs.FINISHED if outputs.is_finished(request, target, work) else ""
        outputs.print_plan(tool.plan(data, config), (arguments.output or "nothing") + note)
        return
    # Of several processes of torchrun the first writes, and holds the output.
    with outputs.held(None if rank() else target):
        if outputs.is_kept(request, target, work):
            return
        restart = resuming.restart_of(
            arguments,
            target,
            lambda: resuming.identity_of(tool, settings, [file_hash(path) for path in data if path.is_file()]),
        )
        interrupt.install(deferred=command.resumable)
        command.function()(data, config, target, settings=settings, restart=restart, **arguments.own)
        if target is not None and not rank():
            record_identity(target, work)
        restart.clear()
    log_usage(started)
