"""Sequences read from both ends."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax

from backprop_jax.combinators.parallel import Parallel
from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.combinators.with_backward import WithBackward
from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.children import Children
from backprop_jax.core.cotangents import add
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import layers_of, rewrite
from backprop_jax.core.static import Static
from backprop_jax.layers.join import Concatenate, Identity
from backprop_jax.layers.recurrent import Padded

__all__ = ["Bidirectional", "bidirectional"]


def bidirectional(forward: Layer, backward: Layer | None = None) -> "Bidirectional":
    """Sequences through two layers, one for each direction, and their outputs side by side.

    Without `backward` it is `forward` with each `recurrent` in it turned round, and has parameters of its own.
    """
    require_layer("bidirectional", forward)
    if backward is None:
        backward = rewrite(forward, _turned_round)
        if backward == forward:
            raise ValueError(f"bidirectional finds no recurrent layer in {forward} to turn round: give it `backward`")
    both = Children.of("bidirectional", (), {"forward": forward, "backward": backward})
    return Bidirectional(Parallel(both, Identity()))


SIDE_BY_SIDE = Concatenate(-1)


class BidirectionalResiduals(NamedTuple):
    layer: PyTree
    widths: Static
    padded: Static


@dataclass(frozen=True)
class Bidirectional(Layer):
    """Two layers on the same sequences, most often one from the first step on and one from the last.

        y = [f(x), g(x)]

    Shapes:   x (B, T, D) -> y (B, T, H_f + H_g), or `Padded(x, lengths)` -> `Padded(y, lengths)`; with carry="input" in
              both, (x, (carry_f, carry_g)) -> (y, (carry_f, carry_g)).
    Params, state: {"forward": those of f, "backward": those of g}.   Saves: what f and g save.
    Backward: [dy_f, dy_g] = dy,   dx = f'ᵀ dy_f + g'ᵀ dy_g: the adjoint of copying is adding.
    Raises:   ValueError if one of the two has carry="input", or a recurrent layer inside one of them has it, if one
              reads from the end and carries its state from call to call, or if one output is `Padded`.
    Source:   Schuster & Paliwal, 1997, IEEE Transactions on Signal Processing 45(11).
    """

    is_wiring = True
    layer: Parallel

    def __post_init__(self) -> None:
        parts = self._parts
        carries = [part.carry if isinstance(part, Recurrent) else None for part in parts]
        if carries.count("input") == 1:
            raise ValueError(f"bidirectional needs carry='input' in both layers or in none: {self}")
        for part in parts:
            for layer in layers_of(part, Recurrent):
                if layer.reverse and layer.carry == "state":
                    raise ValueError(
                        f"bidirectional needs the end of its sequences, which a stream has not yet: {layer}"
                    )
                if layer != part and layer.carry == "input":
                    raise ValueError(f"bidirectional has no carry for a layer with carry='input' inside {part}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, self._inputs(x))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, BidirectionalResiduals]:
        outputs, state, residuals = self.layer.forward(params, state, self._inputs(x))
        each = self.layer.children.unpack(outputs)
        sequences, carries = zip(*each, strict=True) if self._has_carries else (each, None)
        padded = [isinstance(part, Padded) for part in sequences]
        if any(padded) and not all(padded):
            raise ValueError(f"bidirectional needs Padded from both layers or from none: {self}")
        y, _, widths = SIDE_BY_SIDE.forward((), (), tuple(part.x if any(padded) else part for part in sequences))
        if any(padded):
            y = Padded(y, sequences[0].lengths)
        residuals = BidirectionalResiduals(residuals, widths, Static(any(padded)))
        return (y, carries) if self._has_carries else y, state, residuals

    def backward(self, params: PyTree, residuals: BidirectionalResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        dy, dcarries = dy if self._has_carries else (dy, None)
        padded = residuals.padded.value
        if padded and dy is not None:
            dy = dy.x
        each: PyTree = (None, None) if dy is None else SIDE_BY_SIDE.backward((), residuals.widths, dy)[1]
        if padded and dy is not None:
            each = [Padded(part, None) for part in each]
        if self._has_carries:
            each = zip(each, dcarries or (None, None), strict=True)
        children = self.layer.children
        dparams, dinputs = self.layer.backward(params, residuals.layer, children.pack(each))
        dinputs = children.unpack(dinputs)
        if not self._has_carries:
            return dparams, add(*dinputs)
        dx, dcarries = zip(*(part or (None, None) for part in dinputs), strict=True)
        return dparams, (add(*dx), dcarries)

    @property
    def _has_carries(self) -> bool:
        return all(isinstance(part, Recurrent) and part.carry == "input" for part in self._parts)

    @property
    def _parts(self) -> list[Layer]:
        """The two layers as they were before their backward was replaced."""
        return [part.layer if isinstance(part, WithBackward) else part for part in self.layer.children.layers]

    def _inputs(self, x: PyTree) -> PyTree:
        """The input of each layer."""
        if not self._has_carries:
            return self.layer.children.pack((x, x))
        require_components(self, x, 2)
        x, carries = x
        require_components(self, carries, 2)
        return self.layer.children.pack((x, carry) for carry in carries)


def _turned_round(layer: Layer) -> Layer:
    return replace(layer, reverse=not layer.reverse) if isinstance(layer, Recurrent) else layer
