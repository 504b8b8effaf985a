"""Gradients that vanish or explode, from layer to layer or from step to step."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

import numpy as np

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.rows import HasNorms, LayerHealth

__all__ = ["by_epoch", "exploding_activations", "exploding_backward", "gradient_jumps", "vanishing_gradients"]

VANISHED = 1e-3
EXPLODED = 1e3
JUMP = 10.0
OVERFLOWING = 0.05  # of the steps: a scale that doubles every 20 steps or so
WINDOW = 50  # steps before the one that is judged
FEWEST = 20  # of them

DEPTH = "Glorot & Bengio, 2010, AISTATS, section 4.2 (signals should keep their size from layer to layer)"


def by_epoch(health: Sequence[LayerHealth]) -> list[dict[str, LayerHealth]]:
    """The layers of each epoch, in the order of the model."""
    epochs: dict[int, dict[str, LayerHealth]] = {}
    for row in health:
        epochs.setdefault(row.epoch, {})[row.layer] = row
    return list(epochs.values())


def vanishing_gradients(norms: Iterable[Mapping[str, float]]) -> Finding | None:
    """Of the layers' norms of each epoch, or step, one far below that of a layer behind it; frozen layers apart."""
    ratios = _ratios(norms, max)
    layer = min(ratios, key=ratios.__getitem__, default="")
    if not ratios or not ratios[layer] < VANISHED:
        return None
    return Finding(
        "vanishing gradients",
        f"layer {layer}",
        "the norm of its gradient over the largest of the layers behind it",
        ratios[layer],
        VANISHED,
        f"{DEPTH}; Nielsen, 2015, Neural Networks and Deep Learning, chapter 5 (the measure); the limit is ours",
        "ReLU or GELU in place of sigmoid and tanh, bp.skip around the layers, a norm between them, or initializers "
        "that suit the activation (he_normal, glorot_uniform)",
    )


def exploding_backward(health: Sequence[LayerHealth]) -> Finding | None:
    """A cotangent that grows on its way back."""
    norms = ({name: row.cotangent for name, row in layers.items()} for layers in by_epoch(health))
    ratios = _ratios(norms, min)
    layer = max(ratios, key=ratios.__getitem__, default="")
    if not ratios or not ratios[layer] > EXPLODED:
        return None
    return Finding(
        "exploding gradients",
        f"layer {layer}",
        "the norm of the gradient by its output, over the smallest of the layers behind it",
        ratios[layer],
        EXPLODED,
        f"{DEPTH}; the limit is ours",
        "initializers that suit the activation (he_normal, glorot_uniform), a norm between the layers, or "
        "optim.clip_by_global_norm",
    )


def exploding_activations(health: Sequence[LayerHealth]) -> Finding | None:
    """Outputs that grow on their way forward."""
    told = ({name: row.activation for name, row in layers.items()} for layers in by_epoch(health))
    backward = (dict(reversed(layers.items())) for layers in told)
    ratios = _ratios(backward, min)
    layer = max(ratios, key=ratios.__getitem__, default="")
    if not ratios or not ratios[layer] > EXPLODED:
        return None
    return Finding(
        "exploding activations",
        f"layer {layer}",
        "the root mean square of its output over the smallest of the layers before it",
        ratios[layer],
        EXPLODED,
        "He et al., 2015, arXiv:1502.01852, section 2.2 (weights whose variances multiply to 1); the limit is ours",
        "smaller initial weights (he_normal, glorot_uniform), or a norm between the layers",
    )


def gradient_jumps(steps: Sequence[HasNorms]) -> Finding | None:
    """A gradient far larger than those before it, and than the first: later ones may be small and uneven."""
    totals = np.array([math.hypot(*row.gradient_norms.values()) for row in steps])
    is_infinite = np.isinf(totals)
    # A few are what the adjusted scale of float16 makes now and then, and leaves out.
    if is_infinite.mean() > OVERFLOWING if len(totals) else False:
        return Finding(
            "exploding gradients",
            f"{int(is_infinite.sum()):,} of {len(steps):,} steps",
            "the share of steps whose gradient is infinite",
            float(is_infinite.mean()),
            OVERFLOWING,
            "the limit is ours",
            "optim.clip_by_global_norm, a lower learning rate, or in float16 a smaller first loss scale",
        )
    steps = [row for row, total in zip(steps, totals, strict=True) if math.isfinite(total)]
    totals = totals[np.isfinite(totals)]
    if not len(totals):
        return None
    ratios = np.zeros(len(totals))
    first = np.median(totals[:FEWEST])
    for place in FEWEST + np.flatnonzero(totals[FEWEST:] > JUMP * first):
        usual = max(np.median(totals[max(place - WINDOW, 0) : place]), first)
        ratios[place] = max(totals[place] / usual if usual > 0 else 0, ratios[place])
    place = int(ratios.argmax())
    if not ratios[place] > JUMP:
        return None
    return Finding(
        "exploding gradients",
        f"{int((ratios > JUMP).sum()):,} of {len(steps):,} steps, most at step {_number(steps, place)}",
        f"the norm of the gradient over the median of the {WINDOW} before it",
        float(ratios[place]),
        JUMP,
        "Pascanu, Mikolov & Bengio, 2013, arXiv:1211.5063, section 3.2 (clipping at half to ten times the usual norm)",
        "optim.clip_by_global_norm at a few times the usual norm, a lower learning rate, or a longer warm-up",
    )


def _ratios(tables: Iterable[Mapping[str, float]], against: Callable[[float, float], float]) -> dict[str, float]:
    """Of each layer its value over `against`, max or min, of those behind it: the median over the tables."""
    ratios: dict[str, list[float]] = {}
    for table in tables:
        told = [(name, value) for name, value in table.items() if math.isfinite(value) and value > 0]
        behind = list(accumulate((value for _, value in reversed(told)), against))[-2::-1]
        for (name, value), other in zip(told, behind, strict=False):
            ratios.setdefault(name, []).append(value / other)
    return {name: float(np.median(values)) for name, values in ratios.items()}


def _number(steps: Sequence, place: int) -> int:
    return getattr(steps[place], "step", place + 1)
