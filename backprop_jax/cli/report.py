"""A run as one page."""

from pathlib import Path

from backprop_jax.cli.job import make_console, write
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.result_flags import Report
from backprop_jax.cli.run_folder import read_settings
from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.report import run_report

__all__ = ["report"]


def report(flags: Report) -> int:
    """Write the page. Returns the exit status, 0; raises Refused for what fails."""
    read_settings(flags.run)
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix=f"{flags.run}: "):
        page = run_report(flags.run)

    def save(path: Path) -> None:
        with atomic_file(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace")

    write(make_console(), flags.run / "report.html" if flags.out is None else flags.out, save)
    return 0
