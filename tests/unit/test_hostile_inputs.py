"""What a stranger may hand us ends as data, or is refused by name: no exception, no wrong row.

`benchmarks/faults/fuzz_inputs.py` tries the same for as long as one likes.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import hostile_claims
import hostile_configurations
import hostile_pictures
import hostile_tables

# The same examples every time: a test that fails once in a hundred runs teaches people to run it again.
FEW = settings(
    derandomize=True, database=None, deadline=None, max_examples=150, suppress_health_check=list(HealthCheck)
)


@pytest.mark.filterwarnings("ignore")
@FEW
@given(hostile_pictures.hostile_pictures())
def test_damaged_pictures(picture) -> None:
    hostile_pictures.check_picture(picture[1])


@pytest.mark.filterwarnings("ignore")
@FEW
@given(hostile_claims.hostile_claims())
def test_damaged_claims(data) -> None:
    hostile_claims.check_claims(data)


@FEW
@given(hostile_configurations.hostile_configurations())
def test_configurations_with_mistakes(study) -> None:
    hostile_configurations.check_parsed(*study)


@FEW
@given(hostile_configurations.hostile_documents())
def test_damaged_files_of_configurations(tmp_path_factory, data) -> None:
    hostile_configurations.check_document(data, Path(tmp_path_factory.getbasetemp()))


@FEW
@given(hostile_tables.hostile_calibrations())
def test_calibrations_from_strangers(tmp_path_factory, data) -> None:
    hostile_tables.check_calibration(data, Path(tmp_path_factory.getbasetemp()))


@FEW
@given(hostile_tables.hostile_texts)
def test_damaged_prompts_and_captions(tmp_path_factory, data) -> None:
    hostile_tables.check_text(data, Path(tmp_path_factory.getbasetemp()))


def test_what_is_valid_is_taken(tmp_path) -> None:
    """The fuzzers start from inputs that are taken, without which they would show nothing."""
    assert hostile_configurations.check_parsed(hostile_configurations.VALID, set())
    assert hostile_configurations.check_document(hostile_configurations.DOCUMENT.encode(), tmp_path)
    assert hostile_tables.check_calibration(hostile_tables.VALID, tmp_path)
    assert all(hostile_claims.check_claims(data) for data in hostile_claims.FILES.values())
    refused = {name for name, data in hostile_pictures.PICTURES.items() if not hostile_pictures.check_picture(data)}
    assert refused == {
        *("png animated", "webp animated", "gif animated", "avif animated"),
        *("tiff pages", "tiff float"),
        # Of these, rows of a query have pictures.
        *("heic", "jpeg xl", "window"),
    }
