// Document viewer and keys of the audit queue. Single keys can be switched off and never fire while somebody types.
"use strict";
(() => {
  const KEYS = "audit-keys";
  const viewer = document.querySelector("[data-viewer]");
  let picture = 0, zoom = 0, turn = 0;

  const show = () => {
    if (!viewer) return;
    viewer.querySelectorAll("figure").forEach((figure, index) => {
      figure.classList.toggle("behind", index !== picture);
      figure.className = figure.className.replace(/\b(zoom|turn)-\d\b/g, "").trim();
      if (index === picture) {
        if (zoom) figure.classList.add(`zoom-${zoom}`);
        if (turn) figure.classList.add(`turn-${turn}`);
      }
    });
    viewer.querySelectorAll("[data-picture]").forEach((button, index) => button.setAttribute("aria-pressed", String(index === picture)));
  };
  const choose = (index) => {
    if (!viewer || index >= viewer.querySelectorAll("figure").length) return;
    picture = index; zoom = 0; turn = 0; show();
  };
  const enlarge = (by) => { zoom = Math.min(4, Math.max(0, zoom + by)); show(); };
  const rotate = () => { turn = (turn + 1) % 4; show(); };
  if (viewer) {
    viewer.classList.add("ready");
    viewer.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.picture) choose(Number(button.dataset.picture));
      else if (button.dataset.zoom) enlarge(button.dataset.zoom === "in" ? 1 : -1);
      else if ("rotate" in button.dataset) rotate();
      else if ("whole" in button.dataset) { zoom = 0; turn = 0; show(); }
    });
    show();
  }

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
    const target = all[to].querySelector("a, button");
    if (target) target.focus({ preventScroll: true });
  };
  const press = (key) => {
    const place = document.querySelector(`[data-key="${key}"]`);
    if (!place) return;
    if (place instanceof HTMLFormElement) place.requestSubmit();
    else place.click();
  };

  const switcher = document.querySelector("[data-keys]");
  const stored = () => { try { return localStorage.getItem(KEYS); } catch { return null; } };
  if (switcher) {
    switcher.checked = stored() !== "off";
    switcher.addEventListener("change", () => { try { localStorage.setItem(KEYS, switcher.checked ? "on" : "off"); } catch { /* a private window keeps nothing */ } });
  }
  addEventListener("keydown", (event) => {
    if (switcher && !switcher.checked) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (document.querySelector("dialog[open]")) return;
    const act = {
      j: () => move(1), k: () => move(-1), a: () => press("a"), e: () => press("e"), r: () => press("r"),
      z: rotate, "+": () => enlarge(1), "=": () => enlarge(1), "-": () => enlarge(-1),
      "?": () => { const help = document.getElementById("keys-help"); if (help) help.showModal(); },
    }[event.key] || (/^[1-9]$/.test(event.key) ? () => choose(Number(event.key) - 1) : null);
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
