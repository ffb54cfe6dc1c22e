// Document viewer and keys of the audit queue. Single keys can be switched off and never fire while somebody types.
"use strict";
(() => {
  const KEYS = "audit-keys";
  const viewer = document.querySelector("[data-viewer]");
  const figures = viewer ? [...viewer.querySelectorAll("figure")] : [];
  // Two pictures may stand side by side: the left is looked at alone otherwise. Zoom is of both, turning of each.
  let left = 0, right = Math.min(2, figures.length - 1), compare = false, zoom = 0;
  const turns = figures.map(() => 0);

  const show = () => {
    if (!viewer) return;
    viewer.classList.toggle("comparing", compare);
    figures.forEach((figure, index) => {
      const seen = index === left || (compare && index === right);
      figure.className = seen ? `zoom-${zoom} turn-${turns[index]}${index === left ? " left" : ""}` : "behind";
    });
    const press = (selector, key, chosen) => viewer.querySelectorAll(selector).forEach((button) => button.setAttribute("aria-pressed", String(Number(button.dataset[key]) === chosen)));
    press("[data-picture]", "picture", left);
    press("[data-right]", "right", right);
    viewer.querySelector("[data-compare]").setAttribute("aria-pressed", String(compare));
  };
  const choose = (index) => { if (index < viewer?.querySelectorAll("[data-picture]").length) { left = index; show(); } };
  const enlarge = (by) => { zoom = Math.min(4, Math.max(0, zoom + by)); show(); };
  const rotate = () => { if (figures.length) { turns[left] = (turns[left] + 1) % 4; show(); } };
  const beside = () => { if (figures.length > 1) { compare = !compare; if (compare && right === left) right = (left + 1) % figures.length; show(); } };
  if (viewer) {
    viewer.classList.add("ready");
    if (viewer.dataset.beside) { right = Number(viewer.dataset.beside); compare = right < figures.length; }
    viewer.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.picture) choose(Number(button.dataset.picture));
      else if (button.dataset.right) { right = Number(button.dataset.right); show(); }
      else if (button.dataset.zoom) enlarge(button.dataset.zoom === "in" ? 1 : -1);
      else if ("rotate" in button.dataset) rotate();
      else if ("compare" in button.dataset) beside();
      else if ("whole" in button.dataset) { zoom = 0; turns.fill(0); show(); }
    });
    // Side by side, both are moved to the same place of the picture.
    figures.forEach((figure) => figure.addEventListener("scroll", () => {
      const other = compare && figures.find((one) => one !== figure && !one.classList.contains("behind"));
      if (!other) return;
      const place = (inner, outer, at) => (inner > outer ? at / (inner - outer) : 0);
      const top = place(figure.scrollHeight, figure.clientHeight, figure.scrollTop) * (other.scrollHeight - other.clientHeight);
      const along = place(figure.scrollWidth, figure.clientWidth, figure.scrollLeft) * (other.scrollWidth - other.clientWidth);
      if (Math.abs(other.scrollTop - top) > 1) other.scrollTop = top;
      if (Math.abs(other.scrollLeft - along) > 1) other.scrollLeft = along;
    }));
    show();
  }

  // The text of an article opens under the pointer as well; Escape or leaving closes it.
  document.querySelectorAll("details.why").forEach((why) => {
    why.addEventListener("pointerenter", (event) => { if (event.pointerType === "mouse" && !why.open) { why.open = true; why.dataset.hovered = "yes"; } });
    why.addEventListener("pointerleave", () => { if (why.dataset.hovered) { why.open = false; delete why.dataset.hovered; } });
    why.addEventListener("focusout", () => { if (!why.dataset.hovered) why.open = false; });
    why.addEventListener("keydown", (event) => { if (event.key === "Escape") why.open = false; });
  });

  const lines = () => [...document.querySelectorAll(".queue-list tbody tr")];
  const move = (by) => {
    const all = lines();
    if (!all.length) return;
    const at = all.findIndex((line) => line.classList.contains("at"));
    const from = at >= 0 ? at : all.findIndex((line) => line.classList.contains("current"));
    const to = Math.min(all.length - 1, Math.max(0, from + by));
    all.forEach((line) => line.classList.remove("at"));
    all[to].classList.add("at");
    all[to].scrollIntoView({ block: "nearest" });
    const target = all[to].querySelector("a");
    if (target) target.focus({ preventScroll: true });
  };
  const choice = () => document.querySelector(".queue-list tr.at input[name=chosen]");
  const mark = () => choice()?.click();
  const next = () => document.querySelector("form[action^='/audit/next']")?.requestSubmit();
  const press = (key) => {
    const place = document.querySelector(`[data-key="${key}"]`);
    if (!place) return;
    if (place instanceof HTMLFormElement) { place.requestSubmit(); return; }
    place.click();
    // Reasons are picked by digits; where there are none the words come first.
    const dialog = document.getElementById(place.getAttribute("commandfor"));
    if (dialog && !dialog.querySelector("[type=radio],[type=checkbox]")) dialog.querySelector("textarea")?.focus();
  };
  const pick = (digit) => {
    const box = document.querySelectorAll("dialog[open] :is([type=radio],[type=checkbox])")[digit - 1];
    if (!box) return;
    box.click();
    box.focus();
  };

  const switcher = document.querySelector("[data-keys]");
  const stored = () => { try { return localStorage.getItem(KEYS); } catch { return null; } };
  if (switcher) {
    switcher.checked = stored() !== "off";
    switcher.addEventListener("change", () => { try { localStorage.setItem(KEYS, switcher.checked ? "on" : "off"); } catch { /* a private window keeps nothing */ } });
  }
  addEventListener("keydown", (event) => {
    const form = event.target.closest("dialog[open] form[method=post]");
    if (form && event.key === "Enter" && event.ctrlKey) { event.preventDefault(); form.requestSubmit(); return; }
    if (switcher && !switcher.checked) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (event.target.closest("input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]")) return;
    const digit = /^[1-9]$/.test(event.key) ? Number(event.key) : 0;
    if (document.querySelector("dialog[open]")) {
      if (digit) { event.preventDefault(); pick(digit); }
      return;
    }
    // A space on a button or a box is that button's.
    if (event.key === " " && (event.target.closest("button, input, summary") || !choice())) return;
    const act = {
      j: () => move(1), k: () => move(-1), " ": mark, n: next, a: () => press("a"), e: () => press("e"), r: () => press("r"), s: () => press("s"),
      z: rotate, c: beside, "+": () => enlarge(1), "=": () => enlarge(1), "-": () => enlarge(-1),
      "?": () => { const help = document.getElementById("keys-help"); if (help) help.showModal(); },
    }[event.key] || (digit ? () => choose(digit - 1) : null);
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
