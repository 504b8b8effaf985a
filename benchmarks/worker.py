"""One process a framework.

JAX and PyTorch each start a thread for every core and keep freed memory for themselves. In processes of their own, of
which only one works at a time, neither is in the other's way.
"""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import Connection
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench import Bench, Costs, Evidence
from benchmarks.errors import WorkerFailed
from benchmarks.machine import Neighbours
from benchmarks.workload import Workload

__all__ = ["Worker", "workers"]

BENCHES = {"jax": ("benchmarks.jax_bench", "JaxBench"), "torch": ("benchmarks.torch_bench", "TorchBench")}


class Worker:
    """A `Bench` in another process."""

    def __init__(self, framework: str, workload: Workload) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would inherit the parent's threads half-dead
        self._framework = framework
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(framework, workload, theirs), daemon=True)
        self._process.start()
        theirs.close()  # so that a dead worker is the end of the file and not a wait for ever

    @property
    def compilations(self) -> int:
        return self._call("compilations")

    def open(self, case: str) -> None:
        self._call("open", case)

    def compile(self, name: str) -> Costs:
        return self._call("compile", name)

    def check(self, name: str) -> Evidence:
        return self._call("check", name)

    def turn(self, name: str, steps: int, warm_up: bool = True) -> float:
        return self._call("turn", name, steps, warm_up)

    def matmul_rate(self) -> float:
        return self._call("matmul_rate")

    def neighbours(self) -> float | None:
        """The share of the cores at hand that other processes used during its turns, other workers included."""
        return self._call("neighbours")

    def close(self) -> None:
        """End the process: it stops at the end of its input."""
        self._connection.close()
        self._process.join(timeout=10)
        self._process.terminate()
        self._process.join()

    def _call(self, method: str, *arguments: Any) -> Any:
        call = f"{method}({', '.join(map(repr, arguments))})"
        try:
            self._connection.send((method, arguments))
            succeeded, value = self._connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=10)
            code = self._process.exitcode
            raise WorkerFailed(f"the {self._framework} worker died in {call}, exit code {code}") from None
        if not succeeded:
            raise WorkerFailed(f"the {self._framework} worker failed in {call}: {value}")
        return value


@contextmanager
def workers(frameworks: Iterable[str], workload: Workload) -> Iterator[dict[str, Worker]]:
    """A worker for each framework, ended on leaving."""
    with ExitStack() as stack:
        started = {}
        for framework in frameworks:
            started[framework] = Worker(framework, workload)
            stack.callback(started[framework].close)
        yield started


def serve(framework: str, workload: Workload, connection: Connection) -> None:
    """The worker process: calls of a bench's methods come in, results go out, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent then closes the pipe
    # The other end closes when it has all it wants, or while a result is under way if it was interrupted.
    with TemporaryDirectory() as scratch, suppress(EOFError, BrokenPipeError):
        # Inductor keeps what it compiles: an empty folder makes every run compile afresh.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = scratch
        neighbours = Neighbours()
        bench: Bench | None = None
        while True:
            method, arguments = connection.recv()
            try:
                # Made here and not before, so that a framework that does not import is an error like any other.
                bench = bench or _bench(framework, workload)
                reply = True, _answer(bench, neighbours, method, arguments)
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                reply = False, f"{type(error).__name__}: {error}".splitlines()[0]
            connection.send(reply)


def _bench(framework: str, workload: Workload) -> Bench:
    module, name = BENCHES[framework]
    return getattr(import_module(module), name)(workload)


def _answer(bench: Bench, neighbours: Neighbours, method: str, arguments: tuple) -> Any:
    match method:
        case "neighbours":
            return neighbours.share
        case "compilations":
            return bench.compilations
        case "turn":
            with neighbours:
                return bench.turn(*arguments)
        case _:
            return getattr(bench, method)(*arguments)
