"""Take pictures of a study's report and of its verdicts, as a browser shows them.

PYTHONPATH=tests/support python benchmarks/demo/take_screenshots.py RESULTS FOLDER
"""

import base64
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver.common.by import By

from browser import open_browser, visit

WIDTH = 1280

if __name__ == "__main__":
    results, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as profile, open_browser(Path(profile) / "chromium") as browser:
        for page, first, height in [("report.html", "body", 1190), ("verdicts/verdicts.html", "#choices", 1100)]:
            visit(browser, results / page, WIDTH)
            top = browser.find_element(By.CSS_SELECTOR, first).rect["y"]
            clip = {"x": 0, "y": top, "width": WIDTH, "height": height, "scale": 1}
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
            picture = Image.open(io.BytesIO(base64.b64decode(taken["data"])))
            picture.convert("RGB").save(folder / f"{Path(page).stem}.png", optimize=True)
