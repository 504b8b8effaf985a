"""Units that no longer answer."""

from collections.abc import Sequence

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.gradients import by_epoch
from backprop_jax.doctor.rows import LayerHealth

__all__ = ["dead_units", "saturated_activations"]

DEAD = 0.4
SATURATED = 0.5


def dead_units(health: Sequence[LayerHealth]) -> Finding | None:
    """Units that are 0 for the whole batch, in the last epoch."""
    worst = _worst(health, "dead", DEAD)
    if worst is None:
        return None
    return Finding(
        "dead units",
        worst[0],
        "the fraction of its units that are 0 for the whole batch",
        worst[1],
        DEAD,
        "CS231n, Stanford, notes on neural networks 1 (up to 40 % die where the learning rate is too high); Lu et al., "
        "2019, arXiv:1903.06733",
        "a lower learning rate, biases that start at 0, LeakyReLU or GELU, or a norm in front of the activation",
    )


def saturated_activations(health: Sequence[LayerHealth]) -> Finding | None:
    """Sigmoids and tanhs that are flat where they are used, in the last epoch."""
    worst = _worst(health, "saturated", SATURATED)
    if worst is None:
        return None
    return Finding(
        "saturated activations",
        worst[0],
        "the fraction of its outputs at which its slope is below a twentieth of the steepest",
        worst[1],
        SATURATED,
        "Glorot & Bengio, 2010, AISTATS, section 3 (saturated layers stop those before them); the limit is ours",
        "smaller initial weights (glorot_uniform), inputs of mean 0 and variance 1, a lower learning rate, a norm in "
        "front of the activation, or ReLU or GELU in its place",
    )


def _worst(health: Sequence[LayerHealth], field: str, limit: float) -> tuple[str, float] | None:
    layers = by_epoch(health)[-1] if health else {}
    beyond = {name: getattr(row, field) for name, row in layers.items() if getattr(row, field) > limit}
    if not beyond:
        return None
    name = max(beyond, key=beyond.__getitem__)
    return f"layer {name}" + (f" and {len(beyond) - 1} more" if len(beyond) > 1 else ""), beyond[name]
