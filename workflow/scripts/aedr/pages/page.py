"""Pages of HTML: one file each, with everything inside that it shows; what it is given is text, never markup."""

import base64
import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import jinja2

from aedr.figures.style import COLOURS

ASSETS = Path(__file__).parents[3] / "pages"
DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"


def render_page(template: str, scripts: Sequence[str], **context: object) -> str:
    """Return a page made of the template and the scripts of these names in `workflow/pages`.

    Its content security policy lets a browser run these scripts and no other, and fetch nothing, whatever the texts in
    `context` hold; they are escaped besides.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = [(ASSETS / name).read_text(encoding="utf-8") for name in scripts]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return environment.get_template(template).render(
        policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'",
        styles=(ASSETS / "page.css").read_text(encoding="utf-8"),
        scripts=texts,
        **context,
    )


def inline_figure(svg: str, name: str) -> tuple[str, str]:
    """Return a figure of `aedr.figures.style.save_figure` as an element of a page, and its caption.

    Its colours become those of the page's theme, its ids start with `name`, which no other figure of the page may have.
    """
    caption = ElementTree.fromstring(svg).findtext(f".//{DESCRIPTION}") or ""
    element = svg[svg.index("<svg") :]
    # Matplotlib's style sheet would be the whole page's; `page.css` has its rule for figures alone.
    element = re.sub(r"\s*<metadata>.*?</metadata>|<style .*?</style>", "", element, flags=re.S)
    element = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>", element, count=1, flags=re.S)
    # A hundredth of a point is less than an eye can see.
    element = re.sub(r"(\d+\.\d\d)\d+", r"\1", element)
    element = re.sub(r'\bid="', f'id="{name}-', element)
    element = re.sub(r'(url\(#|href="#)', rf"\1{name}-", element)
    for colour, value in COLOURS.items():
        element = element.replace(value, f"var(--{colour})")
    opening = f'<svg class="figure" role="img" aria-label="{html.escape(caption)}" '
    return element.replace("<svg ", opening, 1), caption


def data_address(data: bytes, kind: str) -> str:
    """Return a picture's encoded bytes (`kind` is png or jpeg) as an address that needs no network."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
