"""What a run says of its jobs."""

from aedr.jobs import warn
from aedr.study.run_summary import last_words, warnings


def test_a_failed_jobs_last_words_are_its_error_or_its_last_line(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("10%\nError: models.a: two lines\n  of reason\n")
    assert last_words(log) == "models.a: two lines\n  of reason"
    log.write_text("Traceback (most recent call last):\nKeyError: 3\n")
    assert last_words(log) == "KeyError: 3"
    assert last_words(tmp_path / "none") == "it ended without a message"


def test_what_a_job_warned_of_is_repeated(tmp_path, capsys) -> None:
    log = tmp_path / "log"
    warn("a/b.png decides")
    log.write_text(f"python on a machine\n{capsys.readouterr().err}")
    assert warnings(log) == ["a/b.png decides"]
    assert warnings(tmp_path / "none") == []
