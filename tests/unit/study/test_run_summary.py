"""What a run says of its jobs."""

import json

import synthetic_verdicts
from aedr.jobs import warn
from aedr.study.run_summary import MOST_LINES, last_words, say_verdicts, warnings
from synthetic_study import HOSTILE


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


def test_a_few_verdicts_are_said_one_a_line_with_p_values_or_the_reason(tmp_path) -> None:
    synthetic_verdicts.write_page(tmp_path)
    lines = say_verdicts(tmp_path / "verdicts.jsonl").splitlines()
    said = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[2:-2]}
    assert len(said) == len(synthetic_verdicts.QUERY)
    assert said["family.png"] == "decoded by model-0 model-0 0.426, 0.016, 0.016"
    assert said["several.png"].endswith("model-0 0.311, 0.016, 0.016; model-1 0.574, 0.016, 0.016")
    assert said["none.png"] == "decoded by none of these autoencoders model-0 0.016, 0.951, 0.820"
    assert said["broken.png"] == "cannot say cannot be decoded: not a picture"
    assert lines[-1] == "Verdicts: family 2, cannot say 2, several possible 1, none of these 1"
    assert "\u202e" in HOSTILE and "\\u202e" in lines[7] and all(line.isprintable() for line in lines)


def test_many_verdicts_are_only_counted(tmp_path) -> None:
    synthetic_verdicts.write_page(tmp_path, count=MOST_LINES + 1)
    counts = "family 13, several possible 7, none of these 7, cannot say 14"
    said = say_verdicts(tmp_path / "verdicts.jsonl")
    assert "\n" not in said and set(said.removeprefix("Verdicts: ").split(", ")) == set(counts.split(", "))


def test_a_name_can_neither_colour_the_terminal_nor_begin_a_line_nor_hide_the_answers(tmp_path) -> None:
    synthetic_verdicts.write_page(tmp_path)
    path = tmp_path / "verdicts.jsonl"
    document = json.loads(path.read_text().splitlines()[0]) | {"name": "\x1b[31mred\nfamily größe" + 300 * "x" + "#1"}
    path.write_text(json.dumps(document) + "\n")
    (line,) = say_verdicts(path).splitlines()[2:-2]
    assert line.startswith("\\x1b[31mred\\nfamily") and line.isprintable() and line.index("decoded by") < 60
    assert "xx#1 " in line
