import pytest

from backprop_jax.cli.refused import Refused, refusing


def test_expected_errors_become_one_line() -> None:
    with pytest.raises(Refused) as refused, refusing(ValueError, prefix="--params: ", status=1):
        raise ValueError("too\n  long")
    assert (str(refused.value), refused.value.status) == ("--params: too long", 1)


def test_errors_of_the_system_lose_their_number_and_path() -> None:
    with pytest.raises(Refused, match=r"^--out x: Not a directory$"), refusing(OSError, prefix="--out x: "):
        raise NotADirectoryError(20, "Not a directory", "x")


def test_others_are_bugs_and_pass() -> None:
    with pytest.raises(KeyError), refusing(ValueError):
        raise KeyError
