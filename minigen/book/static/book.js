"use strict";
// Three things: a line marks its partner, a mistake is chosen, a backward pass is walked. Without this file all is shown.

// ----- a line of the derivation and its line of code mark each other -----

const marked = [...document.querySelectorAll("[data-mark]")];

function mark(element) {
  const wanted = element ? element.dataset.mark.split(" ") : [];
  for (const other of marked) {
    other.classList.toggle("on", other.dataset.mark.split(" ").some((token) => wanted.includes(token)));
  }
}

function nearby(element) {  // the partner comes into view inside its own column
  const column = document.querySelector(".right");
  if (!column || getComputedStyle(column).position !== "sticky") return;
  const partner = marked.find((other) => other.classList.contains("on") && other.dataset.list !== element.dataset.list);
  if (partner) partner.scrollIntoView({ block: "nearest" });
}

for (const element of marked) {
  element.addEventListener("mouseenter", () => mark(element));
  element.addEventListener("focus", () => { mark(element); nearby(element); });
  element.addEventListener("click", () => mark(element));
  element.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const list = marked.filter((other) => other.dataset.list === element.dataset.list);
    const next = list[list.indexOf(element) + step];
    if (next) { event.preventDefault(); next.tabIndex = 0; element.tabIndex = -1; next.focus(); }
  });
}
const seen = new Set();
for (const element of marked) {  // one stop of the tab key for each list; the arrow keys move inside it
  if (seen.has(element.dataset.list)) element.tabIndex = -1;
  seen.add(element.dataset.list);
}

// ----- a choice of mistakes -----

const buttons = [...document.querySelectorAll("[data-show]")];

function choose(id) {
  for (const button of buttons) {
    const on = button.dataset.show === id;
    button.setAttribute("aria-pressed", String(on));
    document.getElementById(button.dataset.show).hidden = !on;
  }
}

if (buttons.length) {
  choose("");
  for (const button of buttons) {
    button.addEventListener("click", () => choose(button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.show));
  }
  const linked = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    if (buttons.some((button) => button.dataset.show === id)) { choose(id); document.getElementById(id).scrollIntoView(); }
  };
  linked();
  addEventListener("hashchange", linked);
}

// ----- on paper nothing can be opened -----

addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));

// ----- a backward pass -----

const walk = document.querySelector("[data-walk]");
if (walk) {
  const ticks = [...walk.querySelectorAll(".tick")];
  const boxes = [...walk.querySelectorAll("g[data-ticks]")];
  const graph = walk.querySelector(".graph"), where = walk.querySelector(".where");
  const holds = (box, number) => box.dataset.ticks.split(" ").includes(String(number));
  let at = 0;

  const show = (index) => {
    at = Math.max(0, Math.min(ticks.length - 1, index));
    const number = Number(ticks[at].dataset.tick), sends = ticks[at].dataset.sends.trim().split(" ");
    ticks.forEach((tick, i) => { tick.hidden = i !== at; });
    for (const box of boxes) {
      const numbers = box.dataset.ticks.split(" ").filter(Boolean).map(Number);
      box.classList.toggle("now", holds(box, number));
      box.classList.toggle("done", numbers.length > 0 && Math.min(...numbers) > number);
      box.classList.toggle("sent", !holds(box, number) && sends.some((n) => n && holds(box, n)));
    }
    where.textContent = `step ${at + 1} of ${ticks.length}`;
    walk.querySelector("[data-go=back]").disabled = at === 0;
    walk.querySelector("[data-go=on]").disabled = at === ticks.length - 1;
    const box = boxes.find((candidate) => holds(candidate, number));
    if (box) {
      const inside = box.getBoundingClientRect(), frame = graph.getBoundingClientRect();
      graph.scrollTop += inside.top + inside.height / 2 - frame.top - frame.height / 2;
      graph.scrollLeft += inside.left + inside.width / 2 - frame.left - frame.width / 2;
    }
  };
  const go = (index) => { show(index); history.replaceState(null, "", `#${ticks[at].id}`); };

  walk.querySelector("[data-go=back]").addEventListener("click", () => go(at - 1));
  walk.querySelector("[data-go=on]").addEventListener("click", () => go(at + 1));
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest(".graph")) return;
    const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ticks.length - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target);
  });
  for (const box of boxes) {
    box.addEventListener("click", () => {
      const index = ticks.findIndex((tick) => holds(box, tick.dataset.tick));
      if (index >= 0) go(index);
    });
  }
  const linked = ticks.findIndex((tick) => `#${tick.id}` === location.hash);
  show(Math.max(0, linked));
}
