"""XLA compiles quickly here and calculates slowly: the tests compile thousands of tiny programs and run each once."""

import gc
import os

# Twice as quick with the first, three times with the second; a tenth less with the rest, one thread a program being
# enough where each of two workers has one core.
QUICK = (
    "--xla_backend_optimization_level=0 --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters "
    "--xla_cpu_parallel_codegen_split_count=1 --xla_llvm_disable_expensive_passes=true"
)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()

os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "1")  # a program need not tell from where each line came


def pytest_collection_finish() -> None:
    """What importing has made stays: each collection of garbage looked through it, a twentieth of the time."""
    gc.collect()
    gc.freeze()


def share_contexts() -> None:
    """One MLIR context for a thousand programs: JAX makes one for each and loads all dialects, a seventh of the time.

    JAX has no public way, and without this all works as well.
    """
    try:
        from jax._src.interpreters import mlir
    except ImportError:
        return
    if not hasattr(mlir, "make_ir_context"):
        return
    make, held = mlir.make_ir_context, []

    def shared():
        if not held or held[1] == 1000:
            held[:] = [make(), 0]
        held[1] += 1
        return held[0]

    mlir.make_ir_context = shared


share_contexts()
