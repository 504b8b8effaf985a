import jax
import jax.numpy as jnp

import backprop_jax as bp
from tests.catalogue import normal


def test_memory_that_every_layer_reads_collects_its_cotangents() -> None:
    """(x, memory) -> (x + memory, memory), twice: the memory is used twice, and passed on with cotangent 0."""
    add_memory = bp.fan_out(bp.Sum(), bp.select(1))
    model = bp.chain(add_memory, add_memory, bp.select(0))
    x = (normal(2, 3), normal(2, 3, scale=2.0))
    params, state = model.init(jax.random.key(0), x)
    y, _, residuals = model.forward(params, state, x)
    assert jnp.allclose(y, x[0] + 2 * x[1])
    _, (dx, dmemory) = model.backward(params, residuals, jnp.ones((2, 3)))
    assert (dx == 1).all() and (dmemory == 2).all()


def test_others_pass_by_untouched() -> None:
    others = (normal(2), {"mask": jnp.array([True])})
    params, state = bp.first(bp.Dense(3)).init(jax.random.key(0), (normal(4, 5), *others))
    y, _, _ = bp.first(bp.Dense(3)).forward(params, state, (normal(4, 5), *others))
    assert y[1] is others[0] and y[2] is others[1]


def test_the_container_stays_what_it_is() -> None:
    layer, dy = bp.first(bp.Dense(3)), normal(4, 2, 3)
    lengths = jnp.array([2, 0, 1, 2])
    for x in (bp.Padded(normal(4, 2, 5), lengths), [normal(4, 2, 5), lengths], (normal(4, 2, 5), lengths)):
        params, state = layer.init(jax.random.key(0), x)
        y, _, residuals = layer.forward(params, state, x)
        assert type(y) is type(x) and y[1] is lengths
        _, dx = layer.backward(
            params, residuals, type(x)(dy, None) if isinstance(x, bp.Padded) else type(x)((dy, None))
        )
        assert type(dx) is type(x) and dx[0].shape == (4, 2, 5) and dx[1] is None
