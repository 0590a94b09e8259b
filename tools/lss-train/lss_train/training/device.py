"""Where a network is trained."""

from lss.errors import ConfigError


def device_of(wanted: str) -> str:
    """The device that `[train] device` names; "auto": a CUDA device if there is one.

    Raises ConfigError if it is not there.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"[train] device = '{wanted}': {str(error).splitlines()[0]}") from None
    return wanted
