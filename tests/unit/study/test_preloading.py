"""Jobs that are forks of a Python which has loaded their libraries: they begin, end and are killed as any other."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aedr.study.preloading import SERVER, WITHOUT_THREADS, Preloading, libraries_of, start_preloading

# A script that imports none of the large libraries.
SCRIPT = "record_configuration.py"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
# A job that says when it has begun, and goes on until it is told to end.
HOLD = "import os, pathlib, time; pathlib.Path('held').write_text(str(os.getpid()))\n"
HOLD += "while not pathlib.Path('end').exists(): time.sleep(0.02)\n"


@pytest.fixture
def preloading() -> Iterator[Preloading]:
    started = start_preloading([SCRIPT], [SCRIPT])
    assert started is not None
    yield started
    started.stop()
    assert not started.folder.exists()


@pytest.fixture
def begin(preloading: Preloading, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Begin a job with some code, as Snakemake does, in a process group of its own."""
    script = tmp_path / f".snakemake/scripts/tmp12345678.{SCRIPT}"
    script.parent.mkdir(parents=True)

    def begin_job(code: str, **changes: str) -> subprocess.Popen[str]:
        script.write_text(code)
        return subprocess.Popen(
            [*shlex.split(preloading.prefix), sys.executable, str(script)],
            cwd=tmp_path,
            env=ENVIRONMENT | changes,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return begin_job


def wait_for(condition: Callable[[], bool]) -> None:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + 60, "nothing happened"
        time.sleep(0.02)


def held(folder: Path) -> int:
    """Wait until a job with `HOLD` has begun, and return its process id."""
    wait_for(lambda: (folder / "held").exists() and (folder / "held").read_text() != "")
    return int((folder / "held").read_text())


def is_over(process: int) -> bool:
    """Return whether a process has ended, perhaps without having been waited for."""
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_a_fork_is_what_a_process_of_its_own_would_be(preloading, begin, tmp_path) -> None:
    code = (
        "import os, sys; print(sys.argv, __name__, __file__, sys.path[0], os.getcwd(), os.environ['OWN'], sys.flags)\n"
    )
    code += "import gc; print(gc.isenabled(), gc.get_threshold())\n"
    code += "print(sys.executable, 'numpy' in sys.modules, 'aedr' in sys.modules); print(os.getppid())\n"
    code += "print(len(os.listdir('/proc/self/fd')))"
    *forked, parent, files = begin(code, OWN="ä").communicate()[0].splitlines()
    script = next((tmp_path / ".snakemake/scripts").iterdir())
    script.write_text(code)
    alone = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=ENVIRONMENT | {"OWN": "ä"}, stdout=subprocess.PIPE, text=True
    )
    # One more file is the connection to the process that waits for it.
    assert [*forked, f"{int(files) - 1}"] == [*alone.stdout.splitlines()[:-2], alone.stdout.splitlines()[-1]]
    assert parent == f"{preloading.process.pid}"


@pytest.mark.parametrize(
    ("code", "ends", "says"),
    [
        ("print('done')", 0, "done\n"),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import os; os.kill(os.getpid(), 11)", -11, ""),
        ("import os; os._exit(5)", 5, ""),
    ],
)
def test_it_ends_as_the_job_ends(begin, code: str, ends: int, says: str) -> None:
    job = begin(code)
    said = job.communicate()[0]
    assert (job.returncode, said.endswith(says)) == (ends, True), said


def test_who_kills_the_process_that_snakemake_knows_kills_the_job(begin, tmp_path) -> None:
    job = begin(HOLD)
    fork = held(tmp_path)
    job.kill()
    wait_for(lambda: is_over(fork))
    assert job.wait() == -signal.SIGKILL


def test_an_interrupted_job_tidies_up(begin, tmp_path) -> None:
    job = begin(f"try:\n    exec({HOLD!r})\nfinally:\n    pathlib.Path('tidy').touch()")
    held(tmp_path)
    # Ctrl-C reaches every process of the group, of which the server is one here, and the fork with it.
    os.kill(int((tmp_path / "held").read_text()), signal.SIGINT)
    job.send_signal(signal.SIGINT)
    assert job.wait() == -signal.SIGINT
    assert (tmp_path / "tidy").exists()


def test_the_end_of_snakemake_ends_its_jobs(preloading, begin, tmp_path) -> None:
    job = begin(HOLD)
    fork = held(tmp_path)
    preloading.control.close()
    wait_for(lambda: is_over(fork))
    assert job.wait() == -signal.SIGKILL
    assert preloading.process.wait() == 0


def test_a_killed_server_costs_no_job(preloading, begin, tmp_path) -> None:
    job = begin(HOLD + "print(os.getppid())")
    held(tmp_path)
    preloading.process.kill()
    preloading.process.wait()
    assert begin("import os; print(os.getppid())").communicate()[0] == f"{os.getpid()}\n"
    (tmp_path / "end").touch()
    assert job.wait() == 0


def test_a_server_that_is_killed_before_it_answers_costs_no_job(preloading, begin) -> None:
    preloading.process.send_signal(signal.SIGSTOP)
    job = begin("import os; print(os.getppid())")
    time.sleep(0.3)
    assert job.poll() is None
    preloading.process.kill()
    assert job.communicate()[0] == f"{os.getpid()}\n"


def test_a_job_of_several_threads_is_no_fork(preloading, begin) -> None:
    assert begin("import os; print(os.getppid())", OMP_NUM_THREADS="2").communicate()[0] == f"{os.getpid()}\n"


def test_what_a_job_used_is_known(preloading, begin, tmp_path) -> None:
    code = "import time, os\nroom = bytearray(300_000_000)\nwhile time.process_time() < 0.5: pass\n"
    job = begin(code + HOLD)
    assert held(tmp_path) == preloading.fork_of(job.pid) == preloading.fork_of(os.getpid())
    assert preloading.usage_of(job.pid) is None
    (tmp_path / "end").touch()
    assert job.wait() == 0
    usage = preloading.usage_of(job.pid)
    assert usage is not None and 0.5 <= usage["cpu_seconds"] < 1.5 and 3e8 < usage["peak_bytes"] < 5e8
    # A process id may be used again.
    again = begin("import os; os.kill(os.getppid(), 0); os._exit(1)")
    again.wait()
    assert preloading.usage_of(again.pid) is None


def test_where_the_end_of_a_fork_cannot_be_noticed_no_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "pidfd_open", forbidden)
    assert start_preloading([SCRIPT], [SCRIPT]) is None


def test_libraries_follow_from_what_scripts_import() -> None:
    assert libraries_of(SCRIPT) == []
    assert libraries_of("compute_signals.py") == ["numpy", "pandas", "pyarrow"]
    assert {"torch", "diffusers"} < set(libraries_of("reconstruct_images.py"))
    assert "transformers" in libraries_of("generate_images.py")
    assert "transformers" not in libraries_of("reconstruct_images.py")


def test_no_library_starts_a_thread_or_a_gpu() -> None:
    code = "import preloading_server as server, os, sys\nfor library in server.LIBRARIES: server.load(library, ())\n"
    code += "print(len(os.listdir('/proc/self/task')), sys.modules['torch'].cuda.is_initialized())\n"
    code += "print({module for names in server.LIBRARIES.values() for module in names} - set(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=SERVER.parent,
        env=os.environ | WITHOUT_THREADS,
        capture_output=True,
        text=True,
    )
    assert run.stdout == "1 False\nset()\n", run.stdout + run.stderr
