"""Why a run ends without a result. Each is one line for the user and an exit status."""

__all__ = ["BenchmarkError", "Disagreement", "TooNoisy", "UsageError", "WorkerFailed"]


class BenchmarkError(Exception):
    """A run that gives no result."""

    status = 1


class UsageError(BenchmarkError):
    """The command line asks for something that does not exist or is not installed."""

    status = 2


class TooNoisy(BenchmarkError):
    """The machine was not quiet, so the figures would mislead."""

    status = 3


class Disagreement(BenchmarkError):
    """Two contestants do not compute the same thing."""


class WorkerFailed(BenchmarkError):
    """A worker process raised or died."""
