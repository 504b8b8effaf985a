"""Text from a language model."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.models.sampling import draw_token, require_sampling
from backprop_jax.models.step_by_step import prepare, read

__all__ = ["generate"]


def generate(
    model: Layer,
    params: PyTree,
    prompt: ArrayLike,
    steps: int,
    key: jax.Array,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> jax.Array:
    """What a language model writes after a prompt, each token drawn by its probability given all before it.

        token ~ softmax(logits / temperature)

    of the `top_k` most likely tokens, or of the fewest whose probability together reaches `top_p`, or of both: then
    those of the first are looked at by the second. Of equally likely tokens the first are kept.

    The model, from tokens (B, T) to logits (B, T, V), runs in eval mode and from a new state: it reads the prompt in
    one call, then each token that it wrote in another, by one compiled loop. Attention remembers keys and values in
    caches of the needed length, positions are counted on, and recurrent layers that begin with zeros in each call
    (carry="zero") are taken as those that go on (carry="state").

    Shapes:   prompt (B, P) integer, P at least 1 -> tokens (B, steps) int32.
    Units:    a temperature below 1 prefers what is likely; 0 takes the most likely token every time, and no key.
    Raises:   ValueError if the prompt is no (B, P), has an unknown token or none, steps is not 1 or more, the
              temperature is negative or not finite, top_k is not 1 or more, top_p not above 0 and at most 1, a layer
              looks at what comes later (attention that is not causal, a recurrent layer in reverse) or at other steps
              without remembering any (a convolution over the steps), or the model has places for fewer than P + steps
              - 1 tokens: the last is not read. TypeError if the prompt is not of integers.
    Source:   Fan et al., 2018, arXiv:1805.04833, for top_k; Holtzman et al., 2020, arXiv:1904.09751, for top_p.
    """
    require_sampling(temperature, top_k, top_p)
    model, prompt, _ = prepare("generate", model, params, prompt, steps)
    return _generate(model, steps, top_k, params, prompt, key, temperature, top_p)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _generate(
    model: Layer,
    steps: int,
    top_k: int | None,
    params: PyTree,
    prompt: jax.Array,
    key: jax.Array,
    temperature: jax.Array,
    top_p: jax.Array | None,
) -> jax.Array:
    def step(loop: PyTree, key: jax.Array) -> tuple[PyTree, jax.Array]:
        token, state = loop
        logits, state, _ = model.forward(params, state, token[:, None])
        token = draw_token(key, logits[:, -1], temperature, top_k, top_p)
        return (token, state), token

    keys = jax.random.split(key, steps)
    logits, state = read(model, params, prompt)
    first = draw_token(keys[0], logits, temperature, top_k, top_p)
    _, others = lax.scan(step, (first, state), keys[1:])
    return jnp.concatenate([first[:, None], others.T], axis=1)
