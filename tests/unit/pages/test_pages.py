"""The report and the page of verdicts in a browser, read and driven as a person would, with names that mean harm."""

from pathlib import Path

import pandas as pd
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.color import Color
from selenium.webdriver.support.ui import Select

import browser as browsers
import synthetic_study
import synthetic_verdicts
from aedr.figures.style import shade_place, shade_table
from plot_comparison import plot_comparison
from synthetic_study import HOSTILE, METRIC, SIGNAL

# What has no size although a page shows it, and what is wider than the page and cannot be scrolled by itself.
UNDRAWN = """
const opened = [...document.querySelectorAll("details")];
opened.forEach((one) => { one.open = true; });
const empty = [...document.querySelectorAll("svg:not(.defined)")].filter((figure) => {
  const drawn = figure.querySelector("path, use")?.getBoundingClientRect();
  return !figure.getBoundingClientRect().height || !drawn?.width;
}).map((figure) => figure.outerHTML.slice(0, 200));
const broken = [...document.images].filter((image) => !image.complete || !image.naturalWidth || !image.alt);
return empty.concat(broken.map((image) => image.outerHTML.slice(0, 200)));
"""
# Texts with too little contrast to what is behind them: WCAG 2.2 asks for 4.5, and for 3 where letters are large.
FAINT = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const luminance = (colour) => rgba(colour).slice(0, 3).map((c) => c / 255)
  .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
  while (element && rgba(getComputedStyle(element).backgroundColor)[3] < 255) element = element.parentElement;
  return element ? getComputedStyle(element).backgroundColor : "#fff";
};
const texts = [...document.body.querySelectorAll("*")].filter((element) => element.checkVisibility()
  && !["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)
  && [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()));
if (texts.length < 50) return ["too few texts were found"];
return texts.flatMap((element) => {
  const style = getComputedStyle(element);
  const colour = element instanceof SVGElement ? style.fill : style.color;
  const [low, high] = [luminance(colour), luminance(behind(element))].sort((a, b) => a - b);
  const needed = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
  const contrast = (high + 0.05) / (low + 0.05);
  return contrast < needed ? [`${element.textContent.trim().slice(0, 40)}: ${contrast.toFixed(2)}, ${colour}`] : [];
});
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {"report": synthetic_study.write_study(folder), "verdicts": synthetic_verdicts.write_page(folder)}


def cells(folder: Path, metric: str, signal: str, protocol: str) -> pd.DataFrame:
    """Return a view's cells in the order in which the page shows them."""
    table = pd.read_parquet(folder / "accuracy.parquet")
    return table[(table["metric"] == metric) & (table["signal"] == signal) & (table["protocol"] == protocol)]


def shown(browser) -> list[float]:
    """Return the accuracies in the matrix, in percent."""
    return [float(cell.text.splitlines()[0]) for cell in browser.find_elements(By.CSS_SELECTOR, "#matrix .cell")]


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("name", ["report", "verdicts"])
def test_a_page_is_drawn_in_full_and_every_link_leads_somewhere(browser, pages, name, width) -> None:
    browsers.visit(browser, pages[name], width)
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    assert (
        browser.execute_script(
            "return performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:'))"
        )
        == []
    )
    for link in browser.find_elements(By.CSS_SELECTOR, "a[href^='#']"):
        link.click()
        target = browser.execute_script("return document.getElementById(arguments[0].hash.slice(1))", link)
        assert target.is_displayed() and browser.execute_script("return location.hash", link) == link.get_attribute(
            "hash"
        )
        assert -5 <= browser.execute_script("return arguments[0].getBoundingClientRect().top", target) < 900
        browser.execute_script("scrollTo(0, 0)")
    for summary in browser.find_elements(By.CSS_SELECTOR, "summary"):
        was_open = summary.find_element(By.XPATH, "..").get_property("open")
        summary.send_keys(Keys.ENTER)
        assert summary.find_element(By.XPATH, "..").get_property("open") != was_open
    assert browser.execute_script(UNDRAWN) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    # No text that the page was given has become a part of it, and none is lost.
    assert browser.title.startswith("Which autoencoder")
    assert HOSTILE in browser.execute_script("return document.body.textContent")
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "verdicts"])
def test_every_text_can_be_read_in_both_themes(browser, pages, name, theme) -> None:
    browsers.visit(browser, pages[name], 1600, theme)
    browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.execute_script(FAINT) == []
    papers = [browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")]
    browser.find_element(By.ID, "theme").click()
    papers.append(browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert papers[0] != papers[1]
    assert browser.execute_script(FAINT) == []


def test_the_matrix_is_that_of_the_table_whatever_is_chosen(browser, pages) -> None:
    folder = pages["report"].parent
    browsers.visit(browser, pages["report"], 1600)
    for metric, signal, protocol in [
        (METRIC, SIGNAL, "held_out"),
        ("l2", SIGNAL, "held_out"),
        ("l2", "calibrated_ratio", "held_out"),
        ("l2", "calibrated_ratio", "same_images"),
    ]:
        for name, value in [("metric", metric), ("signal", signal), ("protocol", protocol)]:
            Select(browser.find_element(By.ID, f"choice-{name}")).select_by_value(value)
        expected = cells(folder, metric, signal, protocol)
        assert shown(browser) == [float(f"{100 * value:.1f}") for value in expected["accuracy"]]
        drawn = browser.find_elements(By.CSS_SELECTOR, "#matrix td")
        papers = [Color.from_string(cell.value_of_css_property("background-color")).hex for cell in drawn]
        shades = [shade_table()[shade_place(accuracy)][0] for accuracy in expected["accuracy"]]
        assert papers == shades
        mean = expected.loc[~expected["belonging"], "accuracy"].mean()
        assert browser.find_element(By.ID, "matrix-caption").text.endswith(f"mean {100 * mean:.1f} %")
    # What was fitted on the own images is not scored on the same images, and falls back to the other.
    Select(browser.find_element(By.ID, "choice-signal")).select_by_value("power_ratio")
    protocols = Select(browser.find_element(By.ID, "choice-protocol"))
    assert protocols.first_selected_option.get_attribute("value") == "held_out"
    assert [option.is_enabled() for option in protocols.options] == [True, False]


def test_a_cell_tells_its_counts_and_shows_the_signals_behind_it(browser, pages) -> None:
    folder = pages["report"].parent
    browsers.visit(browser, pages["report"], 1600)
    buttons = browser.find_elements(By.CSS_SELECTOR, "#matrix .cell")
    expected = cells(folder, METRIC, SIGNAL, "held_out").reset_index()
    others = expected.index[~expected["belonging"]]

    def facts() -> str:
        return browser.find_element(By.ID, "cell-facts").text

    def dots() -> list[int]:
        paths = browser.find_elements(By.CSS_SELECTOR, "#cell-chart path")
        assert all(path.value_of_css_property("stroke-linecap") == "round" for path in paths)
        return [path.get_attribute("d").count("M") for path in paths]

    for place in others[:3]:
        cell = expected.loc[place]
        ActionChains(browser).move_to_element(buttons[place]).perform()
        assert f"{cell['accepted']} of {cell['images']}" in facts() and f"{cell['auc']:.3f}" in facts()
        buttons[place].click()
        assert dots() == [cell["own_images"], cell["images"]]
    # By the keyboard: one stop, arrows from there, Enter to choose.
    buttons[0].send_keys(Keys.ARROW_DOWN)
    focused = browser.switch_to.active_element
    assert focused == buttons[len(expected) // 2]
    focused.send_keys(Keys.END)
    focused = browser.switch_to.active_element
    assert focused == buttons[-1] and f"{expected['accepted'].iloc[-1]} of {expected['images'].iloc[-1]}" in facts()
    focused.send_keys(Keys.ENTER)
    assert focused.get_attribute("aria-pressed") == "true"
    assert dots() == [expected["own_images"].iloc[-1], expected["images"].iloc[-1]]
    stops = browser.execute_script(
        "return [...document.querySelectorAll('#matrix .cell')].filter((c) => c.tabIndex === 0).length"
    )
    assert stops == 1
    assert "own images" in browser.find_element(By.ID, "cell-chart").text


def test_the_verdict_page_warns_of_an_autoencoder_that_cannot_be_told_from_real_images(pages, tmp_path) -> None:
    told_apart = pages["verdicts"].read_text(encoding="utf-8")
    weak = synthetic_verdicts.write_page(tmp_path, real_near="model-2").read_text(encoding="utf-8")
    assert "can hardly be told from real images" not in told_apart
    (warning,) = [line for line in weak.splitlines() if "can hardly be told from real images" in line]
    assert warning.startswith("<li>model-2 can hardly")
    # It costs the others nothing: the same image is still given to the first.
    assert told_apart.count('<p class="headline">Decoded by model-0</p>') == 1
    assert weak.count('<p class="headline">Decoded by model-0</p>') == 1
    # The nearest other source is named beside each autoencoder.
    assert "0.016<br><bdi>film-scans</bdi>" in told_apart


def test_without_scripts_the_matrices_and_figures_are_there(browser, pages) -> None:
    folder = pages["report"].parent
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browsers.visit(browser, pages["report"], 1600)
        tables = browser.find_elements(By.CSS_SELECTOR, ".matrix")
        views = [(METRIC, SIGNAL, "held_out"), ("l2", "calibrated_ratio", "same_images")]
        for table, view in zip(tables, views, strict=True):
            found = [float(cell.text.splitlines()[0]) for cell in table.find_elements(By.CSS_SELECTOR, "td")]
            assert found == [float(f"{100 * value:.1f}") for value in cells(folder, *view)["accuracy"]]
        figures = browser.find_elements(By.CSS_SELECTOR, "svg.figure")
        assert figures and all(figure.find_elements(By.TAG_NAME, "path") for figure in figures)
        assert not browser.find_element(By.ID, "theme").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_errors_are_those_of_the_tables_and_say_how_many_are_left_out(browser, pages) -> None:
    folder = pages["report"].parent
    browsers.visit(browser, pages["report"], 1600)
    held_out = cells(folder, METRIC, SIGNAL, "held_out")
    titles = [one.text for one in browser.find_elements(By.CSS_SELECTOR, "#errors summary, #errors h3 ~ p")]
    for i, (_, of_family) in enumerate(held_out.groupby("autoencoder")):
        others, own = of_family[~of_family["belonging"]], of_family[of_family["belonging"]]
        accepted, rejected = others["accepted"].sum(), own["images"].sum() - own["accepted"].sum()
        assert titles[2 * i].startswith(f"Accepted wrongly: {accepted} of {others['images'].sum()} images")
        assert titles[2 * i + 1].startswith(f"Own images rejected: {rejected} of {own['images'].sum()}")


def test_methods_and_damage_are_those_of_the_tables_where_a_study_has_them(browser, pages) -> None:
    browsers.visit(browser, pages["report"], 1600)

    def rows(section: str) -> list[list[str]]:
        found = browser.find_elements(By.CSS_SELECTOR, f"#{section} tbody tr")
        return [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "th, td")] for row in found]

    assert rows("methods") == [
        ["AEDR as published", "2", "96.1", "0.961", "0.96", "", "", "", "0.0200", "2.00 GB"],
        ["LatentTracer", "2", "98.4", "0.984", "0.98", "", "", "", "1.20", "2.00 GB"],
    ]
    assert rows("robustness") == [["untouched", "98.1 / 98.1", "98.1 / 98.1"], ["crop-3", "50.2 / 62.9", ""]]
    assert len(browser.find_elements(By.CSS_SELECTOR, "#methods svg.figure, #robustness svg.figure")) == 2


def test_the_papers_cells_stand_in_the_report_of_a_study_of_its_models(browser, tmp_path) -> None:
    metrics = ("l2", METRIC, "latent_tracer", "ronan")
    page = synthetic_study.write_study(
        tmp_path, 8, 20, metrics, formats=("svg",), has_rivals_and_damage=False, is_the_papers=True
    )
    table = pd.read_parquet(tmp_path / "paper.parquet")
    browsers.visit(browser, page, 1600)
    matrices = browser.find_elements(By.CSS_SELECTOR, "#paper .matrix")
    assert len(matrices) == 3
    for matrix, metric in zip(matrices, ["l2", "latent_tracer", "ronan"], strict=True):
        is_cell = ~table["paper_source"].isin(["all other sources", "unstated"])
        expected = table[is_cell & (table["metric"] == metric)]
        found = [cell.text.splitlines() for cell in matrix.find_elements(By.CSS_SELECTOR, ".cell")]
        columns = [head.text.splitlines()[0] for head in matrix.find_elements(By.CSS_SELECTOR, "thead th")[1:]]
        place = {name: i for i, name in enumerate(columns)}
        rows = list(dict.fromkeys(expected["paper_autoencoder"]))
        assert columns == [*rows, "real"]
        in_order = sorted(
            expected.to_dict("records"),
            key=lambda row: (rows.index(row["paper_autoencoder"]), place[row["paper_source"]]),
        )
        assert len(in_order) == 62
        assert found == [
            [f"{100 * row['measured']:.1f}", f"{100 * row['reported']:.1f}; {100 * row['difference']:+.1f}"]
            for row in in_order
        ]
    figures = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#paper .rows tbody tr")]
    assert len(figures) == len(table) - 3 * 62
    assert any("seconds an image SD1.5 model-1 0.40 0.27 +0.13 3" in figure for figure in figures)
    for width, theme in [(1600, "light"), (400, "dark")]:
        browsers.visit(browser, page, width, theme)
        assert browser.execute_script("return document.documentElement.scrollWidth") == width
        assert browser.execute_script(FAINT) == [] and browser.get_log("browser") == []


def test_a_figure_has_its_caption_inside_and_the_same_bytes_every_time(pages, tmp_path) -> None:
    folder = pages["report"].parent
    outputs = [f"{tmp_path}/comparison.{suffix}" for suffix in ("svg", "pdf", "png")]
    plot_comparison(accuracy=str(folder / "accuracy.parquet"), outputs=outputs, metric=METRIC, signal=SIGNAL)
    for output in map(Path, outputs):
        assert output.read_bytes() == (folder / "plots" / output.name).read_bytes()
        assert b"Accuracy by metric and signal" in output.read_bytes()


def test_the_report_of_a_study_as_large_as_the_published_one_is_small(browser, tmp_path) -> None:
    page = synthetic_study.write_study(
        tmp_path, 9, 500, synthetic_study.METRICS, side=256, formats=("svg",), has_rivals_and_damage=False
    )
    assert page.stat().st_size < 20e6
    browsers.visit(browser, page, 400)
    assert len(shown(browser)) == 8 * 10 and browser.get_log("browser") == []
