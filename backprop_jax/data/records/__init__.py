"""Examples in files, as many as the disk holds: written one after another, read in any order."""

from backprop_jax.data.records.reading import Records
from backprop_jax.data.records.writing import write_records

__all__ = ["Records", "write_records"]
