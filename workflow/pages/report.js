"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const matrix = read("matrix-data");
  const splits = read("splits-data");
  const column = Object.fromEntries(matrix.columns.map((name, i) => [name, i]));
  const table = document.getElementById("matrix");
  const buttons = [...table.querySelectorAll(".cell")];
  const across = matrix.sources.length;
  const choices = ["metric", "signal", "protocol"].map((name) => document.getElementById(`choice-${name}`));
  const panel = { title: document.getElementById("cell-title"), facts: document.getElementById("cell-facts"),
    chart: document.getElementById("cell-chart") };
  const loaded = {};
  const narrow = matchMedia("(max-width: 68rem)");
  let view, pressed;

  // Halves are rounded to even, as in the tables.
  const percent = (share, digits = 1) => new Intl.NumberFormat("en", { minimumFractionDigits: digits,
    maximumFractionDigits: digits, roundingMode: "halfEven" }).format(100 * share);
  const short = (value) => String(Number(value.toPrecision(3)));
  const cellAt = (place) => view.cells[Math.floor(place / across)][place % across];
  const get = (cell, name) => cell[column[name]];

  function factsOf(place) {
    const family = Math.floor(place / across);
    const cell = cellAt(place);
    const [threshold, low, high, alpha, fitted] = view.thresholds[family];
    const accepted = `${get(cell, "accepted")} of ${get(cell, "images")}`;
    const facts = [
      [get(cell, "belonging") ? "Own images accepted" : "Accuracy", `${percent(get(cell, "accuracy"))} %`],
      ["95 % interval", `${percent(get(cell, "accuracy_low"))} to ${percent(get(cell, "accuracy_high"))} %`],
      [get(cell, "belonging") ? "Accepted" : `Accepted of ${matrix.sources[place % across]}`, accepted],
    ];
    if (!get(cell, "belonging")) {
      facts.push(["Own images scored", get(cell, "own_images")], ["Area under the ROC curve", get(cell, "auc").toFixed(3)],
        ["True positives at 1 % false positives", `${percent(get(cell, "true_positive_rate_at_1_percent"))} %`]);
    }
    if (get(cell, "unusable")) facts.push(["Without a signal", get(cell, "unusable")]);
    facts.push(["Threshold", `${short(threshold)} (${short(low)} to ${short(high)})`],
      ["Fitted on", `${fitted} own images, level ${alpha}`]);
    return facts;
  }

  function paint() {
    document.getElementById("matrix-caption").textContent =
      `${view.name}, scored on ${choices[2].selectedOptions[0].textContent}: mean ${percent(view.mean)} %`;
    buttons.forEach((button, place) => {
      const cell = cellAt(place);
      const accuracy = get(cell, "accuracy");
      const [paper, ink] = matrix.shades[get(cell, "shade")];
      const interval = `${percent(get(cell, "accuracy_low"), 0)}–${percent(get(cell, "accuracy_high"), 0)}`;
      button.parentElement.style.background = paper;
      button.parentElement.style.color = ink;
      const small = document.createElement("small");
      small.textContent = interval;
      button.replaceChildren(percent(accuracy), small);
      const names = `${matrix.families[Math.floor(place / across)]} on images of ${matrix.sources[place % across]}`;
      button.setAttribute("aria-label", `${names}: ${percent(accuracy)} percent, interval ${interval}`);
    });
  }

  function show(place) {
    panel.title.textContent = `${matrix.families[Math.floor(place / across)]} on images of ${matrix.sources[place % across]}`;
    panel.facts.replaceChildren(...factsOf(place).flatMap(([term, fact]) => {
      const parts = [document.createElement("dt"), document.createElement("dd")];
      parts[0].textContent = term;
      parts[1].textContent = fact;
      return parts;
    }));
  }

  function press(place) {
    buttons[pressed]?.setAttribute("aria-pressed", "false");
    pressed = place;
    buttons[place].setAttribute("aria-pressed", "true");
    show(place);
    draw(place);
  }

  // The signals of the images that this view scores.
  function scored(family, source) {
    const name = `${view.metric}-${view.signal}`;
    loaded[name] ??= read(`signals-${name}`);
    const letters = splits[source];
    return loaded[name][family][source].filter((value, i) => value !== null && (view.scored === null || letters[i] === view.scored));
  }

  function make(tag, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function ticksOf(low, high) {
    const ticks = [];
    if (view.logarithmic) {
      const steps = Math.log10(high / low) < 2 ? [1, 2, 5] : [1];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
        steps.forEach((step) => ticks.push(step * 10 ** power));
      }
      return ticks.filter((tick) => tick >= low && tick <= high);
    }
    const rough = (high - low) / 5;
    const step = [1, 2, 5, 10].map((factor) => factor * 10 ** Math.floor(Math.log10(rough))).find((size) => size >= rough);
    for (let i = Math.ceil(low / step); i * step <= high; i++) ticks.push(i * step);
    return ticks;
  }

  function draw(place) {
    const family = Math.floor(place / across);
    const source = place % across;
    const [threshold, lower, upper] = view.thresholds[family];
    const own = view.cells[family].flatMap((cell, i) => (get(cell, "belonging") ? scored(family, i) : []));
    const rows = [["own images", own, "--own"]];
    if (!get(cellAt(place), "belonging")) rows.push([matrix.sources[source], scored(family, source), "--other"]);
    const all = rows.flatMap(([, values]) => values).concat([lower, upper]);
    const scale = view.logarithmic ? Math.log : (value) => value;
    const low = all.reduce((a, b) => Math.min(a, b));
    const high = all.reduce((a, b) => Math.max(a, b));
    const width = 400;
    const height = 46 + 92 * rows.length;
    const x = (value) => 8 + (width - 16) * (scale(value) - scale(low)) / ((scale(high) - scale(low)) || 1);
    const bottom = height - 38;
    const parts = [
      make("title", {}, `Signals of ${rows.map(([label, values]) => `${values.length} images (${label})`).join(" and of ")}; `
        + `accepted left of ${short(threshold)}`),
      make("rect", { x: x(lower), y: 0, width: Math.max(1, x(upper) - x(lower)), height: bottom, fill: "var(--ink)", opacity: 0.13 }),
      make("line", { x1: x(threshold), x2: x(threshold), y1: 0, y2: bottom, stroke: "var(--ink)", "stroke-dasharray": "5 4" }),
      make("line", { x1: 0, x2: width, y1: bottom, y2: bottom, stroke: "var(--line)" }),
    ];
    ticksOf(low, high).forEach((tick) => {
      parts.push(make("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4, stroke: "var(--muted)" }),
        make("text", { x: x(tick), y: bottom + 17, "text-anchor": "middle", "font-size": 12, fill: "var(--muted)" }, short(tick)));
    });
    rows.forEach(([label, values, colour], row) => {
      const top = 18 + 92 * row;
      // The spread only separates the dots; it is the same every time.
      const dots = values.map((value, i) => `M${x(value).toFixed(1)} ${(top + 10 + 56 * ((i * 0.618034) % 1)).toFixed(1)}h.01`);
      parts.push(make("text", { x: width - 4, y: top - 4, "text-anchor": "end", "font-size": 13, fill: "var(--ink)" },
        `${label} (${values.length})`), make("path", { d: dots.join(""), stroke: `var(${colour})`, "stroke-width": 5,
        "stroke-linecap": "round", fill: "none", opacity: 0.75 }));
    });
    parts.push(make("text", { x: 0, y: height - 4, "font-size": 12, fill: "var(--muted)" }, "← accepted"),
      make("text", { x: width, y: height - 4, "text-anchor": "end", "font-size": 12, fill: "var(--muted)" },
        `${view.axis}, rejected →`));
    const chart = make("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img" });
    chart.append(...parts);
    panel.chart.replaceChildren(chart);
  }

  function weakest() {
    const accuracies = buttons.map((_, place) => (get(cellAt(place), "belonging") ? 2 : get(cellAt(place), "accuracy")));
    return accuracies.indexOf(Math.min(...accuracies));
  }

  // Signals with fitted parameters are scored on held-out images alone. If a choice does not exist, the other protocol is shown.
  choices.forEach((choice) => choice.addEventListener("change", () => {
    const fits = (one) => one.metric === choices[0].value && one.signal === choices[1].value;
    view = matrix.views.find((one) => fits(one) && one.protocol === choices[2].value) ?? matrix.views.find(fits);
    choices[2].value = view.protocol;
    [...choices[2].options].forEach((option) => {
      option.disabled = !matrix.views.some((one) => fits(one) && one.protocol === option.value);
    });
    paint();
    press(pressed ?? weakest());
  }));

  // The Tab key stops once at the matrix; arrow keys move from cell to cell.
  function move(place) {
    buttons.forEach((button, i) => { button.tabIndex = i === place ? 0 : -1; });
    buttons[place].focus();
  }
  buttons.forEach((button, place) => {
    button.tabIndex = place ? -1 : 0;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      press(place);
      if (narrow.matches) document.getElementById("cell").scrollIntoView({ block: "nearest" });
    });
    button.addEventListener("focus", () => show(place));
    button.addEventListener("mouseenter", () => show(place));
    button.addEventListener("mouseleave", () => show(pressed));
    button.addEventListener("keydown", (event) => {
      const row = Math.floor(place / across);
      const target = {
        ArrowLeft: place % across ? place - 1 : place,
        ArrowRight: place % across < across - 1 ? place + 1 : place,
        ArrowUp: row ? place - across : place,
        ArrowDown: place + across < buttons.length ? place + across : place,
        Home: row * across,
        End: (row + 1) * across - 1,
      }[event.key];
      if (target === undefined) return;
      event.preventDefault();
      move(target);
    });
  });
  choices[2].dispatchEvent(new Event("change"));
});
