"""Muon's momentum: average gradients become matrices with singular values near one."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.directions.matrix_axes import MatrixAxes
from backprop_jax.optim.directions.moments import Direction, corrected_mean, require_decays, require_epsilons
from backprop_jax.optim.directions.orthogonalization import PRECONDITIONINGS, orthogonalize
from backprop_jax.optim.directions.weight_matrices import NumbersOrFunction, axes_by_leaf
from backprop_jax.optim.hyperparameters import Scalar, dtype_name, hash_of, require_count
from backprop_jax.optim.leafwise import PyTree, RuleUse, align, apply_rules, unzip, zeros_like
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform


class MuonState(NamedTuple):
    """Steps taken, the average gradient, and the coefficients of the iteration."""

    count: jax.Array
    mu: PyTree
    ns_coeffs: jax.Array


@dataclass(frozen=True)
class scale_by_muon(Transform):
    """Average gradients, and move the singular values of each matrix of the average close to one.

        mu <- beta mu + (1 - beta) g
        u  = orthogonalize(m),   m = mu / (1 - beta^t)
        with nesterov:  m = beta mu / (1 - beta^(t+1)) + (1 - beta) g / (1 - beta^t)
        with adaptive:  u = Re(Σ conj(m) o) o,   o = orthogonalize(m)

    orthogonalize takes `ns_steps` steps with the three numbers `ns_coeffs`, or a step for each row of them, after a
    `preconditioning`, "frobenius", "spectral", "aol" or "schatten": see `optim.directions.orthogonalization`.
    `weight_dimension_numbers` is a tree of `MuonDimensionNumbers` with the structure of the parameters or a prefix of
    it, or a function from the updates to such a tree. Where it has none, the parameter must be a matrix.

    State:  `MuonState(count, mu, ns_coeffs)`: count int32; mu like the parameters, in `mu_dtype` if given; ns_coeffs
            of shape (3,) or (rows, 3).
    Raises: ValueError if ns_coeffs has another shape or more than `ns_steps` rows, ns_steps is not a whole number above
            0, beta is outside [0, 1), eps is negative, or preconditioning has another name; at update if updates and
            state differ in structure or shape, or a parameter is not a matrix and has no fitting dimension numbers.
    Source: Jordan et al., 2024, "Muon"; adaptive: Bernstein & Newhouse, 2024, arXiv:2409.20325.
    """

    ns_coeffs: Any = (3.4445, -4.7750, 2.0315)
    ns_steps: int = 5
    beta: Scalar = 0.95
    eps: Scalar = 1e-8
    mu_dtype: Any = None
    _: KW_ONLY
    nesterov: bool = True
    adaptive: bool = False
    preconditioning: str = "frobenius"
    weight_dimension_numbers: NumbersOrFunction | None = None

    def __post_init__(self) -> None:
        require_decays(self, "beta")
        require_epsilons(self, "eps")
        require_count(self, "ns_steps", "5 is usual: the steps of the iteration")
        object.__setattr__(self, "ns_coeffs", _as_tuples(self.ns_coeffs))
        object.__setattr__(self, "mu_dtype", dtype_name(self, "mu_dtype"))
        rows, width = (1, *jax.eval_shape(jnp.asarray, self.ns_coeffs).shape)[-2:]
        if width != 3 or rows > self.ns_steps:
            raise ValueError(
                f"scale_by_muon: ns_coeffs must be three numbers, or at most ns_steps = {self.ns_steps} rows of three, "
                f"got {self.ns_coeffs!r}; (3.4445, -4.7750, 2.0315) is usual"
            )
        if self.preconditioning not in PRECONDITIONINGS:
            raise ValueError(
                f"scale_by_muon: preconditioning must be one of {PRECONDITIONINGS}, got {self.preconditioning!r}"
            )

    def __hash__(self) -> int:
        return hash_of(*vars(self).values())

    def init(self, params: PyTree) -> MuonState:
        return MuonState(first_count(), zeros_like(params, self.mu_dtype), jnp.asarray(self.ns_coeffs))

    def update(
        self, updates: PyTree, state: MuonState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, MuonState]:
        count = safe_increment(state.count)
        scalars = _Scalars(corrected_mean(self.beta, count, nesterov=self.nesterov), state.ns_coeffs, self.eps)
        structure, rows = align(updates, [("mu", state.mu)])
        axes = axes_by_leaf("scale_by_muon", self.weight_dimension_numbers, updates)
        rules = (own and _Rule(own, self.ns_steps, self.preconditioning, self.adaptive) for own in axes)
        new_rows = [
            row if rule is None else apply_rules((RuleUse(rule, renewed=1),), row, (scalars,))
            for row, rule in zip(rows, rules, strict=True)
        ]
        updates, mu = unzip(structure, new_rows, 1)
        return updates, state._replace(count=count, mu=mu)


class _Scalars(NamedTuple):
    mean: Direction
    ns_coeffs: jax.Array
    eps: Scalar


@dataclass(frozen=True)
class _Rule:
    """Equal for leaves of equal shape, so that JAX traces it once for all of them."""

    axes: MatrixAxes
    steps: int
    preconditioning: str
    adaptive: bool

    def __call__(self, gradient: jax.Array, mu: jax.Array, scalars: _Scalars) -> tuple[jax.Array, jax.Array]:
        mean, mu = scalars.mean.of(gradient, mu)
        matrices = self.axes.to_matrices(mean)
        matrices = orthogonalize(matrices, scalars.ns_coeffs, self.steps, self.preconditioning, scalars.eps)
        update = self.axes.from_matrices(matrices, gradient.shape)
        return update * jnp.real(jnp.vdot(mean, update)) if self.adaptive else update, mu


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, (list, tuple)) else value
