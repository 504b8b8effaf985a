import jax
import jax.numpy as jnp

from backprop_jax.core.static import Static, Template


def test_passes_through_jit_scan_and_vmap_without_leaves() -> None:
    carried = Static((3, "shape"))
    assert jax.tree.leaves(carried) == []
    assert jax.jit(lambda x: (x, carried))(1.0)[1] == carried
    assert jax.lax.scan(lambda c, x: (c, (x, carried)), 0, jnp.arange(2))[1][1] == carried
    assert jax.vmap(lambda x: (x, carried))(jnp.arange(2))[1] == carried


def test_template_keeps_structure_and_types() -> None:
    template = Template.of({"a": jnp.ones((2, 3), jnp.bfloat16), "b": (jnp.arange(4),)})
    assert template.tree["a"].shape == (2, 3) and template.tree["a"].dtype == jnp.bfloat16
    assert template.tree["b"][0].dtype == jnp.int32
    assert jax.tree.leaves(template) == [] and hash(template) == hash(Template(template.structure, template.types))
