"""What the README shows is what runs."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_first_example_learns_and_the_second_differentiates(blocks: list[str], capsys) -> None:
    names: dict = {}
    exec(blocks[0], names)
    assert len(blocks[0].strip().splitlines()) <= 30
    assert float(names["loss"]) < 0.1
    assert "residual bytes" in capsys.readouterr().out
    exec(blocks[2], names)


def test_every_public_name_that_it_mentions_exists() -> None:
    import backprop_jax as bp

    table = README.partition("## What is in it")[2].partition("## Measured")[0]
    for line in table.splitlines()[3:]:
        room, _, members = line.strip("|").partition("|")
        module = getattr(bp, room.strip(" `"), bp)
        for name in re.findall(r"`(\w+)`", members):
            assert hasattr(module, name), f"{room}{name}"
