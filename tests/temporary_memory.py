"""The temporary memory of a program as those who use the library compile it."""

import jax

# XLA's own values, for what tests/conftest.py changes.
DEFAULT = {"xla_backend_optimization_level": 3, "xla_backend_extra_options": ""}


def temporary_bytes(lowered: jax.stages.Lowered) -> int:
    memory = lowered.compile(compiler_options=DEFAULT).memory_analysis()
    assert memory is not None
    return memory.temp_size_in_bytes
