"""The gated recurrent unit."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.initializers import Initializer, lecun_normal, orthogonal, zeros
from backprop_jax.layers.example_gradients import Beside, Outer, Rows
from backprop_jax.layers.recurrent.step import backward_of_step, backward_of_step_per_example, forward_of_step
from backprop_jax.layers.recurrent.weights import blocks, project, require_features, width_of

__all__ = ["GRUCell"]


class GRUSaved(NamedTuple):
    gates: jax.Array  # (B, 3 H)
    m: jax.Array | None  # (B, H), with reset_after: h u_n + c, which n does not tell where r is 0


@dataclass(frozen=True)
class GRUCell(Layer):
    """One step of the gated recurrent unit.

        r, z = σ(x w + h u + b)
        n    = tanh(x w + r m + b), m = h u + c     with `reset_after`: as PyTorch and cuDNN
        n    = tanh(x w + (r h) u + b)              without: as Cho et al.
        h'   = (1 - z) n + z h,   y = h'

    each with its third of w, u, b, in the order r z n.

    Shapes:   (h (B, H), x (B, D)) -> (h', y (B, H)), H = features.
    Params:   w (D, 3 H), u (H, 3 H), b (3 H,); with `reset_after` c (H,).   State: none.
    Saves:    the gates after their functions, and m. Over a sequence h is the output of the step before.
    Backward: with dh = dh' + dy,   da_n = dh (1 - z) (1 - n²),   da_z = dh (h - n) z (1 - z)
                with `reset_after` dm = r da_n,   da_r = da_n m r (1 - r),   dh_before = z dh + [da_r, da_z, dm] uᵀ
                without, dq = da_n u_nᵀ,   da_r = dq h r (1 - r),   dh_before = z dh + r dq + [da_r, da_z] u_rzᵀ
                da = [da_r, da_z, da_n],   dx = da wᵀ,   dw = xᵀ da,   db = Σ da
                du = [hᵀ da_r, hᵀ da_z, hᵀ dm or (r h)ᵀ da_n],   dc = Σ dm
    Units:    z is the share of the old h that stays.
    Raises:   ValueError if features is less than 1, or x is not (B, D) floating point of w's width.
    Source:   Cho et al., 2014, arXiv:1406.1078.
    """

    features: int
    reset_after: bool = True
    kernel_init: Initializer = lecun_normal()
    recurrent_init: Initializer = orthogonal()
    bias_init: Initializer = zeros()

    def __post_init__(self) -> None:
        require_features("GRUCell", "features", self.features)

    def initial_carry(self, x: jax.Array) -> jax.Array:
        """Zeros, for the x of one step."""
        width_of(self, x)
        return jnp.zeros((x.shape[0], self.features), x.dtype)

    def init(self, key: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[PyTree, PyTree]:
        width, dtype = width_of(self, x[1])
        keys = jax.random.split(key, 4)
        params = {
            "w": blocks(self.kernel_init, keys[0], (width, self.features), 3, dtype),
            "u": blocks(self.recurrent_init, keys[1], (self.features, self.features), 3, dtype),
            "b": self.bias_init(keys[2], (3 * self.features,), dtype),
        }
        if self.reset_after:
            params["c"] = self.bias_init(keys[3], (self.features,), dtype)
        return params, ()

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return forward_of_step(self, params, state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step(self, params, residuals, dy)

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return backward_of_step_per_example(self, params, residuals, dy)

    def project(self, params: PyTree, x: jax.Array) -> jax.Array:
        return project(self, params, x)

    def advance(self, params: PyTree, carry: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, GRUSaved]:
        u, size = params["u"], self.features
        a = z.astype(jnp.promote_types(z.dtype, jnp.float32)) + params["b"]
        recurrent = carry @ (u if self.reset_after else u[:, :-size])
        r, kept = jnp.split(jax.nn.sigmoid(a[..., :-size] + recurrent[..., : 2 * size]), 2, -1)
        m = recurrent[..., -size:] + params["c"] if self.reset_after else None
        n = jnp.tanh(a[..., -size:] + (r * m if m is not None else (r * carry).astype(z.dtype) @ u[:, -size:]))
        h = ((1 - kept) * n + kept * carry).astype(carry.dtype)
        return h, h, GRUSaved(jnp.concatenate([r, kept, n], -1).astype(z.dtype), m)

    def retreat(
        self, params: PyTree, saved: GRUSaved, before: jax.Array, after: jax.Array, dcarry: jax.Array, dy: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        dh, u = dcarry + dy, params["u"]
        r, z, n = jnp.split(saved.gates.astype(dh.dtype), 3, -1)
        # forward: h' = (1 - z) n + z h
        da_n, da_z = dh * (1 - z) * (1 - n * n), dh * (before - n) * z * (1 - z)
        if saved.m is not None:
            # forward: n = tanh(x w + r m + b), m = h u + c
            da_r = da_n * saved.m * r * (1 - r)
            dbefore = jnp.concatenate([da_r, da_z, da_n * r], -1) @ u.T
        else:
            # forward: n = tanh(x w + (r h) u + b)
            dq = da_n @ u[:, -self.features :].T
            da_r = dq * before * r * (1 - r)
            dbefore = dq * r + jnp.concatenate([da_r, da_z], -1) @ u[:, : -self.features].T
        return dh * z + dbefore, jnp.concatenate([da_r, da_z, da_n], -1)

    def collect(
        self, params: PyTree, saved: GRUSaved, x: jax.Array, before: jax.Array, after: jax.Array, steps: jax.Array
    ) -> tuple[PyTree, jax.Array]:
        da, dtype = steps, params["u"].dtype
        dparams: PyTree = {"w": Outer.of(x, da, params["w"].dtype), "b": Rows.of(da, params["b"].dtype)}
        r, da_rz, da_n = saved.gates[..., : self.features], da[..., : -self.features], da[..., -self.features :]
        if self.reset_after:
            dm = r * da_n
            dparams["u"] = Outer.of(before, jnp.concatenate([da_rz, dm], -1), dtype)
            dparams["c"] = Rows.of(dm, params["c"].dtype)
        else:
            dparams["u"] = Beside((Outer.of(before, da_rz, dtype), Outer.of(r * before, da_n, dtype)))
        return dparams, da @ params["w"].T

    def carries(self, y: jax.Array, saved: GRUSaved) -> jax.Array:
        return y
