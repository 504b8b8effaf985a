"""An empty picture, drawn alike everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["BLUE", "COLORS", "DASHES", "GREY", "ORANGE", "blank"]

# Okabe and Ito's colours, which colour-blind readers tell apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, ORANGE, *_ = COLORS
GREY = "#666666"
DASHES = ("-", "--", "-.", ":")  # for lines of one colour
STYLE: Any = {"font.size": 11, "axes.titlesize": 12, "axes.spines.top": False, "axes.spines.right": False}


@contextmanager
def blank(width: float = 9, height: float = 4.5) -> "Iterator[Figure]":
    """A figure of this size in inches, to be drawn on within the context, whose style it is.

    It is not one of pyplot's: nothing keeps it alive, and no window opens.

    Raises:   ModuleNotFoundError, naming the extra to install, if matplotlib is missing.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "plots need matplotlib, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width, height), dpi=110, layout="constrained")
