"""Figures inside a page: their colours follow its theme, and their ids are unique."""

import html
import re
from xml.etree import ElementTree

from aedr.figures.style import COLOURS

DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def inline_figure(svg: str, name: str) -> tuple[str, str]:
    """Return a figure of `aedr.figures.style.save_figure` as an element of a page, and its caption.

    Its colours become those of the page's theme. Its ids start with `name`, which must be unique on the page.
    """
    caption = ElementTree.fromstring(svg).findtext(f".//{DESCRIPTION}") or ""
    element = svg[svg.index("<svg") :]
    # Matplotlib's style sheet would apply to the whole page; `page.css` has its rule for figures only.
    element = re.sub(r"\s*<metadata>.*?</metadata>|<style .*?</style>", "", element, flags=re.S)
    element = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", element, count=1, flags=re.S)
    # Less than a hundredth of a point is invisible.
    element = re.sub(r"(\d+\.\d\d)\d+", r"\1", element)
    element = re.sub(r'\bid="', f'id="{name}-', element)
    element = re.sub(r'(url\(#|href="#)', rf"\1{name}-", element)
    for colour, value in COLOURS.items():
        element = element.replace(value, f"var(--{colour})")
    opening = f'<svg class="figure" role="img" aria-label="{html.escape(caption)}" '
    return element.replace("<svg ", opening, 1), caption
