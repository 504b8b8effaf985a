"""K-FAC: the gradient of each layer, multiplied by the inverses of its two Kronecker factors."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import cho_solve

from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path, path_name
from backprop_jax.harvest.curvature.kronecker import Curvature, Diagonal, Kronecker
from backprop_jax.optim.arguments import require_extra
from backprop_jax.optim.hyperparameters import Scalar, concrete, require_count, require_decay, require_positive
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform

__all__ = ["KFACState", "scale_by_kfac"]


class KFACState(NamedTuple):
    """Running averages of the blocks, and the inverses that the updates are made with."""

    count: jax.Array
    curvature: Curvature
    inverses: Curvature


@dataclass(frozen=True)
class scale_by_kfac(Transform):
    """Multiply each weight's gradient W (D, F) by the inverse of its block A ⊗ G.

        U = (A + π √λ I)⁻¹ W (G + √λ / π I)⁻¹,   π² = (tr A / D) / (tr G / F),   λ = damping
        U = U min(1, √(norm_constraint / Σ <U, W>))

    A parameter with a diagonal block has w / (d + λ). A and G are running averages, in which the k-th blocks have the
    share 1 - min(1 - 1/k, decay) when they come; the inverses are made anew, by Cholesky, at every `inverse_every`-th
    step. The blocks are given to update(updates, state, params, curvature=curvature), as `kronecker_factors` makes
    them, or as a function without arguments, which is then called at every `factors_every`-th step only. `layout` is
    `kronecker_layout(objective, batch)`. Parameters of no block are left alone. Where only the weight or only the bias
    of a block has a gradient, the other's being None, as that of a frozen one is, it is inverted without the other.

    Blocks that are not all finite count for nothing: the averages and inverses stay as they are, those of the first
    step zero, and the next step is asked for blocks again.

    State:  `KFACState(count, curvature, inverses)`: twice the memory of A and G. count is that of the steps that count.
    Units:  Σ <U, W> is about the square of the step's length in the metric of the Fisher matrix: with a learning rate η
            behind it, it stays below η² norm_constraint. None: no bound.
    Raises: ValueError if damping or norm_constraint is not above 0, damping is infinite, decay is outside [0, 1), an
            interval is no whole number above 0, the parameters do not have those of the layout, or the curvature is of
            another layout; TypeError at update if curvature is missing.
    Source: Martens & Grosse, 2015, arXiv:1503.05671, sections 5 and 6.3; the bound: Ba, Grosse & Martens, 2017
            (distributed K-FAC), section 5.
    """

    layout: Curvature
    damping: Scalar = 1e-3
    decay: Scalar = 0.95
    inverse_every: int = 1
    factors_every: int = 1
    norm_constraint: Scalar | None = None

    def __post_init__(self) -> None:
        require_positive(self, "damping", "1e-3 is usual: it bounds the inverse")
        damping = concrete(self.damping)
        if damping is not None and not np.all(np.isfinite(damping)):
            raise ValueError(f"scale_by_kfac: damping must be finite, got {self.damping!r}; 1e-3 is usual")
        require_decay(self, "decay", "0.95 is usual: the share of the old averages")
        require_count(self, "inverse_every", "1 to 100 is usual: the steps from one inverse to the next")
        require_count(self, "factors_every", "1 to 20 is usual: the steps from one call of curvature to the next")
        if self.norm_constraint is not None:
            require_positive(self, "norm_constraint", "1e-3 is usual; None for no bound")

    def init(self, params: PyTree) -> KFACState:
        found = by_path(params)
        missing = [name for block in self.layout for name in block.names if name not in found]
        if missing:
            raise ValueError(f"scale_by_kfac: the layout has the parameters {', '.join(missing)}, params has not")
        zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.layout)
        return KFACState(first_count(), zeros, zeros)

    def update(
        self, updates: PyTree, state: KFACState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, KFACState]:
        [given] = require_extra(self, extra, "curvature")
        old = state.curvature
        # As often as the factors come, so that the first ones weigh most at first and none is made of zeros.
        every = 1 if isinstance(given, tuple) else self.factors_every
        keep = jnp.minimum(1 - every / (state.count + every), self.decay)
        if isinstance(given, tuple):
            curvature, is_good = self._averaged(old, given, keep)
        else:
            is_due = state.count % self.factors_every == 0
            same = old, jnp.array(True)
            curvature, is_good = lax.cond(is_due, lambda: self._averaged(old, given(), keep), lambda: same)
        is_due = is_good & (state.count % self.inverse_every == 0)
        separate = _uncoupled(curvature, set(by_path(updates)))
        inverses = lax.cond(is_due, self._inverses, lambda _: state.inverses, separate)
        count = jnp.where(is_good, safe_increment(state.count), state.count)
        updates = self._bounded(updates, self._multiplied(updates, inverses))
        return updates, KFACState(count, curvature, inverses)

    def _averaged(self, old: Curvature, new: Curvature, keep: jax.Array) -> tuple[Curvature, jax.Array]:
        """The new averages, and whether the blocks were finite: the old ones if not."""
        if jax.tree.structure(new) != jax.tree.structure(old):
            names = [", ".join(name for block in blocks for name in block.names) for blocks in (old, new)]
            raise ValueError(
                f"scale_by_kfac: the layout has blocks for {names[0]}, the curvature for {names[1]}; make both of one "
                "objective"
            )
        # A sum is finite only if its terms are; one that is too large for its dtype is no better than they.
        is_good = jnp.isfinite(jnp.array([jnp.sum(leaf, dtype=jnp.float32) for leaf in jax.tree.leaves(new)])).all()
        mixed = jax.tree.map(lambda a, b: jnp.where(is_good, keep * a + (1 - keep) * b, a).astype(a.dtype), old, new)
        return mixed, is_good

    def _inverses(self, curvature: Curvature) -> Curvature:
        def inverse(block: Kronecker | Diagonal) -> Kronecker | Diagonal:
            if isinstance(block, Diagonal):
                return replace(block, d=1 / (block.d + self.damping))
            mean_a, mean_g = (jnp.trace(m, axis1=-2, axis2=-1) / m.shape[-1] for m in (block.a, block.g))
            has_both = (mean_a > 0) & (mean_g > 0)
            pi = jnp.sqrt(jnp.where(has_both, mean_a, 1) / jnp.where(has_both, mean_g, 1))
            root = jnp.sqrt(self.damping)
            return replace(block, a=_inverse(block.a, root * pi), g=_inverse(block.g, root / pi))

        return tuple(map(inverse, curvature))

    def _multiplied(self, updates: PyTree, inverses: Curvature) -> PyTree:
        leaves = by_path(updates)
        done: dict[str, jax.Array] = {}
        for block in inverses:
            own = [leaves.get(name) for name in block.names]
            if all(leaf is None for leaf in own):
                continue  # frozen: there is no gradient
            changed = [own[0] * block.d] if isinstance(block, Diagonal) else _solve(block, own)
            done |= {
                name: new.reshape(old.shape).astype(old.dtype)
                for name, new, old in zip(block.names, changed, own, strict=True)
                if old is not None
            }
        return jax.tree_util.tree_map_with_path(lambda path, leaf: done.get(path_name(path), leaf), updates)

    def _bounded(self, gradient: PyTree, updates: PyTree) -> PyTree:
        if self.norm_constraint is None:
            return updates
        products = jax.tree.map(lambda g, u: jnp.sum(g.astype(jnp.float32) * u), gradient, updates)
        square = sum(jax.tree.leaves(products))
        factor = jnp.minimum(1, jnp.sqrt(self.norm_constraint / jnp.maximum(square, jnp.finfo(jnp.float32).tiny)))
        return jax.tree.map(lambda leaf: (factor * leaf).astype(leaf.dtype), updates)


def _uncoupled(curvature: Curvature, present: set[str]) -> Curvature:
    """Without what ties a weight to its bias in A, where one of the two has no gradient."""

    def alone(block: Kronecker | Diagonal) -> Kronecker | Diagonal:
        if isinstance(block, Diagonal) or len(present.intersection(block.names)) in (0, len(block.names)):
            return block
        is_bias = jnp.arange(block.a.shape[-1]) == block.a.shape[-1] - 1
        return replace(block, a=jnp.where(is_bias[:, None] == is_bias, block.a, 0))

    return tuple(map(alone, curvature))


def _solve(block: Kronecker, own: list[jax.Array | None]) -> list[jax.Array]:
    """A⁻¹ W G⁻¹ of the weight, with the bias as its last row; a None among them is zero."""
    a, g, as_matrix = block.a, block.g, block.as_matrix
    lead, features = g.shape[:-2], g.shape[-1]
    weight, *bias = own
    width = a.shape[-1] - len(bias)
    zeros = jnp.zeros((*lead, width + 1, features), a.dtype)
    rows = [zeros[..., :width, :] if weight is None else as_matrix.into(weight, lead, features)]
    rows += [zeros[..., :1, :] if part is None else part.reshape(*lead, 1, features) for part in bias]
    # Inverses are large where little is left of the gradient: an accelerator's rounding would be most of that.
    with jax.default_matmul_precision("highest"):
        product = a @ jnp.concatenate(rows, -2).astype(a.dtype) @ g
    matrix = product[..., :width, :]
    return [matrix if weight is None else as_matrix.back(matrix, weight.shape), *(product[..., -1, :] for _ in bias)]


def _inverse(matrix: jax.Array, damping: jax.Array) -> jax.Array:
    eye = jnp.eye(matrix.shape[-1], dtype=matrix.dtype)
    factor = jnp.linalg.cholesky(matrix + damping[..., None, None] * eye)
    return cho_solve((factor, True), jnp.broadcast_to(eye, matrix.shape))
