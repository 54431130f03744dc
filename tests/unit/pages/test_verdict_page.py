"""A page of more verdicts than are drawn at once: found, sorted, linked, printed, and read without scripts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

import browser as browsers
import synthetic_verdicts
from aedr.figures.reference import draw_reference
from synthetic_study import HOSTILE

COUNT, AT_ONCE = 130, 50
VISIBLE = """
return [...document.querySelectorAll("article")].filter((one) => one.checkVisibility())
  .map((one) => [one.querySelector("h3").textContent, one.querySelector(".headline").textContent]);
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    return synthetic_verdicts.write_page(tmp_path_factory.mktemp("many"), count=COUNT)


@pytest.fixture(scope="module")
def documents(page) -> list[dict]:
    return [json.loads(line) for line in (page.parent / "verdicts.jsonl").read_text().splitlines()]


@pytest.fixture
def opened(browser, page):
    # A page that differs only in its hash is not loaded again.
    browser.get("about:blank")
    browsers.visit(browser, page, 1280)
    return browser


def visible(browser) -> list[str]:
    """Return the names of the images that are drawn."""
    return [name for name, _ in browser.execute_script(VISIBLE)]


def status(browser) -> str:
    return browser.find_element(By.ID, "shown").text


def choose(browser, control: str, value: str) -> None:
    Select(browser.find_element(By.ID, control)).select_by_value(value)


def go_to(browser, page: Path, anchor: str) -> None:
    browser.get("about:blank")
    browser.get(f"{page.absolute().as_uri()}#{anchor}")


def test_each_answer_and_part_of_a_name_finds_its_images(opened, documents) -> None:
    assert visible(opened) == [document["name"] for document in documents[:AT_ONCE]]
    choose(opened, "answer", "family/model-2")
    expected = [one["name"] for one in documents if one["answer"] == "decoded by model-2"]
    assert visible(opened) == expected and HOSTILE in expected[0]
    assert status(opened) == f"Images 1 to {len(expected)} of {len(expected)} that match, of {COUNT}"
    choose(opened, "answer", "family")
    found = [answer for _, answer in opened.execute_script(VISIBLE)]
    assert set(found) == {"Decoded by model-0", "Decoded by model-2"}
    search = opened.find_element(By.ID, "search")
    search.send_keys("  1 FAMILY")
    assert visible(opened) == [name for name in (d["name"] for d in documents) if "1 family" in name]
    search.send_keys("no such name")
    assert (visible(opened), status(opened)) == ([], "No image matches.")
    assert opened.title.startswith("Which autoencoder") and opened.get_log("browser") == []


def test_images_are_sorted_by_name_answer_and_p_value_and_those_without_one_come_last(opened, documents) -> None:
    choose(opened, "answer", "unknown")
    choose(opened, "order", "name")
    names = visible(opened)
    assert names.index("2 broken.png") < names.index("10 broken.png")
    opened.find_element(By.ID, "descending").click()
    assert visible(opened) == names[::-1]
    nearest = {d["name"]: max((e["p_value"] for e in d["evidence"]), default=None) for d in documents}
    assert None in nearest.values()
    for order in ("own", "own reversed"):
        if "reversed" not in order:
            choose(opened, "order", "own")
        else:
            opened.find_element(By.ID, "descending").click()
        values = [nearest[name] for name in visible(opened)]
        numbers = [value for value in values if value is not None]
        assert values == numbers + [None] * (len(values) - len(numbers)) and len(set(values)) == 2
    choose(opened, "answer", "")
    choose(opened, "order", "answer")
    answers = [answer for _, answer in opened.execute_script(VISIBLE)]
    assert (
        answers
        == ["Decoded by model-0"] * 22 + ["Decoded by model-2"] * 21 + ["Decoded by one of model-0, model-1"] * 7
    )


def test_a_link_to_an_image_leads_to_it_wherever_it_is(browser, page, documents) -> None:
    wanted = documents[100]
    go_to(browser, page, wanted["page"].partition("#")[2])
    (linked,) = browser.find_elements(By.CSS_SELECTOR, ".linked")
    assert linked.find_element(By.TAG_NAME, "h3").text == wanted["name"]
    assert 0 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", linked) < 900
    # What was chosen before does not hide it.
    choose(browser, "answer", "none")
    browser.execute_script("location.hash = arguments[0]", documents[0]["page"].partition("#")[2])
    assert browser.find_element(By.CSS_SELECTOR, ".linked h3").text == documents[0]["name"]
    go_to(browser, page, "0123456789abcdef")
    assert status(browser) == "No image of this page has a file whose SHA-256 begins with 0123456789abcdef."


def test_links_stay_right_when_images_are_added_and_equal_files_share_one(browser, page, documents, tmp_path) -> None:
    synthetic_verdicts.write_page(tmp_path, count=60)
    fewer = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    links = {document["name"]: document["page"] for document in documents}
    assert all(links[document["name"]] == document["page"] for document in fewer[:-1])
    first, last = documents[0], documents[-1]
    assert last["page"] == first["page"] and len({document["page"] for document in documents}) == COUNT - 1
    go_to(browser, page, first["page"].partition("#")[2])
    browser.find_element(By.ID, "search").send_keys(last["name"])
    (found,) = browser.find_elements(By.TAG_NAME, "article")
    found.find_element(By.LINK_TEXT, first["name"]).click()
    assert browser.find_element(By.CSS_SELECTOR, ".linked h3").text == first["name"]


