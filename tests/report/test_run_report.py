"""The page of a training stands alone, says what it came to, and runs nothing that is in its files."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from backprop_jax.report import run_report
from tests.report.small_run import DOT, EVIL, write_run


class _Page(HTMLParser):
    """The tags and the text; every tag that is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.text, self.links = [], set(), [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.handle_startendtag(tag, attributes)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name.rpartition(":")[2] in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return run_report(write_run(tmp_path_factory.mktemp("report") / "a & b"))


def test_the_page_is_whole_and_needs_nothing_from_elsewhere(html: str) -> None:
    page = _Page(html)
    assert "svg" in page.tags and not page.tags & {"script", "link", "iframe", "object"}
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert not re.search(r"@import|url\((?!#)", html)
    assert html.startswith("<!doctype html>") and "viewport" in html and "prefers-color-scheme" in html
    assert f"data:image/png;base64,{DOT}" in html


def test_what_comes_from_files_is_text(html: str) -> None:
    assert "<script" not in html and "<title>a &amp; b</title>" in html
    assert EVIL in _Page(html).text  # as it is, in the settings and the names of layers


def test_what_it_came_to(html: str) -> None:
    text = _Page(html).text

    def told(name: str) -> str:
        return text[text.index(name) + 1]

    assert told("epochs") == "3" and told("steps") == "6"
    assert told("validation loss, best") == "0.5 (epoch 2)" and told("validation accuracy, best") == "0.7 (epoch 2)"
    assert told("train loss, last") == "0.2" and told("images per second") == "200"
    assert told("waiting for data") == "25%"
    assert told("width") == "8"
    for heading in ("Learning curves", "Gradient norms", "Health of the layers", "Examples whose label may be wrong"):
        assert heading in text
    assert "9.25" in text


def test_the_doctor_is_asked(html: str) -> None:
    assert "dead units" in _Page(html).text


def test_a_training_with_nothing_but_settings_is_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("epochs = 0\n")
    page = _Page(run_report(tmp_path))
    assert "history.csv is missing, or has nothing of this." in page.text
