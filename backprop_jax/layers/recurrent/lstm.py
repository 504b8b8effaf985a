"""Long short-term memory."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.example_gradients import Each
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, orthogonal, zeros
from backprop_jax.layers.example_gradients import Outer, Rows
from backprop_jax.layers.recurrent.step import backward_of_step, backward_of_step_per_example, forward_of_step
from backprop_jax.layers.recurrent.weights import blocks, project, require_features, width_of

__all__ = ["LSTMCarry", "LSTMCell"]


class LSTMCarry(NamedTuple):
    """What a step hands to the next: the output h (B, H), or (B, P) with a projection, and the memory c (B, H)."""

    h: jax.Array
    c: jax.Array


class LSTMSaved(NamedTuple):
    gates: jax.Array  # (B, 4 H)
    c: jax.Array  # (B, H), after the step


class LSTMSteps(NamedTuple):
    """The cotangents that the weight gradients need of each step."""

    dz: jax.Array
    dh: jax.Array | None  # with a projection


@dataclass(frozen=True)
class LSTMCell(Layer):
    """One step of long short-term memory.

        i, f, o = σ(x w + h u + b),   g = tanh(x w + h u + b),   each with its quarter of w, u, b, in the order i f g o
        c' = f c + i g,   h' = o tanh(c'),   y = h'

    With `use_peepholes` the gates see the memory: i and f add p c, o adds p c', before σ. With a projection to P
    numbers h' = (o tanh(c')) v.

    Shapes:   ((h (B, H), c (B, H)), x (B, D)) -> ((h', c'), y (B, H)), H = features.
    Params:   w (D, 4 H), u (H, 4 H), b (4 H,); p (3, H) for i, f, o; v (H, P), and u is then (P, 4 H).   State: none.
    Saves:    the gates after their functions, and c'. Over a sequence h is the output, and c that of the step before.
    Backward: with dh = dh' + dy,   do = dh tanh(c'),   dc = dc' + dh o (1 - tanh(c')²),   dc_before = f dc
                dz = [dc g i (1 - i), dc c f (1 - f), dc i (1 - g²), do o (1 - o)]
                dh_before = dz uᵀ,   dx = dz wᵀ,   dw = xᵀ dz,   du = hᵀ dz,   db = Σ dz
    Units:    `forget_bias` is what the forget gate's part of b begins with: at 1 a new cell remembers.
    Raises:   ValueError if features or projection is less than 1, or x is not (B, D) floating point of w's width.
    Source:   Hochreiter & Schmidhuber, 1997, Neural Computation 9(8); Gers, Schmidhuber & Cummins, 2000 (f); Gers &
              Schmidhuber, 2000 (p); Sak, Senior & Beaufays, 2014, arXiv:1402.1128 (v).
    """

    features: int
    forget_bias: float = 1.0
    use_peepholes: bool = False
    projection: int | None = None
    kernel_init: Initializer = lecun_normal()
    recurrent_init: Initializer = orthogonal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        require_features("LSTMCell", "features", self.features)
        if self.projection is not None:
            require_features("LSTMCell", "projection", self.projection)

    def initial_carry(self, x: jax.Array) -> LSTMCarry:
        """Zeros, for the x of one step."""
        width_of(self, x)
        batch = x.shape[0]
        return LSTMCarry(jnp.zeros((batch, self._outputs), x.dtype), jnp.zeros((batch, self.features), x.dtype))

    def init(self, key: jax.Array, x: tuple[LSTMCarry, jax.Array]) -> tuple[PyTree, PyTree]:
        width, dtype = width_of(self, x[1])
        keys = jax.random.split(key, 5)
        forget = jnp.zeros(4 * self.features, dtype).at[self.features : 2 * self.features].set(self.forget_bias)
        params = {
            "w": blocks(self.kernel_init, keys[0], (width, self.features), 4, dtype),
            "u": blocks(self.recurrent_init, keys[1], (self._outputs, self.features), 4, dtype),
            "b": self.bias_init(keys[2], (4 * self.features,), dtype) + forget,
        }
        if self.use_peepholes:
            params["p"] = self.kernel_init(keys[3], (3, self.features), dtype)
        if self.projection is not None:
            params["v"] = self.kernel_init(keys[4], (self.features, self.projection), dtype)
        return params, ()

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return forward_of_step(self, params, state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step(self, params, residuals, dy)

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step_per_example(self, params, residuals, dy)

    def project(self, params: PyTree, x: jax.Array) -> jax.Array:
        return project(self, params, x)

    def advance(self, params: PyTree, carry: LSTMCarry, z: jax.Array) -> tuple[LSTMCarry, jax.Array, LSTMSaved]:
        total = z + carry.h @ params["u"] + params["b"]
        i, f, g, o = jnp.split(total.astype(jnp.promote_types(total.dtype, jnp.float32)), 4, -1)
        if self.use_peepholes:
            i, f = i + params["p"][0] * carry.c, f + params["p"][1] * carry.c
        i, f, g = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jnp.tanh(g)
        c = f * carry.c + i * g
        o = jax.nn.sigmoid(o + params["p"][2] * c if self.use_peepholes else o)
        h = o * jnp.tanh(c)
        if self.projection is not None:
            h = h @ params["v"]
        gates, h, c = jnp.concatenate([i, f, g, o], -1), h.astype(carry.h.dtype), c.astype(carry.c.dtype)
        return LSTMCarry(h, c), h, LSTMSaved(gates.astype(z.dtype), c)

    def retreat(
        self,
        params: PyTree,
        saved: LSTMSaved,
        before: LSTMCarry,
        after: LSTMCarry,
        dcarry: LSTMCarry,
        dy: jax.Array,
    ) -> tuple[LSTMCarry, LSTMSteps]:
        i, f, g, o = jnp.split(saved.gates, 4, -1)
        dh = dcarry.h + dy
        # forward: h = m v, m = o tanh(c')
        dm = dh if self.projection is None else dh @ params["v"].T
        tanh_c = jnp.tanh(after.c.astype(dh.dtype))
        dz_o = dm * tanh_c * o * (1 - o)
        dc = dcarry.c + dm * o * (1 - tanh_c * tanh_c)
        if self.use_peepholes:
            dc = dc + params["p"][2] * dz_o
        dz_i, dz_f, dz_g = dc * g * i * (1 - i), dc * before.c * f * (1 - f), dc * i * (1 - g * g)
        dz = jnp.concatenate([dz_i, dz_f, dz_g, dz_o], -1)
        # forward: z = h u + ..., c' = f c + i g
        dc_before = dc * f
        if self.use_peepholes:
            dc_before = dc_before + params["p"][0] * dz_i + params["p"][1] * dz_f
        return LSTMCarry(dz @ params["u"].T, dc_before), LSTMSteps(dz, None if self.projection is None else dh)

    def collect(
        self,
        params: PyTree,
        saved: LSTMSaved,
        x: jax.Array,
        before: LSTMCarry,
        after: LSTMCarry,
        steps: LSTMSteps,
    ) -> tuple[PyTree, jax.Array]:
        dz = steps.dz
        dparams: PyTree = {
            "w": Outer.of(x, dz, params["w"].dtype),
            "u": Outer.of(before.h, dz, params["u"].dtype),
            "b": Rows.of(dz, params["b"].dtype),
        }
        if self.use_peepholes:
            dz_i, dz_f, _, dz_o = jnp.split(dz, 4, -1)
            parts = before.c * dz_i, before.c * dz_f, after.c * dz_o
            p = params["p"].dtype
            dparams["p"] = Each.of(jnp.stack([Rows.of(part, p).each() for part in parts], 1), p)
        if steps.dh is not None:
            o = saved.gates[..., -self.features :]
            dparams["v"] = Outer.of(o * jnp.tanh(after.c), steps.dh, params["v"].dtype)
        return dparams, dz @ params["w"].T

    def carries(self, y: jax.Array, saved: LSTMSaved) -> LSTMCarry:
        return LSTMCarry(y, saved.c)

    @property
    def _outputs(self) -> int:
        return self.features if self.projection is None else self.projection
