"""Transforms that choose the direction of a step: what the gradient is scaled, averaged or signed by."""
