"""Who takes part. Every workload uses these names and defines a builder for each contestant that makes sense there."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from benchmarks.errors import UsageError
from benchmarks.workload import Workload

__all__ = ["CONTESTANTS", "Contestant", "obstacle", "select"]


@dataclass(frozen=True)
class Contestant:
    """A way to train the same model."""

    framework: str  # the worker process that it runs in
    meaning: str
    packages: tuple[str, ...] = ()  # beside those that backprop_jax itself needs
    extra: str = ""  # the extra of backprop-jax that installs them
    may_fail: bool = False  # to compile: it is then left out with the reason, and the others go on


CONTESTANTS: Mapping[str, Contestant] = {
    "ours": Contestant("jax", "backprop_jax: the hand-written backward"),
    "jax_grad": Contestant("jax", "jax.value_and_grad of our forward, with our optimizer: only the backward differs"),
    "jax_checkpoint": Contestant("jax", "jax.value_and_grad of a scan over chunks under jax.checkpoint"),
    "flax_optax": Contestant("jax", "flax.linen + optax + jax.value_and_grad", ("flax", "optax"), "bench"),
    "flax_optax_remat": Contestant("jax", "that with jax.checkpoint's best policy", ("flax", "optax"), "bench"),
    "equinox": Contestant("jax", "equinox + optax", ("equinox", "optax"), "bench"),
    "ours_block": Contestant("jax", "backprop_jax, which saves the inputs of blocks and computes the rest again"),
    "ours_flat": Contestant("jax", "backprop_jax, with parameters, gradients and state packed by optim.flat"),
    "ours_plain": Contestant("jax", "backprop_jax, the step without what the workload adds to it"),
    "ours_tenth": Contestant("jax", "backprop_jax, with what the workload adds at every tenth step only"),
    "ours_one_by_one": Contestant("jax", "backprop_jax, one model after another, a compiled step a call"),
    "ours_scanned": Contestant("jax", "backprop_jax, one model after another, all steps of a model in one call"),
    "vmap_grad": Contestant("jax", "jax.vmap of jax.value_and_grad: the gradient of each example"),
    "optax": Contestant("jax", "optax", ("optax",), "bench"),
    "torch_eager": Contestant("torch", "PyTorch, eager", ("torch",), "torch"),
    "torch_compile": Contestant("torch", "PyTorch, torch.compile", ("torch",), "torch", may_fail=True),
    "backpack": Contestant("torch", "BackPACK", ("torch", "backpack"), "torch"),
    "opacus": Contestant("torch", "Opacus, ghost clipping", ("torch", "opacus"), "torch"),
    "torch_foreach": Contestant("torch", "PyTorch's optimizer with foreach=True", ("torch",), "torch"),
    "torch_fused": Contestant("torch", "PyTorch's optimizer with fused=True", ("torch",), "torch"),
}


def obstacle(name: str) -> str | None:
    """What a contestant lacks on this machine, or None if it can run."""
    contestant = CONTESTANTS[name]
    if any(find_spec(package) is None for package in contestant.packages):
        return f"needs backprop-jax[{contestant.extra}]"
    if name == "torch_compile" and not any(map(shutil.which, ("g++", "clang++"))):
        return "needs a C++ compiler"
    return None


def select(workload: Workload, asked: list[str] | None) -> tuple[list[str], dict[str, str]]:
    """The contestants to run, and those left out with the reason. One that was asked for is never left out."""
    if asked is None:
        there = [name for name in CONTESTANTS if name in workload.builders]
        left_out = {name: lacks for name in there if (lacks := obstacle(name))}
        return [name for name in there if name not in left_out], left_out
    for name in asked:
        if name not in CONTESTANTS:
            raise UsageError(f"unknown contestant {name!r}: choose from {', '.join(CONTESTANTS)}")
        if name not in workload.builders:
            raise UsageError(f"{workload.name} has no contestant {name}: choose from {', '.join(workload.builders)}")
        if lacks := obstacle(name):
            raise UsageError(f"cannot run {name}: it {lacks}")
    return [name for name in CONTESTANTS if name in asked], {}
