"""GPT: a transformer of pre-norm blocks with tied embeddings, trained on the next token by AdamW.

Gates of speed are the products, so all contestants have them in the same number: queries, keys and values from one
matrix, GELU by tanh, causal attention with a fused kernel where the framework offers one. Weights by name: wte (V, D),
wpe (T, D), ln_f/scale and shift, and of the blocks, stacked, h/ln_1, h/c_attn, h/c_proj, h/ln_2, h/c_fc, h/c_out.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "Size", "make_task"]

LEARNING_RATE, WEIGHT_DECAY, EPSILON = 3e-4, 0.1, 1e-5


class Size(NamedTuple):
    layers: int
    features: int
    heads: int
    steps: int
    batch: int
    vocabulary: int

    def __str__(self) -> str:
        return (
            f"{self.layers} layers, {self.features} wide, {self.steps} steps, batch {self.batch}, "
            f"vocabulary {self.vocabulary:,}"
        )


SIZES = Size(6, 256, 4, 256, 8, 8192), Size(12, 768, 12, 512, 2, 50257)


def make_task(size: Size) -> Task:
    """Weights as GPT-2 draws them, but for norms and biases near 1 and 0; random tokens."""
    random = np.random.default_rng(0)
    layers, features = size.layers, size.features
    weights = {
        "wte": 0.02 * random.standard_normal((size.vocabulary, features)),
        "wpe": 0.02 * random.standard_normal((size.steps, features)),
    }
    shapes = {"c_attn": (1, 3), "c_proj": (1, 1), "c_fc": (1, 4), "c_out": (4, 1)}
    for name, (rows, columns) in shapes.items():
        weights[f"h/{name}/w"] = 0.02 * random.standard_normal((layers, rows * features, columns * features))
        weights[f"h/{name}/b"] = 0.01 * random.standard_normal((layers, columns * features))
    for name, axes in (("h/ln_1", (layers,)), ("h/ln_2", (layers,)), ("ln_f", ())):
        weights[f"{name}/scale"] = 1 + 0.1 * random.standard_normal((*axes, features))
        weights[f"{name}/shift"] = 0.1 * random.standard_normal((*axes, features))
    tokens = random.integers(0, size.vocabulary, (size.batch, size.steps + 1)).astype(np.int32)
    weights = {name: leaf.astype(np.float32) for name, leaf in weights.items()}
    return Task(weights, (tokens[:, :-1], tokens[:, 1:]), str(size.heads))


def _our_names(tree: Any) -> dict[str, Any]:
    """The leaves of our parameters, or of their gradient, by the Task's names."""
    body = tree["body"]
    attention, feed_forward = body["h"]["attn"], body["h"]["mlp"]
    project, act = attention["project"], feed_forward["act"]
    dense = {
        "c_attn": project["c_attn"],
        "c_proj": attention["mix"]["c_proj"],
        "c_fc": feed_forward["c_fc"],
        "c_out": act["c_proj"],
        "ln_1": project["norm"],
        "ln_2": feed_forward["norm"],
    }
    found = {"wte": tree["embedding"]["table"], "wpe": body["wpe"]["table"]}
    found |= {f"ln_f/{name}": leaf for name, leaf in body["ln_f"].items()}
    return found | {f"h/{part}/{name}": leaf for part, leaves in dense.items() for name, leaf in leaves.items()}


def _our_model(task: Task, recompute: str) -> Any:
    from backprop_jax import models

    vocabulary, features = task.weights["wte"].shape
    steps, layers = len(task.weights["wpe"]), len(task.weights["h/c_attn/b"])
    return models.gpt(vocabulary, steps, features, layers, int(task.variant), recompute=recompute)


def _filled(model: Any, task: Task) -> tuple[Any, Any]:
    """Our parameters with the Task's weights, and the state."""
    import jax

    params = jax.eval_shape(lambda: model.init(jax.random.key(0), task.batch[0])[0])
    state = jax.jit(lambda: model.init(jax.random.key(0), task.batch[0])[1])()
    names = {id(leaf): name for name, leaf in _our_names(params).items()}
    return jax.tree.map(lambda leaf: task.weights[names[id(leaf)]], params), state


def _with_our_optimizer(value_and_grad: Callable, params: Any, state: Any) -> JaxProgram:
    import backprop_jax as bp
    from benchmarks.jax_training import training

    optimizer = bp.optim.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return training(value_and_grad, optimizer, bp.optim.apply_updates, params, _our_names, state)


