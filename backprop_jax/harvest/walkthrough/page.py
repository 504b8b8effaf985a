"""The page: the layers from the batch down to the value, each of which unfolds."""

import inspect
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from backprop_jax.core.layer import Layer
from backprop_jax.core.rewrite import layers_of
from backprop_jax.harvest.diagnosis import EDGES, FlowStatistics
from backprop_jax.harvest.walkthrough.explanation import (
    COLUMNS,
    LEFT,
    Explanation,
    LayerExplanation,
    difference,
    number,
    rows,
)

__all__ = ["page"]

BARS = {5: "forward", 6: "backward", 7: "gradient"}  # columns whose norms are bars, too

FLOW = "norm", "rms", "largest", "dead", "not_finite"  # fields of the statistics
SIZES = f"how many numbers are how large, from below {EDGES[0]:.0e} to above {EDGES[-1]:.0e} by factors of 4"

STYLE = """
:root { color-scheme: light dark; --forward: #2a78d6; --backward: #d6492a; --gradient: #3c9a4b; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 82rem; margin: 2rem auto; padding: 0 1rem; }
pre, code, .row { font-family: ui-monospace, monospace; font-size: 13px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.row { display: grid; gap: .2rem 1rem; padding: .3rem .4rem; align-items: center;
  grid-template-columns: 3fr 2fr 3fr 1.2fr 1.4fr 1.8fr 1.8fr 1.8fr 1.2fr; overflow-wrap: anywhere; }
.head { font-weight: 600; border-bottom: 2px solid; }
.number { text-align: right; }
.bar { display: block; height: 4px; margin-left: auto; border-radius: 2px; }
.forward { background: var(--forward); } .backward { background: var(--backward); }
.gradient { background: var(--gradient); }
details { border-bottom: 1px solid #8884; }
details > summary { cursor: pointer; list-style: none; }
details > summary:hover, details[open] > summary { background: #8882; }
.inside { padding: .2rem 1rem 1rem; }
table { border-collapse: collapse; } th, td { padding: .15rem .8rem .15rem 0; text-align: left; }
svg { display: block; } figure { display: inline-block; margin: .5rem 2rem .5rem 0; } figcaption { font-size: 13px; }
"""


def page(explanation: Explanation) -> str:
    """One document, with nothing in it from elsewhere."""
    cells = rows(explanation)
    longest = _bar_scale(explanation)
    layers = zip(explanation.layers, cells, strict=False)  # the last row is the total
    worst = difference(explanation.from_jax_grad) or "0"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>One batch, forward and backward</title>\n<style>{STYLE}</style>\n</head>\n<body>",
        "<h1>One batch, forward and backward</h1>",
        f"<p>{escape(explanation.headline)}. Gradients differ from those of jax.grad by {worst} at most, "
        "relative to each parameter's largest number, in float64; "
        f"{explanation.residual_bytes:,} bytes are saved from the forward pass for the backward pass.</p>",
        "<p>Read it down for the forward pass, which gives |y|, the norm of each layer's output, and up for the "
        "backward pass, which gives |dy|, that of its cotangent, and |dparams|, that of the gradient. Bars are "
        "logarithms. In a scan a norm has the range of its layers. Each row unfolds.</p>",
        _grid(COLUMNS, "row head"),
        *(_layer(layer, row, longest) for layer, row in layers),
        _grid(cells[-1], "row head"),
        _around(explanation),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def _grid(cells: Sequence[str], classes: str) -> str:
    texts = (f"<span>{escape(cell)}</span>" for cell in cells[:LEFT])
    numbers = (f'<span class="number">{escape(cell)}</span>' for cell in cells[LEFT:])
    return f'<div class="{classes}">{"".join([*texts, *numbers])}</div>'


def _layer(layer: LayerExplanation, cells: tuple[str, ...], scale: tuple[float, float]) -> str:
    norms = {5: _norm(layer.activation), 6: _norm(layer.cotangent), 7: layer.gradient_norm}
    shown = []
    for column, cell in enumerate(cells):
        kind = ' class="number"' if column >= LEFT else ""
        bar = _bar(norms[column], BARS[column], scale) if column in BARS else ""
        shown.append(f"<span{kind}>{escape(cell)}{bar}</span>")
    inside = [
        f"<p><code>{escape(repr(layer.layer))}</code></p>",
        *(f"<pre>{escape(text)}</pre>" for text in _docstrings(layer.layer)),
        _parameters(layer),
        _flow("y, forward", "forward", layer.activation),
        _flow("dy, backward", "backward", layer.cotangent),
    ]
    return _unfolding("".join(shown), inside)


