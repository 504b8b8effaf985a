"""Whole training steps against JAX and PyTorch peers, interleaved in one run: `python -m benchmarks --help`.

To add a workload, write a file in `workloads/`; `workload.py` says what it defines. Then read on: `contestants.py`, who
takes part; `runner.py`, who runs when; `bench.py`, what the runner asks of a framework, answered by `jax_bench.py` and
`torch_bench.py`, each in a process of its own (`worker.py`).
"""
