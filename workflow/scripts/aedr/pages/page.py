"""HTML pages: each is one file with everything inside. The values that a page shows are text, never markup."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import jinja2

ASSETS = Path(__file__).parents[3] / "pages"


def render_page(template: str, scripts: Sequence[str], **context: object) -> str:
    """Return a page made from the template and the scripts with these names in `workflow/pages`.

    Texts in `context` are escaped. In addition, the page's content security policy lets a browser run only these
    scripts and fetch nothing.
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


def data_address(data: bytes, kind: str) -> str:
    """Return a picture's encoded bytes (`kind` is png or webp) as a data URL, which needs no network."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
