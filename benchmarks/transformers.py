"""What the transformer workloads share: sizes and weights of blocks, and our training step.

Names of weights: see `benchmarks/leaves.py`; those of blocks are stacked. A block has "attn" (c_attn, c_proj), "cross"
if it looks at a memory (c_q, c_kv, c_proj) and "mlp" (c_fc, c_proj). Its norms stand in these parts ("norm") or, in the
post-norm block, behind them ("ln_1", "ln_2", ...).
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from benchmarks.leaves import fill, named
from benchmarks.workload import JaxProgram, Task

__all__ = [
    "LEARNING_RATE",
    "WEIGHT_DECAY",
    "Block",
    "block_flops",
    "block_shapes",
    "dense",
    "draw",
    "norm",
    "our_training",
    "waves",
]

LEARNING_RATE, WEIGHT_DECAY = 3e-4, 0.1

Shapes = dict[str, tuple[int, ...]]


class Block(NamedTuple):
    """What a block is, in every framework."""

    width: int
    heads: int
    hidden: int
    activation: Literal["gelu", "gelu_tanh", "relu"]
    epsilon: float
    norm_first: bool = False
    causal: bool = False
    cross: bool = False

    @property
    def parts(self) -> list[str]:
        return ["attn", "cross", "mlp"] if self.cross else ["attn", "mlp"]


def block_shapes(name: str, block: Block, layers: int) -> Shapes:
    """The weights of a stack of blocks."""
    width = block.width
    shapes = {
        **dense(f"{name}/attn/c_attn", width, 3 * width, layers),
        **dense(f"{name}/attn/c_proj", width, width, layers),
        **dense(f"{name}/mlp/c_fc", width, block.hidden, layers),
        **dense(f"{name}/mlp/c_proj", block.hidden, width, layers),
    }
    if block.cross:
        shapes |= dense(f"{name}/cross/c_q", width, width, layers)
        shapes |= dense(f"{name}/cross/c_kv", width, 2 * width, layers)
        shapes |= dense(f"{name}/cross/c_proj", width, width, layers)
    for number, part in enumerate(block.parts, start=1):
        shapes |= norm(f"{name}/{part}/norm" if block.norm_first else f"{name}/ln_{number}", width, layers)
    return shapes


def dense(name: str, rows: int, columns: int, *stack: int) -> Shapes:
    return {f"{name}/w": (*stack, rows, columns), f"{name}/b": (*stack, columns)}


def norm(name: str, width: int, *stack: int) -> Shapes:
    return {f"{name}/scale": (*stack, width), f"{name}/shift": (*stack, width)}


def block_flops(block: Block, layers: int, batch: int, steps: int, memory: int = 0) -> int:
    """Of the matrix products of a training step in a stack of blocks.

    A product (M, K) (K, N) takes 2 M N K, and two more of this size give its two gradients. Of causal attention only
    the pairs count that are seen, at or below the diagonal, though the contestants calculate more of them.
    """
    width, tokens = block.width, batch * steps
    pairs = batch * (steps * (steps + 1) // 2 if block.causal else steps * steps)
    products = tokens * (4 * width * width + 2 * width * block.hidden) + 2 * pairs * width
    if block.cross:
        products += 2 * (tokens + batch * memory) * width * width + 2 * tokens * memory * width
    return 3 * 2 * layers * products


def draw(shapes: Mapping[str, tuple[int, ...]], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Matrices and tables as GPT-2 and BERT draw them; scales near 1, shifts and biases near 0."""
    deviations = {"scale": 0.1, "shift": 0.1, "b": 0.01}
    weights = {}
    for name, shape in shapes.items():
        leaf = name.split("/")[-1]
        array = deviations.get(leaf, 0.02) * random.standard_normal(shape) + (leaf == "scale")
        weights[name] = array.astype(np.float32)
    return weights


def waves(steps: int, width: int) -> np.ndarray:
    """The positions of the first transformer: sine and cosine of a place by turns, each pair with a longer wave."""
    angles = np.arange(steps)[:, None] * 10000.0 ** (-np.arange(0, width, 2) / width)
    return np.stack([np.sin(angles), np.cos(angles)], -1).reshape(steps, -1)[:, :width].astype(np.float32)


def our_training(
    objective: Any,
    task: Task,
    differentiate: Callable[[Any], Callable],
    arrange: Callable[[Any], Any] = lambda batch: batch,
) -> JaxProgram:
    """A step of ours. `arrange` makes of the Task's batch what the objective takes."""
    import jax

    import backprop_jax as bp
    from benchmarks.jax_training import training

    def init() -> tuple[Any, Any]:
        return objective.init(jax.random.key(0), arrange(task.batch))

    value_and_grad = differentiate(objective)
    params = fill(jax.eval_shape(init)[0], task.weights)
    return training(
        lambda params, state, batch: value_and_grad(params, state, arrange(batch)),
        bp.optim.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        bp.optim.apply_updates,
        params,
        named,
        jax.jit(lambda: init()[1])(),
    )
