"""XLA compiles quickly here and calculates slowly: the tests compile thousands of tiny programs and run each once."""

import os

# Twice the one, three times with the other. Both are for CPU; an unknown extra option is ignored.
QUICK = "--xla_backend_optimization_level=0 --xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {QUICK}".strip()
