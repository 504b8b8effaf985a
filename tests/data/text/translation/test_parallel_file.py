from pathlib import Path

import pytest

from backprop_jax.data import ParallelText, read_parallel

WANTED = ParallelText(("one\u2028two", "three"), ("un deux", "trois"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_files(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.en").write_bytes(f"\ufeffone\u2028two{end}three {end}".encode())
    (tmp_path / "a.fr").write_bytes(f"un deux{end}trois".encode())
    assert read_parallel(tmp_path / "a.en", str(tmp_path / "a.fr")) == WANTED


def test_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes("one\u2028two\tun deux\r\nthree \t trois\r\n".encode())
    assert read_parallel(tmp_path / "a.tsv") == WANTED


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\tb\nc d\n", r"a\.tsv, line 2: .* not 0 tabs"),
        (b"a\tb\tc\n", r"a\.tsv, line 1: .* not 2 tabs"),
        (b"a\tb\n\nc\td\n", r"a\.tsv, line 2: .* not 0 tabs"),
        (b"a\tb\nc\t \n", r"a\.tsv, line 2: there is no sentence"),
        (b"\tb\n", r"a\.tsv, line 1: there is no sentence"),
        (b"a\tb\xff\n", r"a\.tsv is not UTF-8 at byte 3, 0xff"),
        (b"", r"there is no text in .*a\.tsv"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_parallel(tmp_path / "a.tsv")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (b"1\n2\n", r"a has 3 lines and .*b 2"),
        (b"1\n2\n3\n\n", r"a has 3 lines and .*b 4"),
        (b"1\n \n3\n", r"b, line 2: there is no sentence; leave the line out"),
        (b"1\n2\n\xe9\n", r"b is not UTF-8 at byte 4"),
    ],
)
def test_files_that_do_not_match_are_named(tmp_path: Path, target: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(b"x\ny\nz\n")
    (tmp_path / "b").write_bytes(target)
    with pytest.raises(ValueError, match=message):
        read_parallel(tmp_path / "a", tmp_path / "b")


def test_folders_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder: name a file"):
        read_parallel(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no\.tsv"):
        read_parallel(tmp_path / "no.tsv")
