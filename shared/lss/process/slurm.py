"""What a SLURM job is told through its environment."""

import os

from lss.errors import ConfigError


def slurm_number(name: str) -> int | None:
    """The value of a variable such as SLURM_ARRAY_TASK_ID; None outside of a job. Raises ConfigError if it is none."""
    text = os.environ.get(name, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"{name} = {text!r} in the environment: expected a whole number") from None
