"""Transforms around other transforms: on some leaves, on some steps, with hyper-parameters in the state."""
