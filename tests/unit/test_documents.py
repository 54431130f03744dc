"""The documents agree with the code: generated pages, examples of configurations, commands by name, links."""

import re
import subprocess
import sys

import pytest
import yaml

from aedr.study.configuration import complete_configuration
from aedr.tables.page import tables_page
from documents import PAGES, ROOT, Example, examples

YAML = [example for example in examples() if example.language == "yaml"]


def test_the_page_of_the_tables_is_current() -> None:
    assert (ROOT / "docs/tables.md").read_text() == tables_page(), "run make docs/tables.md"


@pytest.mark.parametrize("example", YAML, ids=[example.what or example.page for example in YAML])
def test_an_example_of_a_configuration_is_one(example: Example) -> None:
    config = yaml.safe_load(example.text)
    if "image_sets" not in config:
        base = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
        config = base | config | {"models": base["models"] | config.get("models", {})}
    assert complete_configuration(config, ROOT / "workflow/schemas/config.schema.yaml")


def test_every_target_of_make_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {name for page in PAGES for name in re.findall(r"`make ([\w/.-]+)", page.read_text())}
    assert len(named) > 5
    assert {name for name in named if not re.search(rf"^{re.escape(name)}:", makefile, re.M)} == set()


def test_the_site_builds_and_every_link_between_pages_leads_somewhere(tmp_path) -> None:
    command = [sys.executable, "-m", "sphinx", "-c", str(ROOT / "docs"), "--fail-on-warning", "--keep-going", "--quiet"]
    built = subprocess.run([*command, str(ROOT), str(tmp_path)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for page in tmp_path.rglob("*.html"):
        # Nothing that is loaded comes from a network.
        loaded = re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(https?://[^"]+)"', page.read_text())
        assert loaded == [], page