def test_the_keyboard_alone_finds_and_opens_images_and_leaves_them(opened) -> None:
    opened.find_element(By.ID, "search").click()
    stops = []
    for _ in range(4 + 2 * 3):
        stops.append(opened.switch_to.active_element)
        outline = stops[-1].value_of_css_property("outline-style"), stops[-1].value_of_css_property("outline-width")
        assert outline == ("solid", "3px"), stops[-1].get_attribute("outerHTML")
        stops[-1].send_keys(Keys.TAB)
    assert [stop.get_attribute("id") for stop in stops[:4]] == ["search", "answer", "order", "descending"]
    assert all(stop.accessible_name for stop in stops)
    assert [stop.tag_name for stop in stops[4:8]] == ["a", "summary", "a", "summary"]
    stops[5].send_keys(Keys.ENTER)
    details = stops[5].find_element(By.XPATH, "..")
    assert details.get_property("open") and "own images" in details.text
    # A page further, and back: what was opened is open, and a reader hears where he is.
    opened.find_element(By.ID, "next").send_keys(Keys.ENTER)
    assert opened.switch_to.active_element.text == f"Images {AT_ONCE + 1} to {2 * AT_ONCE} of {COUNT}"
    opened.find_element(By.ID, "next").send_keys(Keys.SPACE)
    last = opened.find_element(By.ID, "next")
    assert last.get_attribute("aria-disabled") == "true" and len(visible(opened)) == COUNT - 2 * AT_ONCE
    last.send_keys(Keys.ENTER)
    assert status(opened).startswith(f"Images {2 * AT_ONCE + 1} to")
    for _ in range(2):
        opened.find_element(By.ID, "previous").send_keys(Keys.ENTER)
    assert [one.get_property("open") for one in opened.find_elements(By.CSS_SELECTOR, "article details")[:2]] == [
        True,
        False,
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_telephone_shows_all_without_scrolling_sideways(browser, page, theme) -> None:
    browsers.visit(browser, page, 400, theme)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") == 400
    sides = (
        "return [...document.querySelectorAll('#choices *, #turn *')].map((one) => one.getBoundingClientRect().right)"
    )
    assert max(browser.execute_script(sides)) <= 400


def test_all_that_is_filtered_in_is_printed(opened) -> None:
    opened.execute_script(
        "addEventListener('beforeprint', () => { window.printed = [document.querySelectorAll('article').length, "
        "document.getElementById('shown').textContent]; })"
    )
    opened.find_element(By.ID, "next").click()
    before = visible(opened)
    opened.execute_cdp_cmd("Page.printToPDF", {})
    assert opened.execute_script("return window.printed") == [COUNT, f"Images 1 to {COUNT} of {COUNT}"]
    assert visible(opened) == before
    opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        papers = opened.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        assert papers == "rgba(255, 255, 255, 1)"
        assert not opened.find_element(By.ID, "turn").is_displayed()
    finally:
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    choose(opened, "answer", "none")
    opened.execute_cdp_cmd("Page.printToPDF", {})
    assert opened.execute_script("return window.printed") == [22, f"Images 1 to 22 of 22 that match, of {COUNT}"]


def test_without_scripts_every_answer_and_its_evidence_is_there(browser, page, documents) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browsers.visit(browser, page, 1280)
        found = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "article .headline")]
        assert [text.lower() for text in found] == [document["answer"] for document in documents]
        assert len(browser.find_elements(By.CSS_SELECTOR, ".evidence tbody tr")) == 3 * sum(
            bool(document["evidence"]) for document in documents
        )
        assert not browser.find_element(By.ID, "choices").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_page_says_what_decoded_by_means_and_where_the_tables_are(opened) -> None:
    text = opened.find_element(By.TAG_NAME, "main").get_property("textContent")
    assert "retouched by inpainting" in text and "made by" not in text
    assert f"The file claims {HOSTILE}. Compared with the answer: contradicts." in text
    links = {
        one.text: one.get_attribute("href").rpartition("/")[2]
        for one in opened.find_elements(By.CSS_SELECTOR, "a[download]")
    }
    assert links == synthetic_verdicts.TABLES


def test_an_axis_of_ratios_has_numbers() -> None:
    reference = synthetic_verdicts.attribute_query()[2]
    own = {name: np.exp(values) for name, values in reference.own.items()}
    others = {kind: np.exp(table) for kind, table in reference.others.items()}
    ratios = replace(reference, signal="loss_ratio", own=own, others=others)
    content = draw_reference(ratios, [{"model-0": 100.0}], {name: name for name in own}).content
    assert ">1</text>" in content and ">100</text>" in content and "math" not in content
