"""Low-rank adapters: a trained model is fine-tuned by small matrices beside its own, which stay as they are."""

from dataclasses import dataclass
from numbers import Real

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.kernels import kernels_of, with_kernels
from backprop_jax.combinators.reparameterize import Reparameterize, reparameterize
from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree, call_that_makes

__all__ = ["lora", "merge_lora"]


def lora(layer: Layer, rank: int, alpha: float | None = None, where: str = "*") -> Reparameterize:
    """The layer with kernels of which only a part of low rank is trained.

        w = base + alpha / rank a b

    Adapted are the parameters named `w` with two axes or more whose path matches `where`, a pattern as of
    `optim.groups`: `"*/c_attn/w|*/c_proj/w"`. All other parameters are constants too. To begin with those of a trained
    model: `model.init_free(key, params)`. For a state of the adapters alone, and that no decay moves the base:
    `optim.groups({"base/*": optim.set_to_zero()}, default=optim.adamw(1e-4))`.

    Params:   a dict: "base", those of the layer; "adapters", by the paths of the kernels (..., D, F): "a" (..., D,
              rank), drawn from N(0, 1/D), and "b" (..., rank, F), 0 at first, so that the layer starts as it was. The
              axes before the last two, such as a scan's, are taken one by one.
    State, saves: those of the layer.
    Backward: da = alpha / rank dw bᵀ,   db = alpha / rank aᵀ dw;   0 for the base
    Raises:   ValueError if the rank is less than 1, alpha is not above 0 and finite; at init if no kernel matches, or
              the rank is more than an axis of one that does.
    Source:   Hu et al., 2021, arXiv:2106.09685, section 4.1.
    """
    require_layer("lora", layer)
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"lora needs a rank of 1 or more, a whole number, not {rank!r}")
    alpha = rank if alpha is None else alpha
    if isinstance(alpha, bool) or not isinstance(alpha, Real) or not 0 < float(alpha) < float("inf"):
        raise ValueError(f"lora needs a finite alpha above 0, not {alpha!r}")
    return reparameterize(layer, AddAdapters(float(alpha) / rank), NewAdapters(rank, where))


def merge_lora(layer: Reparameterize, params: PyTree) -> PyTree:
    """The parameters of the layer without adapters that does the same: `lora(layer, ...)`'s, put together.

    Raises:   TypeError if the layer is not of `lora`.
    """
    if not isinstance(layer, Reparameterize) or not isinstance(layer.fn, AddAdapters):
        raise TypeError(f"merge_lora takes what lora made, not {layer!r}")
    return layer.fn(params)


@dataclass(frozen=True)
class AddAdapters:
    """The parameters of the layer."""

    scale: float

    def __repr__(self) -> str:
        return call_that_makes(self)

    def __call__(self, free: PyTree) -> PyTree:
        base = lax.stop_gradient(free["base"])
        kernels = kernels_of(base)

        def adapted(w: jax.Array, adapter: dict[str, jax.Array]) -> jax.Array:
            return (w + self.scale * (adapter["a"] @ adapter["b"])).astype(w.dtype)

        return with_kernels(base, {path: adapted(kernels[path], part) for path, part in free["adapters"].items()})


@dataclass(frozen=True)
class NewAdapters:
    """The free parameters that make these."""

    rank: int
    where: str

    def __repr__(self) -> str:
        return call_that_makes(self)

    def __call__(self, key: jax.Array, params: PyTree) -> PyTree:
        from backprop_jax.optim.inspection.tree_paths import matches  # here: nothing else needs the optimizers

        kernels = kernels_of(params)
        chosen = {path: w for path, w in kernels.items() if matches(path, self.where)}
        if not chosen:
            raise ValueError(f"lora: {self.where!r} matches no kernel; there are {', '.join(kernels) or 'none'}")
        for path, w in chosen.items():
            if self.rank > min(w.shape[-2:]):
                raise ValueError(f"lora: the rank {self.rank} is more than {path} {list(w.shape)} has")
        keys = jax.random.split(key, len(chosen))
        return {"base": params, "adapters": dict(zip(chosen, map(self._adapter, keys, chosen.values()), strict=True))}

    def _adapter(self, key: jax.Array, w: jax.Array) -> dict[str, jax.Array]:
        *steps, width, features = w.shape
        dtype = jnp.promote_types(w.dtype, jnp.float32)
        a = jax.random.normal(key, (*steps, width, self.rank), dtype) / jnp.sqrt(width).astype(dtype)
        return {"a": a, "b": jnp.zeros((*steps, self.rank, features), dtype)}
