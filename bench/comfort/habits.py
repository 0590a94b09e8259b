"""The habits that people of this field bring from git, samtools, snakemake and nextflow, tried one by one."""

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import h5py
import jsonschema

from bench.comfort.commands import BIN, SETTINGS, shell

Habit = Callable[[Path], bool]
LONG = "--set box.n=16 --set sim.method=pm --set sim.steps=4000"


def prepared(folder: Path) -> None:
    """A universe of 8^3, made step by step."""
    (folder / "u.toml").write_text(SETTINGS)
    for line in ("lss-ic u.toml -o ic.h5", "lss-sim ic.h5 -o sim.h5", "lss-halo sim.h5 -o halo.h5"):
        done = shell(line, folder)
        if done.returncode:
            raise RuntimeError(f"{line}: {done.stderr}")


def tried(folder: Path, say: Callable[[str], None]) -> dict[str, bool]:
    """Habit -> whether it works; the folder is prepared."""
    found = {}
    for name, habit in HABITS.items():
        found[name] = habit(folder)
        say(f"{'works' if found[name] else 'FAILS'}  {name}")
    return found


def _says(folder: Path, line: str, code: int, *words: str, **environment: str) -> bool:
    done = shell(line, folder, **environment)
    return done.returncode == code and all(word in done.stdout + done.stderr for word in words)


def _dash(folder: Path) -> bool:
    return _says(folder, "cat ic.h5 | lss-sim - | lss-halo - > dash.h5 && lss-stats --digest dash.h5", 0)


def _data_alone(folder: Path) -> bool:
    done = shell("lss-ic u.toml 2>/dev/null | head -c 8 | od -An -c; lss-stats halo.h5 2>/dev/null", folder)
    return "211   H   D   F" in done.stdout and "How far fields agree" in done.stdout and "CPU s" not in done.stdout


def _exit_codes(folder: Path) -> bool:
    codes = shell(
        "set +o pipefail; lss-ic u.toml -o c.h5; a=$?; lss-sim u.toml notes -o x.h5; b=$?; echo text > text; "
        "lss-sim text -o x.h5; c=$?; (lss-ic --schema; echo $? > piped) | true; echo $a $b $c $(cat piped)",
        folder,
    )
    return codes.stdout.split() == ["0", "2", "1", "141"]


