"""XLA compiles quickly here and calculates slowly: the tests compile thousands of tiny programs and run each once."""

import os

# Twice as quick with the first, three times with the second; a tenth less with the rest, one thread a program being
# enough where each of two workers has one core.
QUICK = (
    "--xla_backend_optimization_level=0 --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters "
    "--xla_cpu_parallel_codegen_split_count=1 --xla_llvm_disable_expensive_passes=true"
)
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
