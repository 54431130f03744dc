"""What makes many small runs of the workflow affordable."""

from collections.abc import Iterator

import pytest

import studies
from warm_python import warm_python


@pytest.fixture(scope="module")
def warm() -> Iterator[None]:
    """Run a module's studies with a Python that has imported the large libraries.

    Not for tests of what processes, environments or the hub do: the libraries saw the environment before the test.
    """
    with warm_python() as python, pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "PYTHON", python)
        yield
