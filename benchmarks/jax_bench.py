"""Compiling, checking and timing JAX contestants."""

import time
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.bench import CHECKED_STEPS, MATMUL_SIZE, MATMUL_TRIES, Costs, Evidence
from benchmarks.workload import JaxProgram, Task, Workload

__all__ = ["JaxBench"]


class JaxBench:
    """JAX contestants: each step jitted with its carry donated, and run ahead of Python as in a training loop."""

    compilations = 3

    def __init__(self, workload: Workload) -> None:
        # A persistent cache, if the user has one, would hide the cost of compiling.
        jax.config.update("jax_enable_compilation_cache", False)
        self._workload = workload

    def open(self, case: str) -> None:
        self._task: Task = self._workload.cases[case]()
        self._batch = jax.device_put(self._task.batch)
        self._programs: dict[str, JaxProgram] = {}
        self._steps: dict[str, Any] = {}

    def compile(self, name: str) -> Costs:
        program = self._workload.builders[name](self._task)
        program = replace(program, carry=jax.tree.map(jnp.asarray, program.carry))
        jax.clear_caches()
        self._programs[name] = program
        if program.peak_bytes is not None:
            return self._compile_parts(name, program)
        start = time.perf_counter()
        lowered = jax.jit(program.step, donate_argnums=0).lower(program.carry, self._batch)
        traced = time.perf_counter()
        compiled = lowered.compile()
        end = time.perf_counter()
        self._steps[name] = compiled
        memory = compiled.memory_analysis()
        if memory is None:
            return Costs(traced - start, end - traced, None)
        needed = memory.temp_size_in_bytes
        if self._workload.counts_arguments:
            needed += memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
        return Costs(traced - start, end - traced, needed)

    def _compile_parts(self, name: str, program: JaxProgram) -> Costs:
        """By a first step, whose time is that of tracing, compiling and running."""
        peak = program.peak_bytes(program.carry, self._batch) if program.peak_bytes else None
        jax.clear_caches()
        carry = self._fresh_carry(name)
        start = time.perf_counter()
        jax.block_until_ready(program.step(carry, self._batch))
        self._steps[name] = program.step
        return Costs(None, time.perf_counter() - start, peak)

    def check(self, name: str) -> Evidence:
        loss, gradients = jax.jit(self._programs[name].gradients)(self._programs[name].carry, self._batch)
        losses, carry = [], self._fresh_carry(name)
        for _ in range(CHECKED_STEPS):
            carry, step_loss = self._steps[name](carry, self._batch)
            losses.append(float(step_loss))
        return Evidence(float(loss), {leaf: np.asarray(gradient) for leaf, gradient in gradients.items()}, losses)

    def turn(self, name: str, steps: int, warm_up: bool = True) -> float:
        step, batch = self._steps[name], self._batch
        carry, loss = jax.block_until_ready(self._fresh_carry(name)), None
        if warm_up:
            carry, loss = jax.block_until_ready(step(carry, batch))
        start = time.perf_counter()
        for _ in range(steps):
            carry, loss = step(carry, batch)
        jax.block_until_ready((carry, loss))
        return time.perf_counter() - start

    def matmul_rate(self) -> float:
        matrix = jnp.full((MATMUL_SIZE, MATMUL_SIZE), 0.5)
        jnp.matmul(matrix, matrix).block_until_ready()  # compiled, threads awake
        times = []
        for _ in range(MATMUL_TRIES):
            start = time.perf_counter()
            jnp.matmul(matrix, matrix).block_until_ready()
            times.append(time.perf_counter() - start)
        return 2 * MATMUL_SIZE**3 / min(times)

    def _fresh_carry(self, name: str) -> Any:
        """The first carry, copied, for a step destroys what it is given.

        Every turn starts from it: a model that has fitted its batch for minutes computes with denormal gradients.
        """
        return jax.tree.map(jnp.copy, self._programs[name].carry)