def _docstrings(layer: Layer) -> list[str]:
    """Of the layer, and of those that it holds, each class once."""
    kinds = dict.fromkeys(type(part) for part in reversed(layers_of(layer, Layer)))
    return [_docstring(kind) for kind in kinds]


def _docstring(kind: type[Layer]) -> str:
    return f"{kind.__name__}\n\n{inspect.getdoc(kind) or ''}"


def _around(explanation: Explanation) -> str:
    """What holds the layers together: the objective, its loss and its wiring."""
    shown = {type(part) for layer in explanation.layers for part in layers_of(layer.layer, Layer)}
    kinds = dict.fromkeys(type(part) for part in reversed(layers_of(explanation.objective, Layer)))
    inside = [f"<p><code>{escape(repr(explanation.objective))}</code></p>"]
    inside += [f"<pre>{escape(_docstring(kind))}</pre>" for kind in kinds if kind not in shown]
    return _unfolding("<span>what holds them</span>", inside)


def _unfolding(summary: str, inside: Sequence[str]) -> str:
    head = f'<summary class="row">{summary}</summary>'
    return f'<details>\n{head}\n<div class="inside">{"".join(inside)}</div>\n</details>'


def _parameters(layer: LayerExplanation) -> str:
    if not layer.parameters:
        return ""
    lines = [
        (
            own.path,
            f"{own.dtype}{list(own.shape)}",
            number(own.norm),
            number(own.gradient_norm),
            difference(own.from_jax_grad),
        )
        for own in layer.parameters
    ]
    head = "parameter", "shape", "norm", "gradient", "from jax.grad"
    return f"<table>{_line(head, 'th')}{''.join(_line(line, 'td') for line in lines)}</table>"


def _line(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _flow(title: str, kind: str, flow: FlowStatistics | None) -> str:
    """What the taps tell: for each layer of a scan a line of numbers, and the histogram of all."""
    if flow is None or not np.any(flow.values):
        return ""
    stacked = np.ndim(flow.values)
    told = [
        (str(list(place)) if place else "", *(f"{getattr(flow, name)[place]:.3g}" for name in FLOW))
        for place in np.ndindex(np.shape(flow.values))
    ]
    table = "".join(_line(line, "td") for line in told)
    shares = np.mean(flow.histogram, tuple(range(stacked)))
    return (
        f"<figure><figcaption>{title}: {SIZES}</figcaption>{_histogram(shares, kind)}"
        f"<table>{_line(('', *(name.replace('_', ' ') for name in FLOW)), 'th')}{table}</table></figure>"
    )


def _histogram(shares: np.ndarray, kind: str) -> str:
    highest, width = max(float(np.max(shares)), 1e-9), 8
    bars = "".join(
        f'<rect x="{width * index}" y="{60 - 60 * share / highest:.1f}" width="{width - 1}" '
        f'height="{60 * share / highest:.1f}"/>'
        for index, share in enumerate(shares)
    )
    size = width * len(shares)
    return f'<svg width="{size}" height="61" viewBox="0 0 {size} 61" fill="var(--{kind})" role="img">{bars}</svg>'


def _norm(flow: FlowStatistics | None) -> np.ndarray | None:
    return None if flow is None else np.asarray(flow.norm)


def _logarithms(norm: np.ndarray | None) -> list[float]:
    return [math.log10(value) for value in np.ravel([] if norm is None else norm) if 0 < value < math.inf]


def _bar_scale(explanation: Explanation) -> tuple[float, float]:
    """The logarithms of the least and the largest of all norms."""
    norms = [(_norm(own.activation), _norm(own.cotangent), own.gradient_norm) for own in explanation.layers]
    found = [value for each in norms for norm in each for value in _logarithms(norm)]
    return (min(found), max(found)) if found else (0.0, 0.0)


def _bar(norm: np.ndarray | None, kind: str, scale: tuple[float, float]) -> str:
    found = _logarithms(norm)
    if not found:
        return ""
    low, high = scale
    part = (sum(found) / len(found) - low) / (high - low) if high > low else 1.0
    return f'<span class="bar {kind}" style="width:{5 + 95 * part:.0f}%"></span>'
