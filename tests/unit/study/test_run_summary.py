"""What a run says of its failed jobs."""

from aedr.study.run_summary import last_words


def test_a_failed_jobs_last_words_are_its_error_or_its_last_line(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("10%\nError: models.a: two lines\n  of reason\n")
    assert last_words(log) == "models.a: two lines\n  of reason"
    log.write_text("Traceback (most recent call last):\nKeyError: 3\n")
    assert last_words(log) == "KeyError: 3"
    assert last_words(tmp_path / "none") == "it ended without a message"
