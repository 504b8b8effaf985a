import os
from dataclasses import replace

import pytest

from benchmarks.errors import WorkerFailed
from benchmarks.worker import workers
from tests.benchmarks.tiny import TINY


def raises():
    raise ValueError("no such data\nand more lines")


def dies():
    os._exit(7)


def test_what_goes_wrong_in_a_worker_is_one_line():
    workload = replace(TINY, cases={"raising": raises, "dying": dies})
    with workers(["jax"], workload) as started:
        with pytest.raises(
            WorkerFailed, match=r"^the jax worker failed in open\('raising'\): ValueError: no such data$"
        ):
            started["jax"].open("raising")
        assert started["jax"].compilations > 0  # it lives on
        with pytest.raises(WorkerFailed, match=r"^the jax worker died in open\('dying'\), exit code 7$"):
            started["jax"].open("dying")
