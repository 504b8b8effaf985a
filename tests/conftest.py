"""XLA compiles quickly here and calculates slowly: the tests compile thousands of tiny programs and run each once."""

import os

# Twice as quick with the first, three times with both. The first is for every backend; the second is for CPUs, and one
# that this XLA does not know is ignored.
QUICK = "--xla_backend_optimization_level=0 --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
