"""Transforms and recipes that treat a weight as a matrix, or its gradient as a mixture."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from tests.optim.case import REAL, Case

MASK = "{'w': False, 'b': True, 'wave': True}"
WIDE = ("float32",)
COMPLEX = ("float32", "complex64")
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"


@dataclass(frozen=True)
class Weights(Case):
    """Parameters of these shapes; the first complex if `dtypes` has that."""

    dtypes: tuple[str, ...] = REAL
    of: tuple[tuple[str, tuple[int, ...]], ...] = (("w", (3, 4)), ("tall", (5, 2)), ("conv", (2, 3, 2, 4)))
    tolerance: float = 1e-5

    @property
    def shapes(self) -> dict[str, Any]:
        dtypes = (self.dtypes[-1], *["float32"] * len(self.of))
        return {
            name: jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))
            for (name, shape), dtype in zip(self.of, dtypes, strict=False)
        }


@dataclass(frozen=True)
class Matrices(Weights):
    """In float32 only: orthogonalization magnifies the rounding of bfloat16."""

    dtypes: tuple[str, ...] = WIDE


FACTORED = (("w", (4, 3)), ("b", (4,)), ("square", (3, 3)), ("conv", (2, 5, 3)), ("s", ()), ("flat", (5, 1)))
WITHOUT_SCALARS = (("w", (4, 3)), ("b", (4,)), ("conv", (2, 5, 3)))
MIXED = (("w", (3, 4)), ("b", (4,)), ("tall", (5, 2)), ("s", ()), ("conv", (2, 3, 2, 4)))

NUMBERS = (
    "{'w': MuonDimensionNumbers(0, 1), 'tall': MuonDimensionNumbers(-2, -1), "
    "'conv': MuonDimensionNumbers((0, 2), output_axis=3)}"
)
MIXED_NUMBERS = (
    "{'w': MuonDimensionNumbers(), 'b': None, 'tall': None, 's': None, 'conv': MuonDimensionNumbers((1, 3), (0, 2))}"
)
PROJECTED = (
    "{'w': None, 'b': None, 'tall': GaLoreDimensionNumbers(), 's': None, "
    "'conv': GaLoreDimensionNumbers((0, 3), (2, 1))}"
)
DION = "((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037))"

TRANSFORMS = {
    "scale_by_factored_rms": [
        Weights("scale_by_factored_rms()", COMPLEX, of=FACTORED),
        Weights("scale_by_factored_rms(min_dim_size_to_factor=3)", COMPLEX, of=FACTORED),
        Weights("scale_by_factored_rms(True, 0.5, -7, 2, 1e-3)", REAL, of=FACTORED),
        Weights("scale_by_factored_rms(factored=False, min_dim_size_to_factor=2)", REAL, of=FACTORED),
    ],
    "scale_by_sm3": [
        Weights("scale_by_sm3()", of=WITHOUT_SCALARS),
        Weights("scale_by_sm3(b1=0.5, b2=0.9, eps=1e-3)", of=WITHOUT_SCALARS),
    ],
    "scale_by_adopt": [
        Case("scale_by_adopt()", REAL),
        Case("scale_by_adopt(0.8, 0.95, 1e-3, jnp.bfloat16, nesterov=True)", REAL),
        "scale_by_adopt(b1=0.5, b2=0.9, eps=0.5, use_clipping=False)",
    ],
    "scale_by_ademamix": [
        "scale_by_ademamix()",
        "scale_by_ademamix(0.8, 0.95, 0.99, 2.0, 1e-3, 1e-4)",
        f"scale_by_ademamix(b3=cosine_decay_schedule(0.9, 9), alpha={COSINE})",
    ],
    "scale_by_simplified_ademamix": [
        Case("scale_by_simplified_ademamix()", REAL),
        Case(f"scale_by_simplified_ademamix(0.8, 0.9, {COSINE}, 1e-3, eps_root=1e-4)", REAL),
        Case("scale_by_simplified_ademamix(alpha=3.0)", REAL),
    ],
    "scale_by_muon": [
        Matrices(f"scale_by_muon(weight_dimension_numbers={NUMBERS})", COMPLEX),
        Matrices(f"scale_by_muon((2.0, -1.5, 0.5), 3, 0.8, 1e-3, weight_dimension_numbers={NUMBERS})"),
        Matrices(f"scale_by_muon({DION}, nesterov=False, adaptive=True, weight_dimension_numbers={NUMBERS})", COMPLEX),
        *(
            Matrices(f"scale_by_muon({DION}, preconditioning={how!r}, weight_dimension_numbers={NUMBERS})", dtypes)
            for how, dtypes in (("spectral", WIDE), ("aol", COMPLEX), ("schatten", WIDE))
        ),
    ],
    "scale_by_galore": [
        Matrices("scale_by_galore(rank=2, update_proj_gap=7)", of=MIXED),
        Matrices("scale_by_galore(1, 1, 0.25, trace(0.9))", of=MIXED),
        Matrices(f"scale_by_galore(update_proj_gap=20, weight_dimension_numbers={PROJECTED})", of=MIXED),
        Matrices("scale_by_galore(2, 9, weight_dimension_numbers=GaLoreDimensionNumbers(-1, 0))", of=MIXED[:4]),
    ],
}
RECIPES = {
    "adafactor": [
        Weights("adafactor()", COMPLEX, of=FACTORED),
        Weights("adafactor(0.1, 2, 0.7, -3)", REAL, of=FACTORED),
        Weights(
            f"adafactor({COSINE}, momentum=0.9, weight_decay_rate=0.1, weight_decay_mask={{'w': True, 'b': False, "
            "'square': True, 'conv': False, 's': True, 'flat': True})",
            REAL,
            of=FACTORED,
        ),
        Weights(
            "adafactor(0.1, multiply_by_parameter_scale=False, clipping_threshold=None, factored=False, eps=1e-3)",
            COMPLEX,
            of=FACTORED,
        ),
        Weights("adafactor(0.1, 3, momentum=0.5, dtype_momentum=jnp.bfloat16)", REAL, of=FACTORED),
    ],
    "sm3": [Weights("sm3(0.1)", of=WITHOUT_SCALARS), Weights("sm3(0.1, momentum=0.5)", of=WITHOUT_SCALARS)],
    "galore": [
        Matrices("galore(0.1, rank=2, update_proj_gap=7)", of=MIXED),
        Matrices(
            f"galore({COSINE}, 1, 20, 0.5, scale_by_adam(b1=0.5), 0.1, "
            "{'w': True, 'b': False, 'tall': False, 's': False, 'conv': True}, "
            f"weight_dimension_numbers={PROJECTED})",
            of=MIXED,
        ),
    ],
    "adopt": [
        Case("adopt(0.1)", REAL),
        f"adopt({COSINE}, 0.8, 0.95, 1e-3, nesterov=True, use_clipping=False)",
        Case("adopt(0.1, clip_value_fn=constant_schedule(0.5))", REAL),
    ],
    "ademamix": [
        "ademamix(0.1)",
        f"ademamix({COSINE}, 0.8, 0.95, 0.99, 2.0, 1e-3, 1e-4, weight_decay=0.1, mask={MASK})",
    ],
    "simplified_ademamix": [
        Case("simplified_ademamix(0.01)", REAL),
        Case(f"simplified_ademamix({COSINE}, 0.8, 0.9, 2.0, 1e-3, 1e-4, weight_decay=0.1, mask={MASK})", REAL),
    ],
    "muon": [
        # Not compiled in optax, which would calculate with a narrow mu in its own dtype.
        Weights("muon(0.1, ns_steps=1, mu_dtype=jnp.bfloat16)", of=(("w", (3, 4)), ("b", (4,))), reads_in_optax=False),
        Case("muon(0.1)", ("float32", "float32", "complex64"), tolerance=2e-5, reads_in_optax=False),
        Matrices(
            f"muon({COSINE}, 'dion', 5, 0.8, 1e-3, weight_decay=0.1, weight_decay_mask="
            "{'w': True, 'b': False, 'tall': False, 's': False, 'conv': True}, nesterov=False, adam_b1=0.5, "
            "adam_b2=0.9, adam_eps_root=1e-4, adam_weight_decay=0.2, adam_learning_rate=0.01, "
            f"muon_weight_dimension_numbers={MIXED_NUMBERS}, consistent_rms=0.2)",
            of=MIXED,
            reads_in_optax=False,
        ),
        Matrices(
            f"muon(0.1, {DION}, adaptive=True, preconditioning='aol', "
            "muon_weight_dimension_numbers=MuonDimensionNumbers())",
            of=(("w", (3, 4)), ("tall", (5, 2))),
            reads_in_optax=False,
        ),
    ],
}
ELSEWHERE = {
    "muon_labels": "directions/test_weight_matrices.py",
    "scale_by_shape": "directions/test_weight_matrices.py",
}
