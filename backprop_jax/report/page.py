"""One document with nothing in it from elsewhere, for a phone and a desk, by day and by night."""

import base64
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["drawing", "html_page", "picture", "table", "tiles", "unfolding"]

STYLE = """
:root { color-scheme: light dark; --back: #ffffff; --front: #1b1d21; --muted: #666666; --line: #8885;
  --raised: #f3f4f6; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181c; --front: #e8e9eb; --muted: #a4a7ad; --raised: #22252b; } }
body { background: var(--back); color: var(--front); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  padding: 1rem; max-width: 68rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0; } .muted, figcaption { color: var(--muted); font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.tile { background: var(--raised); border-radius: .5rem; padding: .5rem .8rem; }
.tile b { display: block; font-size: 1.25rem; font-weight: 600; }
.wide { overflow-x: auto; } figure { margin: .5rem 0 1rem; }
figure svg { display: block; width: 100%; height: auto; min-width: 34rem; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: normal; } td:last-child { overflow-wrap: anywhere; }
.finding { border-left: .3rem solid #D55E00; background: var(--raised); padding: .5rem .8rem; margin: .6rem 0;
  border-radius: .3rem; }
summary { cursor: pointer; } details { margin: .5rem 0; }
"""
# Colours that a drawing is made with, and what they become in the page.
FRONT, MUTED = "#010203", "#666666"
DRAWN: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), FRONT),
    "svg.fonttype": "none",  # text, not outlines of letters
    "font.family": "sans-serif",
}


def html_page(title: str, sections: Mapping[str, str], lead: str = "") -> str:
    """The document of some sections, heading -> HTML, after a `lead` of HTML. The title and headings are escaped here,
    all else by those who made it."""
    body = "".join(f"<section>\n<h2>{escape(heading)}</h2>\n{html}\n</section>\n" for heading, html in sections.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{lead}\n{body}</body>\n</html>\n"
    )


def drawing(draw: "Callable[[], Figure]", says: str) -> str:
    """A figure as vectors in the page's own colours, made by `draw` while these hold. `says` is for the blind."""
    import matplotlib

    with matplotlib.rc_context(DRAWN):
        figure = draw()
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    # Its style, for all elements, would be that of the page.
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # names that all drawings would share
    svg = svg.replace(FRONT, "currentColor").replace(MUTED, "var(--muted)")
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(says)}"', 1)
    return f'<figure class="wide">{svg}</figure>'


def picture(path: Path) -> str:
    """A picture from a file, under its name."""
    kind = "svg+xml" if path.suffix == ".svg" else "png"
    data = base64.b64encode(path.read_bytes()).decode()
    name = escape(path.name)
    return f'<figure><img alt="{name}" src="data:image/{kind};base64,{data}"><figcaption>{name}</figcaption></figure>'


def tiles(figures: Mapping[str, str]) -> str:
    """The figures that matter most, each under its name."""
    each = (f'<div class="tile">{escape(name)}<b>{escape(value)}</b></div>' for name, value in figures.items())
    return f'<div class="tiles">{"".join(each)}</div>'


def table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """Rows of texts and numbers."""
    lines = [_line(head, "th")] if head else []
    lines += [_line(row, "td") for row in rows]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def unfolding(summary: str, html: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{html}</details>"


def _line(cells: Sequence[Any], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
