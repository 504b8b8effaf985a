from pathlib import Path

import pytest

from backprop_jax.data import read_text


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffÖl\r\nzwei\rdrei\n".encode())
    assert read_text(tmp_path / "a.txt") == read_text(str(tmp_path / "a.txt")) == "Öl\nzwei\ndrei\n"


def test_a_folder_is_read_in_the_order_of_its_paths_without_hidden_files(tmp_path: Path) -> None:
    hidden = tmp_path / ".hidden"
    root = hidden / "corpus"  # hidden folders above do not count
    (root / "b" / ".git").mkdir(parents=True)
    for name, content in (("c.txt", "c"), ("b/x.md", "b"), ("a.txt", "a"), ("b/.git/y", "no"), (".z", "no")):
        (root / name).write_text(content)
    assert read_text(root) == "a\n\nb\n\nc"


def test_what_is_not_utf_8_is_named_with_the_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("good")
    (tmp_path / "b.txt").write_bytes("für".encode("latin1"))
    for path in (tmp_path, tmp_path / "b.txt"):
        with pytest.raises(ValueError, match=r"b\.txt is not UTF-8 at byte 1, 0xfc: "):
            read_text(path)


def test_a_character_cut_at_the_end_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("aé".encode()[:-1])
    with pytest.raises(ValueError, match="not UTF-8 at byte 1, 0xc3"):
        read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("content", ["", "\ufeff", " \n\t\n"])
def test_an_empty_corpus_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"there is no text in .*a\.txt"):
        read_text(tmp_path / "a.txt")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no text in"):
        read_text(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.txt"):
        read_text(tmp_path / "no.txt")
