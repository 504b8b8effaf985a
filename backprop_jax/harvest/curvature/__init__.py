"""The curvature of an objective: products with it, its spectrum, its diagonal, its Kronecker factors, steps by it."""

from backprop_jax.harvest.curvature.diagonal import curvature_diagonal
from backprop_jax.harvest.curvature.giving import GiveCurvature, GiveProduct
from backprop_jax.harvest.curvature.kfac import scale_by_kfac
from backprop_jax.harvest.curvature.kronecker import Diagonal, Kronecker, kronecker_factors, kronecker_layout
from backprop_jax.harvest.curvature.natural_gradient import scale_by_natural_gradient
from backprop_jax.harvest.curvature.products import fisher_product, gauss_newton_product, hessian_product
from backprop_jax.harvest.curvature.spectrum import top_eigenvalues, trace

__all__ = [
    "Diagonal",
    "GiveCurvature",
    "GiveProduct",
    "Kronecker",
    "curvature_diagonal",
    "fisher_product",
    "gauss_newton_product",
    "hessian_product",
    "kronecker_factors",
    "kronecker_layout",
    "scale_by_kfac",
    "scale_by_natural_gradient",
    "top_eigenvalues",
    "trace",
]
