"""Which of several processes this is, when torchrun has started them for one piece of work."""

import os


def rank() -> int:
    """0 for the process that writes what comes of the work, which is the only one without torchrun."""
    return int(os.environ.get("RANK", "0")) if ranks() > 1 else 0


def ranks() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))
