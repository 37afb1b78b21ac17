"""Errors that a person reads: each names the value, the place and the remedy."""


class RecsvcError(Exception):
    """Something a user can mend; the command line prints it without a traceback and exits with `exit_code`."""

    exit_code = 1


class InputError(RecsvcError):
    """A file, row, id or argument that cannot be used as it is."""

    exit_code = 2


class SettingsError(RecsvcError):
    """A key or value in a settings file that no part of recsvc knows."""

    exit_code = 2


class BundleError(RecsvcError):
    """A bundle that is missing, damaged, or of a format that this version does not read."""


class RefusedError(RecsvcError):
    """A request that is understood and not carried out, such as publishing a worse model."""


class UnreachableError(RecsvcError):
    """A place that other machines share, which does not answer just now or refuses us."""
