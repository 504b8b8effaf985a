"""What a trained network writes."""

from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.text_flags import Generate
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
    draw = {"temperature": flags.temperature, "top_k": flags.top_k, "top_p": flags.top_p}
    given = {name: value for name, value in draw.items() if value is not None}
    print(writer.write(prompt, flags.length, flags.seed, **given))
    return 0
