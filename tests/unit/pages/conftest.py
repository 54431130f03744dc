"""A browser for the tests of pages."""

import pytest

import browser as browsers


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if browsers.CHROMIUM is None or browsers.DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    with browsers.open_browser(tmp_path_factory.mktemp("browser") / "profile") as opened:
        yield opened
