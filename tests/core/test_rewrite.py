from dataclasses import dataclass

import jax
import jax.numpy as jnp

import backprop_jax as bp
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.rewrite import layers_of, rewrite_outermost

model = bp.chain(
    embed=bp.Embedding(5, 4),
    blocks=bp.scan(bp.skip(bp.chain(bp.LayerNorm(), bp.Dropout(0.1))), 2),
    heads=bp.fan_out(bp.Dense(2), bp.chain(bp.Dense(3), bp.Dropout(0.2))),
)


def test_paths_lead_to_the_parameters() -> None:
    params, _ = jax.eval_shape(model.init, jax.random.key(0), jnp.arange(3))
    paths = {}
    bp.rewrite_with_path(model, lambda path, layer: paths.setdefault(path, layer) and layer)
    for path, layer in paths.items():
        entry = params
        for name in path.split("/") if path else ():
            entry = entry[name] if isinstance(entry, dict) else entry[int(name)] if name.isdigit() else ()
        if isinstance(layer, bp.Dense | bp.LayerNorm):
            assert isinstance(entry, dict) and set(entry) in ({"w", "b"}, {"scale", "shift"}), path
    assert {"embed", "blocks/0", "heads/0", "heads/1/0"} <= set(paths)


def test_sub_layers_come_before_the_layers_that_hold_them() -> None:
    seen = []
    bp.rewrite(bp.chain(bp.ReLU(), bp.skip(bp.Tanh())), lambda layer: seen.append(type(layer).__name__) or layer)
    assert seen == ["ReLU", "Tanh", "Skip", "Chain"]


def test_what_is_within_a_replaced_part_is_not_met() -> None:
    met = []

    def selects(path: str, part: bp.Layer) -> bool:
        met.append(path)
        return path == "blocks"

    replaced = rewrite_outermost(model, selects, lambda path, part: bp.skip(part))
    assert met[:4] == ["", "embed", "blocks", "heads"] and met.count("blocks") == 1
    assert not any(path.startswith("blocks/") for path in met)
    assert isinstance(model, Chain)
    embed, blocks, heads = model.children.layers
    assert replaced == bp.chain(embed=embed, blocks=bp.skip(blocks), heads=heads)


def test_nothing_to_change_gives_an_equal_model() -> None:
    assert bp.rewrite(model, lambda layer: layer) == model


def test_eval_mode_reaches_every_layer() -> None:
    modes = []
    bp.rewrite(
        bp.eval_mode(model), lambda layer: modes.append(layer.train) or layer if hasattr(layer, "train") else layer
    )
    assert modes == [False, False]


def test_layers_in_a_plain_tuple_are_reached() -> None:
    @dataclass(frozen=True)
    class Holder(bp.Layer):
        parts: tuple[bp.Layer, ...]

        def forward(self, params, state, x):
            return x, state, ()

        def backward(self, params, residuals, dy):
            return (), dy

    seen = {}
    held = bp.eval_mode(Holder((bp.Dropout(0.5), bp.skip(bp.Dropout(0.5)))))
    bp.rewrite_with_path(held, lambda path, layer: seen.setdefault(path, layer) and layer)
    assert seen["parts/0"].train is False and seen["parts/1"].train is False


def test_the_layers_of_a_class() -> None:
    inner, outer = bp.Dense(2), bp.Dense(3)
    model = bp.chain(bp.skip(bp.chain(inner, bp.ReLU())), outer)
    assert layers_of(model, bp.Dense) == [inner, outer]
    assert layers_of(outer, bp.Dense) == [outer]
    assert layers_of(model, bp.Tanh) == []