def ours(recompute: str, task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax import models

    model = _our_model(task, recompute)
    objective = models.LanguageModelLoss(model, bp.losses.LinearCrossEntropy(len(task.weights["wte"])))
    return _with_our_optimizer(bp.value_and_grad(objective), *_filled(model, task))


def jax_grad(task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax.train.step_time import autodiff_value_and_grad

    model = _our_model(task, "none")
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    return _with_our_optimizer(autodiff_value_and_grad(objective), *_filled(model, task))


def flax_optax(policy: str | None, task: Task) -> JaxProgram:
    """A scan over blocks, each under `jax.checkpoint` if a policy is named."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp
    import optax

    from benchmarks.jax_training import stateless, training

    heads, (layers, width) = int(task.variant), task.weights["h/c_proj/b"].shape

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x, _):
            batch, steps, _ = x.shape
            y = nn.Dense(3 * width, name="c_attn")(nn.LayerNorm(EPSILON, name="ln_1")(x))
            q, k, v = (part.reshape(batch, steps, heads, -1) for part in jnp.split(y, 3, -1))
            y = jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape)
            x = x + nn.Dense(width, name="c_proj")(y)
            y = nn.Dense(4 * width, name="c_fc")(nn.LayerNorm(EPSILON, name="ln_2")(x))
            return x + nn.Dense(width, name="c_out")(nn.gelu(y)), None

    block = Block if policy is None else nn.remat(Block, policy=getattr(jax.checkpoint_policies, policy))

    class GPT(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            vocabulary, steps = len(task.weights["wte"]), len(task.weights["wpe"])
            embedding = nn.Embed(vocabulary, width, name="wte")
            x = embedding(tokens) + nn.Embed(steps, width, name="wpe")(jnp.arange(tokens.shape[1]))
            stack = nn.scan(block, variable_axes={"params": 0}, split_rngs={"params": True}, length=layers)
            x, _ = stack(name="h")(x, None)
            return embedding.attend(nn.LayerNorm(EPSILON, name="ln_f")(x))

    model = GPT()
    names = {"kernel": "w", "bias": "b", "embedding": ""}

    def name_of(path: Any) -> str:
        *levels, leaf = (key.key for key in path)
        norm = levels[-1].startswith("ln")
        own = {"bias": "shift", "scale": "scale"}[leaf] if norm else names[leaf]
        return "/".join([*levels, own]).rstrip("/")

    params = jax.eval_shape(lambda: model.init(jax.random.key(0), task.batch[0])["params"])
    params = jax.tree_util.tree_map_with_path(lambda path, leaf: task.weights[name_of(path)], params)

    def loss(params, batch):
        tokens, targets = batch
        logits = model.apply({"params": params}, tokens)
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    def named(tree: Any) -> dict[str, Any]:
        return {name_of(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}

    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return training(stateless(loss), optimizer, optax.apply_updates, params, named)


def torch_program(compiled: bool, task: Task) -> TorchProgram:
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.torch_training import training

    heads, (layers, width) = int(task.variant), task.weights["h/c_proj/b"].shape

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, steps, _ = x.shape
            parts = self.c_attn(self.ln_1(x)).split(width, 2)
            q, k, v = (part.view(batch, steps, heads, -1).transpose(1, 2) for part in parts)
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(y.transpose(1, 2).reshape(x.shape))
            return x + self.c_out(functional.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte = nn.Embedding(*task.weights["wte"].shape)
            self.wpe = nn.Embedding(*task.weights["wpe"].shape)
            self.h = nn.ModuleList(Block() for _ in range(layers))
            self.ln_f = nn.LayerNorm(width, EPSILON)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
            for block in self.h:
                x = block(x)
            return functional.linear(self.ln_f(x), self.wte.weight)

    model = GPT()
    own = [name for name, _ in model.named_parameters()]

    def place_of(name: str) -> tuple[str, int | None, bool]:
        """The Task's name of a parameter, its place in the stack, and whether it is transposed there."""
        level, *rest = name.split(".")
        if level in ("wte", "wpe"):
            return level, None, False
        number = int(rest.pop(0)) if level == "h" else None
        part = rest.pop(0) if level == "h" else level
        leaf = {"weight": "scale", "bias": "shift"} if part.startswith("ln") else {"weight": "w", "bias": "b"}
        prefix = "h/" if level == "h" else ""
        return f"{prefix}{part}/{leaf[rest[0]]}", number, leaf[rest[0]] == "w"

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            key, number, transposed = place_of(name)
            array = task.weights[key] if number is None else task.weights[key][number]
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array.T if transposed else array)))
    tokens, targets = (torch.from_numpy(array).long() for array in task.batch)

    def loss() -> torch.Tensor:
        logits = model(tokens)
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))

    def by_name(gradient: list[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        found: dict[str, Any] = {}
        for name, leaf in zip(own, gradient, strict=True):
            key, number, transposed = place_of(name)
            leaf = leaf.T if transposed else leaf
            if number is None:
                found[key] = leaf
            else:
                found.setdefault(key, []).append(leaf)
        return {key: torch.stack(leaf) if isinstance(leaf, list) else leaf for key, leaf in found.items()}

    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    return training(model, torch.compile(loss, dynamic=False) if compiled else loss, optimizer, by_name, compiled)


WORKLOAD = Workload(
    name="gpt",
    title="GPT, next token, AdamW, float32",
    cases={str(size): partial(make_task, size) for size in SIZES},
    builders={
        "ours": partial(ours, "norms"),
        "ours_block": partial(ours, "block"),
        "jax_grad": jax_grad,
        "flax_optax": partial(flax_optax, None),
        "flax_optax_remat": partial(flax_optax, "dots_with_no_batch_dims_saveable"),
        "torch_eager": partial(torch_program, False),
        "torch_compile": partial(torch_program, True),
    },
)
