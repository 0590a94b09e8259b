"""An ensemble by array tasks of a SLURM of one machine, while tasks and daemons are killed: tests/slurm/campaign.sh."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RUN = Path(__file__).resolve().parents[2] / "tests" / "slurm" / "run.sh"


def measured(universes: int) -> dict[str, Any]:
    """slurm_universes, slurm_kills, slurm_lost, slurm_twice. Needs root and slurm-wlm; exits with the log if a check
    fails."""
    done = subprocess.run(
        ["bash", str(RUN)], env=os.environ | {"CAMPAIGN": str(universes)}, capture_output=True, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])
    return json.loads(lines[-1])
