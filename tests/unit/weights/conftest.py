"""A hub on the loopback interface that has one model, or none at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import fake_hub
from published_model import PIPELINE

# Nothing listens on the discard port of the loopback interface.
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def folder_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[fake_hub.Hub]:
    with fake_hub.serve() as hub:
        fake_hub.ask_at(hub.address, monkeypatch)
        hub.repositories["someone/model"] = dict(PIPELINE)
        yield hub


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_hub.ask_at(NOBODY, monkeypatch)
