"""The activations: each is a function of one element, and its derivative.

Forward passes are those of `jax.nn`, so values and ties are too. Shapes and errors are those of `Elementwise`.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.layers.elementwise import Elementwise

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "HardSiLU",
    "HardSigmoid",
    "HardTanh",
    "LeakyReLU",
    "Mish",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softplus",
    "Tanh",
]


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """σ(x) = 1 / (1 + e⁻ˣ),   σ' = y (1 - y).   Saves y."""

    def value(self, x):
        return jax.nn.sigmoid(x)

    def saved(self, x, y):
        return y

    def derivative(self, saved):
        return saved * (1 - saved)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """y = tanh x,   y' = 1 - y².   Saves y."""

    def value(self, x):
        return lax.tanh(x)

    def saved(self, x, y):
        return y

    def derivative(self, saved):
        return 1 - saved * saved


@dataclass(frozen=True)
class ReLU(Elementwise):
    """y = max(x, 0),   y' = 1 where y > 0, else 0 (at a tie too).   Saves y.   Nair & Hinton, 2010."""

    def value(self, x):
        return jax.nn.relu(x)

    def saved(self, x, y):
        return y

    def derivative(self, saved):
        # The barrier keeps XLA from making y once more out of the input, which then would stay in memory beside y.
        return lax.optimization_barrier(saved) > 0


@dataclass(frozen=True)
class ReLU6(Elementwise):
    """y = min(max(x, 0), 6),   y' = 1 strictly between, else 0.   Saves a mask.

    Source: Howard et al., 2017, arXiv:1704.04861.
    """

    def value(self, x):
        return jax.nn.relu6(x)

    def saved(self, x, y):
        return (x > 0) & (x < 6)

    def derivative(self, saved):
        return saved


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """y = x where x >= 0, else slope x,   y' = 1 or slope.   Saves a mask.   Maas, Hannun & Ng, 2013."""

    negative_slope: float = 0.01

    def value(self, x):
        return jax.nn.leaky_relu(x, self.negative_slope)

    def saved(self, x, y):
        return x >= 0

    def derivative(self, saved):
        return jnp.where(saved, 1.0, self.negative_slope)


@dataclass(frozen=True)
class ELU(Elementwise):
    """y = x where x > 0, else α (eˣ - 1),   y' = 1 or α eˣ.   Saves x.   Clevert et al., 2016, arXiv:1511.07289.

    Not y, though y' = y + α: in bfloat16 that sum cancels.
    """

    alpha: float = 1.0

    def value(self, x):
        return jax.nn.elu(x, self.alpha)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        return jnp.where(saved > 0, 1.0, self.alpha * lax.exp(saved))


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


@dataclass(frozen=True)
class SELU(Elementwise):
    """y = λ ELU(x; α) with λ = 1.0507, α = 1.6733,   y' = λ or λα eˣ.   Saves x.

    Source: Klambauer et al., 2017, arXiv:1706.02515.
    """

    def value(self, x):
        return jax.nn.selu(x)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        return SELU_SCALE * jnp.where(saved > 0, 1.0, SELU_ALPHA * lax.exp(saved))


@dataclass(frozen=True)
class SiLU(Elementwise):
    """y = x σ(x),   y' = σ (1 + x (1 - σ)).   Saves x.   Elfwing, Uchibe & Doya, 2018, arXiv:1702.03118."""

    def value(self, x):
        return jax.nn.silu(x)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        gate = lax.logistic(saved)
        return gate * (1 + saved * (1 - gate))


@dataclass(frozen=True)
class GELU(Elementwise):
    """y = x Φ(x), or with approximate=True y = x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))).   Saves x.

    Exact:       y' = Φ(x) + x φ(x), with Φ and φ the normal distribution and density.
    Approximate: y' = (1 + t)/2 + x/2 (1 - t²) √(2/π) (1 + 0.134145 x²), with t the tanh above.
    Source:      Hendrycks & Gimpel, 2016, arXiv:1606.08415.
    """

    approximate: bool = True

    def value(self, x):
        return jax.nn.gelu(x, self.approximate)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        x = saved
        if self.approximate:
            root = math.sqrt(2 / math.pi)
            t = lax.tanh(root * (x + 0.044715 * x * x * x))
            return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 0.134145 * x * x)
        density = lax.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return 0.5 * (1 + lax.erf(x / math.sqrt(2))) + x * density


@dataclass(frozen=True)
class Softplus(Elementwise):
    """y = log(1 + eˣ),   y' = σ(x).   Saves x.   Dugas et al., 2001."""

    def value(self, x):
        return jax.nn.softplus(x)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        return lax.logistic(saved)


@dataclass(frozen=True)
class Mish(Elementwise):
    """y = x t with t = tanh(softplus(x)),   y' = t + x (1 - t²) σ(x).   Saves x.   Misra, 2019, arXiv:1908.08681."""

    def value(self, x):
        return jax.nn.mish(x)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        t = lax.tanh(jax.nn.softplus(saved))
        return t + saved * (1 - t * t) * lax.logistic(saved)


@dataclass(frozen=True)
class HardTanh(Elementwise):
    """y = -1, x or 1, as x is below, within or above [-1, 1],   y' = 1 within, else 0.   Saves a mask."""

    def value(self, x):
        return jax.nn.hard_tanh(x)

    def saved(self, x, y):
        return (x >= -1) & (x <= 1)

    def derivative(self, saved):
        return saved


@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """y = ReLU6(x + 3) / 6,   y' = 1/6 for x strictly between -3 and 3, else 0.   Saves a mask."""

    def value(self, x):
        return jax.nn.hard_sigmoid(x)

    def saved(self, x, y):
        return (y > 0) & (y < 1)

    def derivative(self, saved):
        return saved * (1 / 6)


@dataclass(frozen=True)
class HardSiLU(Elementwise):
    """y = x ReLU6(x + 3) / 6,   y' = 0, (2x + 3) / 6 or 1, as x is below, within or above (-3, 3).   Saves x.

    Source: Howard et al., 2019, arXiv:1905.02244.
    """

    def value(self, x):
        return jax.nn.hard_silu(x)

    def saved(self, x, y):
        return x

    def derivative(self, saved):
        gate = jax.nn.hard_sigmoid(saved)
        within = (saved > -3) & (saved < 3)
        return gate + jnp.where(within, saved / 6, 0.0)
