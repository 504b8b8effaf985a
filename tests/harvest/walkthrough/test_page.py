"""The page is complete by itself, well-formed, and escapes what it is given."""

import numpy as np

from backprop_jax.harvest.walkthrough.page import page
from tests.harvest.walkthrough.strict_html import Strict
from tests.harvest.walkthrough.test_walk import by_hand


def test_the_page_needs_nothing_and_escapes_all(tmp_path) -> None:
    found, *_ = by_hand()
    found.save(tmp_path / "page.html")
    seen = Strict((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert seen.count["details"] == seen.count["summary"] == len(found.layers) + 1
    assert "dx = dy wᵀ" in seen.text and "FromFunction(fn=<lambda>)" in seen.text
    assert not {"script", "link", "img", "iframe", "lambda"} & seen.count.keys()
    assert not {"src", "href", "onclick"} & seen.attributes and "url(" not in seen.text
    assert "3e-01" in seen.text and seen.count["svg"] == 10


def test_norms_of_zero_and_of_none_have_no_bar() -> None:
    found, *_ = by_hand()
    whole, broken = found.layers[0], found.layers[1]
    assert whole.cotangent is not None
    dead = whole._replace(cotangent=whole.cotangent._replace(norm=np.zeros(())))
    bars = [page(found._replace(layers=(layer, broken))).count('class="bar backward"') for layer in (whole, dead)]
    assert bars == [2, 1]
    bare = page(found._replace(layers=(dead._replace(activation=None, parameters=()),)))
    assert Strict(bare).count["svg"] == 1 and 'class="bar' not in bare
