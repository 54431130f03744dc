"""How long a browser takes to open a page of many verdicts and to find images on it.

PYTHONPATH=workflow/scripts:tests/support python benchmarks/cost/verdict_page.py [--images 10000] [--repeat 3]

The images are synthetic and as hard to compress as photographs; three autoencoders were asked. Headless Chromium opens
the page from a file, in a new process and profile each time. Opened is when the first images have been painted. Each of
the other times lasts from the change of a control until the page has been painted again. Printed are the medians and
the worst by the clock, which other work on the machine lengthens, and the median CPU seconds of the page's main thread.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from selenium.webdriver import Chrome

from browser import open_browser, visit
from synthetic_verdicts import write_page

PAINTED = "const done = arguments[0]; requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0));"
CHANGED = """
const done = arguments[2], control = document.getElementById(arguments[0]), start = performance.now();
control.value = arguments[1];
control.dispatchEvent(new Event(control.tagName === "SELECT" ? "change" : "input"));
requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
"""
CHANGES = [
    *[("search", "7"), ("search", "77"), ("search", "no such name"), ("search", "")],
    *[("answer", "family/model-0"), ("answer", "none"), ("answer", "")],
    *[("order", "name"), ("order", "answer"), ("order", "own")],
]
NAMES = {"search": "search by name", "answer": "filter by answer", "order": "sort"}


def measure(browser: Chrome, page: Path) -> Iterator[tuple[str, float, float]]:
    """Open a page and change its controls; yield what was done, its seconds, and CPU seconds of the main thread."""
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    visit(browser, page, 1280)
    yield "open", browser.execute_async_script(PAINTED) / 1000, (before := cpu_seconds(browser))
    for control, value in CHANGES:
        seconds = browser.execute_async_script(CHANGED, control, value) / 1000
        yield NAMES[control], seconds, -before + (before := cpu_seconds(browser))


def cpu_seconds(browser: Chrome) -> float:
    """Return the CPU seconds of the tasks of the page's main thread so far."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        page = write_page(Path(folder), count=arguments.images, side=448)
        cpu = time.process_time() - began
        print(f"{arguments.images} images: {page.stat().st_size / 1e6:.1f} MB, {cpu:.0f} CPU s to make")
        found: dict[str, list[tuple[float, float]]] = {}
        for number in range(arguments.repeat):
            with open_browser(Path(folder) / f"chromium_{number}") as browser:
                for name, seconds, cpu in measure(browser, page):
                    found.setdefault(name, []).append((seconds, cpu))
        for name, times in found.items():
            by_clock, by_cpu = zip(*times, strict=True)
            print(
                f"{name}: {statistics.median(by_clock):.3f} s, at most {max(by_clock):.3f} s; "
                f"{statistics.median(by_cpu):.3f} CPU s"
            )
