"""One file a workload; `benchmarks/workload.py` says what it defines."""
