"""Contestants are compared only if they compute the same: equal losses, equal gradients, equal training."""

from collections.abc import Mapping

import numpy as np

from benchmarks.bench import Evidence
from benchmarks.errors import Disagreement

__all__ = ["GRADIENT_TOLERANCE", "require_agreement"]

GRADIENT_TOLERANCE = 1e-4  # relative: float32 sums taken in another order differ by 1e-6 to 1e-5
TRAINING_TOLERANCE = 1e-3  # relative, on the loss: Adam's first steps magnify rounding where a gradient is near zero

# A leaf that should be zero (the bias before a norm) holds rounding noise, relative to which nothing agrees. So no leaf
# is held to less than this share of the largest.
NEGLIGIBLE = 1e-3


def require_agreement(
    name: str,
    evidence: Evidence,
    reference_name: str,
    reference: Evidence,
    gradient_tolerance: float = GRADIENT_TOLERANCE,
) -> None:
    """Raise `Disagreement`, naming what differs, unless two contestants compute the same."""
    problems = []
    if (error := _relative(evidence.loss, reference.loss)) > GRADIENT_TOLERANCE:
        problems.append(f"loss {evidence.loss:.7g} against {reference.loss:.7g} ({error:.1e})")
    problems += _gradient_problems(evidence.gradients, reference.gradients, gradient_tolerance)
    for number, (loss, expected) in enumerate(zip(evidence.losses, reference.losses, strict=True)):
        if (error := _relative(loss, expected)) > TRAINING_TOLERANCE:
            problems.append(f"loss after {number} steps {loss:.7g} against {expected:.7g} ({error:.1e})")
    if problems:
        raise Disagreement(f"{name} does not compute what {reference_name} does: {'; '.join(problems)}")


def _gradient_problems(
    gradients: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], tolerance: float
) -> list[str]:
    if gradients.keys() != reference.keys():
        return [f"gradients of {sorted(gradients)} against {sorted(reference)}"]
    problems = []
    floor = NEGLIGIBLE * max(map(_norm, reference.values()))
    for leaf, expected in reference.items():
        gradient = gradients[leaf]
        if gradient.shape != expected.shape:
            problems.append(f"gradient of {leaf} has the shape {gradient.shape} against {expected.shape}")
            continue
        error = _norm(gradient - expected) / max(_norm(expected), floor)
        if not error <= tolerance:  # written so that a NaN is a problem too
            problems.append(f"gradient of {leaf} differs by {error:.1e}")
    return problems


def _norm(array: np.ndarray) -> float:
    """Root mean square, so that leaves of different sizes compare."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def _relative(value: float, expected: float) -> float:
    error = abs(value - expected) / max(abs(expected), np.finfo(np.float32).tiny)
    return float(error) if np.isfinite(error) else np.inf
