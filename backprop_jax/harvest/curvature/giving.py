"""What the transforms of curvature ask for at each step, for `make_step(..., extra=...)` and `fit(..., extra=...)`."""

from dataclasses import dataclass
from typing import Any

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.curvature.kronecker import kronecker_factors
from backprop_jax.harvest.curvature.products import gauss_newton_product

__all__ = ["GiveCurvature", "GiveProduct"]


@dataclass(frozen=True)
class GiveCurvature:
    """Gives `scale_by_kfac` the Kronecker factors of each batch, when it asks for them.

    The arguments are those of `kronecker_factors`.
    """

    objective: Layer
    how: str = "sampled"
    samples: int = 1

    def __post_init__(self) -> None:
        kronecker_factors(self.objective, self.how, self.samples)  # refuses what it cannot do before anything is run

    def __call__(self, params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None) -> dict[str, Any]:
        factors = kronecker_factors(self.objective, self.how, self.samples)
        return {"curvature": lambda: factors(params, state, batch, key)[1]}


@dataclass(frozen=True)
class GiveProduct:
    """Gives `scale_by_natural_gradient` the products with the Gauss-Newton matrix of each batch."""

    objective: Layer

    def __post_init__(self) -> None:
        gauss_newton_product(self.objective)

    def __call__(self, params: PyTree, state: PyTree, batch: PyTree, key: jax.Array | None) -> dict[str, Any]:
        return {"product": gauss_newton_product(self.objective)(params, state, batch)}
