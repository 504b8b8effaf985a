"""Backward passes that are not the derivative, on purpose."""

from backprop_jax.harvest.rules.direct_feedback import DirectFeedback, direct_feedback
from backprop_jax.harvest.rules.feedback import FeedbackAlignment, WeightMirror
from backprop_jax.harvest.rules.straight_through import Binary, Spike, Step, StraightThrough, Ternary

__all__ = [
    "Binary",
    "DirectFeedback",
    "FeedbackAlignment",
    "Spike",
    "Step",
    "StraightThrough",
    "Ternary",
    "WeightMirror",
    "direct_feedback",
]
