"""An ensemble through pilot jobs: few long jobs that are handed one short task after the other, by Parsl.

    pip install '.[parsl]'
    mkdir -p logs && python campaign.py --members 10000 --members-per-task 20 --pilots 4 --cores 64 --time 04:00:00
    python campaign.py --where local --cores 8

The tasks are those of ensemble.sbatch, for clusters on which an array of one-minute tasks would wait longer than it
works. It runs on the login node until all is made; run again after anything, it makes what is missing. Partition and
account are SLURM's own variables, SBATCH_PARTITION and SBATCH_ACCOUNT. What each task says is in logs/.
"""

import argparse
import os
import shlex
import sys
from concurrent.futures import as_completed
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider, SlurmProvider

# Nothing of a campaign outlives it, even one that was killed: of this machine's processes the kernel takes care; a
# pilot ends when it has not heard from the campaign for so many seconds.
WITH_PARENT = ["setpriv", "--pdeathsig", "KILL"]
SILENCE = 15


def main() -> None:
    """Make the ensemble; exit code 1 if members are missing in the end."""
    asked = _arguments()
    Path("logs").mkdir(exist_ok=True)
    Path(asked.ensemble).mkdir(exist_ok=True)
    with parsl.load(_config(asked)):
        tasks = {
            make_members(_command(asked, first), stdout=_log(first), stderr=_log(first)): first
            for first in range(0, asked.members, asked.members_per_task)
        }
        failed = 0
        for done, task in enumerate(as_completed(tasks), start=1):
            if error := task.exception():
                failed += 1
                print(f"campaign: task of universe {tasks[task]}: {error}; see {_log(tasks[task])[0]}", file=sys.stderr)
            print(f"campaign: {done} of {len(tasks)} tasks, {failed} failed", file=sys.stderr)
    sys.exit(1 if failed else 0)


@parsl.bash_app
def make_members(command: str, stdout: tuple[str, str], stderr: tuple[str, str]) -> str:
    """One task; a pilot runs the line that this returns."""
    return command


def _command(asked: argparse.Namespace, first: int) -> str:
    count = min(asked.members_per_task, asked.members - first)
    words = ["lss-ic", asked.config, "--index", first, "--count", count, "--through", "sim,halo"]
    words += ["--drop", "PartType1", "--threads", 1, "--resume", "-o", f"{asked.ensemble}/"]
    return shlex.join(["exec", *WITH_PARENT, *map(str, words)])


def _log(first: int) -> tuple[str, str]:
    return os.path.abspath(f"logs/campaign-{first:06d}.log"), "a"


def _config(asked: argparse.Namespace) -> Config:
    # A pilot finds the programs, and the tasks their files, where this was started.
    here = f"export PATH={shlex.quote(os.path.dirname(sys.executable))}:$PATH; cd {shlex.quote(os.getcwd())}"
    common = {"init_blocks": asked.pilots, "max_blocks": asked.pilots, "worker_init": here}
    if asked.where == "local":
        provider = LocalProvider(**common)
    else:
        provider = SlurmProvider(
            **common,
            cores_per_node=asked.cores,
            walltime=asked.time,
            exclusive=False,
            partition=os.environ.get("SBATCH_PARTITION"),
            account=os.environ.get("SBATCH_ACCOUNT"),
        )
    pilots = HighThroughputExecutor(
        label="pilots",
        provider=provider,
        max_workers_per_node=asked.cores,
        interchange_launch_cmd=[*WITH_PARENT, "interchange.py"],
        heartbeat_period=5,
        heartbeat_threshold=SILENCE,
        address_probe_timeout=SILENCE,
    )
    # A task whose pilot has come to its time limit is given to the next one.
    return Config(executors=[pilots], retries=3, run_dir="logs/parsl")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", default="universe.toml")
    parser.add_argument("--ensemble", default="ensemble", help="the directory of the universes")
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--members-per-task", type=int, default=1)
    parser.add_argument("--where", choices=("slurm", "local"), default="slurm")
    parser.add_argument("--pilots", type=int, default=1, help="jobs, each of one node")
    parser.add_argument("--cores", type=int, default=8, help="of a pilot; each makes one universe at a time")
    parser.add_argument("--time", default="04:00:00", help="the limit of a pilot")
    return parser.parse_args()


if __name__ == "__main__":
    main()
