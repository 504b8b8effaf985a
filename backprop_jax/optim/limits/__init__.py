"""Transforms that bound, decay or perturb updates."""
