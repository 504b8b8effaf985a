"""What a trained network writes."""

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax import models
from backprop_jax.cli.flags import Generate
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.text_model import load_writer

__all__ = ["generate"]


def generate(flags: Generate) -> int:
    """Print the prompt and how the model goes on. Returns the exit status, 0; raises Refused for what fails."""
    with refusing(OSError, ValueError, ModuleNotFoundError, prefix="--model: "):
        writer = load_writer(flags.model)
    with refusing(ValueError, prefix="--prompt: "):
        prompt = writer.vocabulary.encode(flags.prompt)
    if len(prompt) == 0:
        raise Refused("--prompt must have one character or more, for the model to go on from")
    key = jax.random.key(flags.seed)
    start = jnp.asarray(prompt[None])
    written = models.generate(writer.model, writer.params, start, flags.length, key, flags.temperature)
    print(writer.vocabulary.decode(np.concatenate([prompt, written[0]])))
    return 0