def _stopped(folder: Path, state: Path) -> int:
    """The exit code of a long run that is asked to stop when it has kept a state."""
    line = [BIN / "lss-sim", "long.h5", "--set", "sim.redshifts=[5.0,0.0]", *LONG.split(), "-q", "-o", "stopped.h5"]
    run = subprocess.Popen(line, cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while run.poll() is None and not state.exists():
        time.sleep(0.02)
    run.send_signal(signal.SIGTERM)
    return run.wait()


def _checkpoint(folder: Path) -> bool:
    shell(f"lss-ic {LONG} -o long.h5 --force", folder)
    state = folder / "stopped.h5.state" / "output-5.000.h5"
    return _stopped(folder, state) == 75 and state.exists() and not (folder / "stopped.h5").exists()


def _resume(folder: Path) -> bool:
    line = f"lss-sim long.h5 --set 'sim.redshifts=[5.0,0.0]' {LONG} -o stopped.h5 --resume"
    return _says(folder, line, 0, "going on at z = ") and not (folder / "stopped.h5.state").exists()


def _idempotent(folder: Path) -> bool:
    before = (folder / "halo.h5").read_bytes()
    kept = _says(folder, "lss-halo sim.h5 -o halo.h5 --resume", 0, "finished already; nothing to do")
    return kept and (folder / "halo.h5").read_bytes() == before


def _make(folder: Path) -> bool:
    (folder / "Makefile").write_text("made.h5: u.toml\n\tlss-ic $< --resume --force -o $@\n")
    shell("make; sleep 0.05; touch u.toml", folder)
    return _says(folder, "make", 0, "finished already") and _says(folder, "make", 0, "up to date")


def _schema(folder: Path) -> bool:
    schemas = {shell(f"lss-{name} --schema", folder).stdout for name in ("ic", "sim", "stats")}
    whole = json.loads(schemas.pop())
    jsonschema.validate(tomllib.loads(SETTINGS), whole)
    wrong = tomllib.loads(SETTINGS + "mass_bin = 3\n")
    return not schemas and not jsonschema.Draft202012Validator(whole).is_valid(wrong)


def _summary(folder: Path) -> bool:
    table = shell("lss-stats --list halo.h5 | cat; cat halo.h5 | lss-stats --list", folder)
    listed = json.loads(shell("lss-stats --list --json halo.h5", folder).stdout)
    return table.stdout.count("/PartType1") == 2 and "/halos" in listed["groups"]


def _provenance(folder: Path) -> bool:
    line = "lss-ic u.toml | tee piped | lss-sim -o p.h5 && sha256sum piped && lss-stats --list --json p.h5"
    hashed, _, listed = shell(line, folder).stdout.partition(" ")
    return hashed in json.loads(listed.partition("\n")[2])["provenance"][-1]["inputs"]


def _checksums(folder: Path) -> bool:
    with h5py.File(folder / "halo.h5") as file:
        place = file["ic/white_noise"].id.get_offset()
    image = bytearray((folder / "halo.h5").read_bytes())
    image[place + 100] ^= 16
    (folder / "flipped.h5").write_bytes(image)
    whole = _says(folder, "lss-stats --check halo.h5", 0, "whole")
    return whole and _says(folder, "lss-stats --check flipped.h5", 1, "damaged")


def _verbosity(folder: Path) -> bool:
    quiet, loud = (shell(f"lss-ic u.toml {flag} -o ic.h5", folder).stderr for flag in ("-q", "-v"))
    return quiet == "" and "threads, configuration u.toml" in loud and "wrote ic.h5" in loud


def _json_log(folder: Path) -> bool:
    return all(
        json.loads(line)["level"] for line in shell("lss-ic u.toml --log-json -o ic.h5", folder).stderr.splitlines()
    )


def _plain(folder: Path) -> bool:
    done = shell("lss-ic u.toml -o ic.h5; lss-stats halo.h5 --help", folder, NO_COLOR="1")
    return "\x1b" not in done.stdout + done.stderr


def _installed(folder: Path, *paths: str) -> bool:
    shell("python -m lss.command.completion prefix", folder)
    return all((folder / "prefix/share" / path).stat().st_size for path in paths)


def _completion(folder: Path) -> bool:
    paths = (
        "bash-completion/completions/lss-ic",
        "zsh/site-functions/_lss-ic",
        "fish/vendor_completions.d/lss-ic.fish",
    )
    line = "source prefix/share/bash-completion/completions/lss-ic; COMP_WORDS=(lss-ic --res); COMP_CWORD=1; _lss_ic; "
    return _installed(folder, *paths) and "--resume" in shell(line + 'echo "${COMPREPLY[@]}"', folder).stdout


def _manual(folder: Path) -> bool:
    return _installed(folder, *(f"man/man1/lss-{name}.1" for name in ("ic", "sim", "halo", "train", "recon", "stats")))


def _version(folder: Path) -> bool:
    return bool(
        re.search(r"universe format \d+, .*\n.*numpy .*numba .*torch ", shell("lss-sim --version", folder).stdout)
    )


def _locked(folder: Path) -> bool:
    line = (
        "python -c 'import time, pathlib; from lss.files.atomic import locked\n"
        'with locked(pathlib.Path("l.h5")): print(1, flush=True); time.sleep(60)\' > held & '
        "while [ ! -s held ]; do sleep 0.05; done; lss-ic u.toml -o l.h5; code=$?; kill %1; exit $code"
    )
    return _says(folder, line, 1, "another run is writing it")


HABITS: dict[str, Habit] = {
    "- for pipes": _dash,
    "data alone on standard output": _data_alone,
    "exit codes 0, 1, 2, 141": _exit_codes,
    "a checkpoint on SIGTERM, and exit code 75": _checkpoint,
    "--resume": _resume,
    "idempotent reruns": _idempotent,
    "--dry-run with cost": lambda f: _says(f, "lss-sim ic.h5 --dry-run", 0, "memory: ", "CPU seconds"),
    "--set": lambda f: _says(f, "lss-ic u.toml --set ic.seed=9 --print-config", 0, "seed = 9"),
    "the effective configuration printed": lambda f: _says(
        f, "lss-sim ic.h5 --print-config", 0, "size = 25", "# steps ="
    ),
    "an unknown key is an error, whosever it is": lambda f: _says(f, "lss-ic --set halo.mass_bin=3", 2, "did you mean"),
    "a JSON Schema of the whole configuration": _schema,
    "atomic outputs": lambda f: _says(f, "ulimit -f 8; lss-ic u.toml --set box.n=32 -o big.h5; [ ! -e big.h5 ]", 0),
    "times that make trusts": _make,
    "a summary of a file": _summary,
    "provenance": _provenance,
    "checksums": _checksums,
    "-q and -v": _verbosity,
    "messages as JSON": _json_log,
    "NO_COLOR and isatty": _plain,
    "completion": _completion,
    "manual pages": _manual,
    "--version with formats": _version,
    "threads that follow SLURM": lambda f: _says(
        f, "lss-ic u.toml -v -o ic.h5", 0, "1 threads", SLURM_CPUS_PER_TASK="1"
    ),
    "a refusal to overwrite": lambda f: _says(f, "lss-ic u.toml -o u.toml", 2, "it is the configuration"),
    "locks for cron": _locked,
}
