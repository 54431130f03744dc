"use strict";

document.addEventListener("DOMContentLoaded", () => {
  // As many as a browser draws at once without being noticed.
  const MOST = 50;
  const [search, answer, order, descending, shown, list, turn, previous, next] =
    ["search", "answer", "order", "descending", "shown", "list", "turn", "previous", "next"].map((id) => document.getElementById(id));
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const images = [...document.querySelectorAll("#images noscript")].map((source, place) => {
    const { anchor, name, answer, own, real } = source.dataset;
    return { source, place, anchor, name, answer, plain: plain(name), own: Number(own), real: Number(real), isOpen: null };
  });
  const byAnchor = new Map(images.toReversed().map((image) => [image.anchor, image]));
  const answers = new Map([...answer.options].map((option, place) => [option.value, place]));
  const collator = new Intl.Collator("en", { numeric: true });
  const keys = {
    place: (image) => image.place,
    name: (image) => image.name,
    answer: (image) => answers.get(image.answer),
    own: (image) => image.own,
    real: (image) => image.real,
  };
  let sorted = images, found = images, first = 0;

  const sort = () => {
    const key = keys[order.value], sign = descending.checked ? -1 : 1;
    const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);
    // An image without a p-value is last in both directions.
    const missing = (image) => Number.isNaN(key(image));
    sorted = images.toSorted((a, b) => missing(a) - missing(b) || sign * compare(key(a), key(b)) || a.place - b.place);
  };
  const draw = (some) => {
    const template = document.createElement("template");
    // The page's own markup, in which every text is escaped.
    template.innerHTML = some.map((image) => image.source.textContent).join("");
    [...template.content.querySelectorAll("article")].forEach((article, i) => {
      const details = article.querySelector("details");
      if (!details) return;
      details.open = some[i].isOpen ?? details.open;
      details.addEventListener("toggle", () => { some[i].isOpen = details.open; });
    });
    list.replaceChildren(template.content);
  };
  const show = (start, most = MOST) => {
    const last = Math.min(start + most, found.length);
    draw(found.slice(start, last));
    const count = (number) => number.toLocaleString("en");
    const many = found.length < images.length ? `${count(found.length)} that match, of ${count(images.length)}` : count(images.length);
    shown.textContent = found.length ? `Images ${count(start + 1)} to ${count(last)} of ${many}` : "No image matches.";
    turn.hidden = found.length <= most;
    previous.setAttribute("aria-disabled", start === 0);
    next.setAttribute("aria-disabled", last === found.length);
    first = start;
  };
  const filter = () => {
    const part = plain(search.value.trim()), wanted = answer.value;
    found = sorted.filter((image) => image.plain.includes(part)
      && (!wanted || image.answer === wanted || image.answer.startsWith(`${wanted}/`)));
    show(0);
  };
  const turnTo = (start) => {
    if (start < 0 || start >= found.length) return;
    show(start);
    shown.focus();
    shown.scrollIntoView();
  };
  const follow = () => {
    const anchor = location.hash.slice(1);
    if (!anchor) return;
    const image = byAnchor.get(anchor);
    if (!image) {
      shown.textContent = `No image of this page has a file whose SHA-256 begins with ${anchor}.`;
      shown.scrollIntoView();
      return;
    }
    if (!found.includes(image)) {
      search.value = answer.value = "";
      filter();
    }
    if (!document.getElementById(anchor)) show(found.indexOf(image) - found.indexOf(image) % MOST);
    document.querySelector(".linked")?.classList.remove("linked");
    const article = document.getElementById(anchor);
    article.classList.add("linked");
    article.scrollIntoView();
  };

  search.addEventListener("input", filter);
  answer.addEventListener("change", filter);
  for (const control of [order, descending]) control.addEventListener("change", () => { sort(); filter(); });
  previous.addEventListener("click", () => turnTo(first - MOST));
  next.addEventListener("click", () => turnTo(first + MOST));
  addEventListener("hashchange", follow);
  // A link to what is filtered out changes no hash if that is the page's already.
  list.addEventListener("click", (event) => { if (event.target.closest("a")?.hash === location.hash) follow(); });
  // All that is filtered in is printed, not only what is drawn.
  let before = 0;
  addEventListener("beforeprint", () => { before = first; show(0, Infinity); });
  addEventListener("afterprint", () => show(before));
  show(0);
  follow();
});
