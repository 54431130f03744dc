"""Where the reference data is; without it these tests are skipped, since it carries no licence to be kept here."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def reference() -> Path:
    """Return the folder of the reference data, from the environment variable AEDR_REFERENCE."""
    folder = os.environ.get("AEDR_REFERENCE")
    if not folder:
        pytest.skip("AEDR_REFERENCE is unset: it names the folder of the published reference data")
    if not Path(folder).is_dir():
        pytest.fail(f"AEDR_REFERENCE names {folder}, which is no folder")
    return Path(folder)
