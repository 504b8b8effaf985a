"""What can be said on the command line of a batch that is explained."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Explain"]


@dataclass(frozen=True)
class Explain:
    """Run one batch through a network, forward and backward, and tell what each layer makes of it.

    Prints for each layer its output's shape, the bytes that it saves for the backward pass, the norms of its output, of
    the output's cotangent and of its parameters' gradient, and how far this gradient is from that of jax.grad. Writes
    the same as a page of HTML, on which each layer unfolds to its equations.
    """

    model: str
    """The folder of a training's results, of any of backprop-jax train, or the params.safetensors in it; or a network
    with random parameters: mlp, residual, linear, any --model of train images, text or gpt."""

    data: Path | None = None
    """The folder of images that a network was trained on. Without it, digits or the documentation of Python, whatever
    the network reads."""

    batch_size: int = 8
    """Images, or pieces of text, of the batch."""

    length: int = 32
    """Characters, or byte pairs, of each piece of text."""

    seed: int = 0
    """Seed of the random parameters and of dropout, 0 or more."""

    out: Path = Path("explain.html")
    """The page."""
