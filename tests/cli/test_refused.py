from pathlib import Path

import pytest

from backprop_jax.cli.refused import Refused, refusing


def test_expected_errors_become_one_line() -> None:
    with pytest.raises(Refused) as refused, refusing(ValueError, prefix="--params: ", status=1):
        raise ValueError("too\n  long")
    assert (str(refused.value), refused.value.status) == ("--params: too long", 1)


def test_errors_of_the_system_lose_their_number_and_path() -> None:
    with pytest.raises(Refused, match=r"^--out x: Not a directory$"), refusing(OSError, prefix="--out x: "):
        raise NotADirectoryError(20, "Not a directory", "x")


def test_a_file_that_the_prefix_does_not_name_is_told(tmp_path: Path) -> None:
    """As one of a folder that cannot be read. One to be written is not there, and has a name of no meaning."""
    file, prefix = tmp_path / "a.txt", f"--data {tmp_path}: "
    file.touch()
    for path, message in (
        (file, f"{prefix}{file}: Permission denied"),
        (tmp_path / "new", f"{prefix}Permission denied"),
    ):
        with pytest.raises(Refused) as refused, refusing(OSError, prefix=prefix):
            raise PermissionError(13, "Permission denied", str(path))
        assert str(refused.value) == message


def test_others_are_bugs_and_pass() -> None:
    with pytest.raises(KeyError), refusing(ValueError):
        raise KeyError
