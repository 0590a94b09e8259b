"""What a user reads when something is wrong: one line, and an exit code that scripts can act on."""


class LssError(Exception):
    """One clear line naming the place and the remedy; ends the program with `exit_code`."""

    exit_code = 1


class DataError(LssError):
    """The data cannot be used: missing, truncated, inconsistent or unphysical (exit 1)."""


class ConfigError(LssError):
    """The configuration or the command line cannot be used (exit 2)."""

    exit_code = 2


class Unknown(ConfigError):
    """A fact is needed that neither the data nor the user has said; the message names the key to set."""


class Stopped(LssError):
    """Stopped on request with the work so far saved; `--resume` continues (exit 75, EX_TEMPFAIL)."""

    exit_code = 75
