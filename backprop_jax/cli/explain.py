"""One batch through a network, on the terminal and as a page."""

from backprop_jax.cli.explain_flags import Explain
from backprop_jax.cli.explained import load_subject
from backprop_jax.cli.job import make_console, write
from backprop_jax.cli.refused import refusing
from backprop_jax.cli.tables import show_table
from backprop_jax.harvest.walkthrough import explain as explain_batch
from backprop_jax.harvest.walkthrough.explanation import COLUMNS, LEFT, rows

__all__ = ["explain"]


def explain(flags: Explain) -> int:
    """Print the table and write the page. Returns the exit status, 0; raises Refused for what fails."""
    console = make_console()
    objective, params, state, batch = load_subject(flags)
    with refusing(ValueError, prefix=f"{flags.model}: "):
        found = explain_batch(objective, params, state, batch)
    console.print(found.headline)
    show_table(console, COLUMNS, rows(found), LEFT)
    write(console, flags.out, found.save)
    return 0
