"""Optimizers in fewer bytes, and in fewer operations."""
