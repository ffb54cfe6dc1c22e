// Small comforts for every page. Nothing here is needed: without it each form and link still works.
"use strict";
(() => {
  const each = (root, selector, act) => root.querySelectorAll(selector).forEach(act);

  // Browsers without invoker commands open dialogs this way.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    if (!button || "commandForElement" in button) return;
    const dialog = document.getElementById(button.getAttribute("commandfor"));
    if (dialog instanceof HTMLDialogElement) dialog.showModal();
  });

  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) print(); });

  // One press sends a form once; a page taken back from history sends again.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    // An answer that is a file leaves the page where it is: the form may be sent again.
    if (form.closest("[data-stays]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    // What the capture app keeps goes with the session, also in a browser that does not heed Clear-Site-Data.
    if (form.getAttribute("action") === "/logout" && globalThis.indexedDB) indexedDB.deleteDatabase("chuangsha-capture");
  });
  addEventListener("pageshow", (event) => { if (event.persisted) each(document, "form[data-sent]", (form) => delete form.dataset.sent); });

  // Check boxes of a list.
  const recount = (id) => {
    const boxes = [...document.querySelectorAll(`input[form="${id}-batch"][name=chosen]`)];
    const chosen = boxes.filter((box) => box.checked).length;
    each(document, `[data-chosen="${id}"]`, (place) => { place.textContent = chosen; });
    each(document, `[data-choose-all="${id}"]`, (all) => { all.checked = chosen > 0 && chosen === boxes.length; all.indeterminate = chosen > 0 && chosen < boxes.length; });
  };
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.dataset.chooseAll) {
      each(document, `input[form="${box.dataset.chooseAll}-batch"][name=chosen]`, (one) => { one.checked = box.checked; });
      recount(box.dataset.chooseAll);
    } else if (box.name === "chosen" && box.form) recount(box.form.id.replace(/-batch$/, ""));
  });

  // A clock that runs down, and what is shown for a while only.
  const tick = () => {
    each(document, "[data-until]", (place) => {
      const left = Math.round((Number(place.dataset.until) - Date.now() + skew) / 1000);
      if (left <= 0) { place.textContent = place.dataset.over; place.parentElement.classList.add("over"); place.removeAttribute("data-until"); return; }
      place.textContent = `${String(Math.floor(left / 60)).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
    });
    each(document, "[data-hide-after]", (place) => {
      // By the clock and not by ticks: a tab in the background ticks once a minute.
      place.dataset.gone ||= Date.now() + (Number(place.dataset.hideAfter) - 1) * 1000;
      const left = Math.ceil((Number(place.dataset.gone) - Date.now()) / 1000);
      each(place, "[data-left]", (count) => { count.textContent = left; });
      if (left <= 0) place.remove();
    });
  };
  // A page taken back from history shows nothing in clear again.
  addEventListener("pageshow", (event) => { if (event.persisted) each(document, "[data-hide-after]", (place) => place.remove()); });
  // The server's clock counts, not this machine's.
  const now = document.querySelector("meta[name=now]");
  const skew = now ? Date.now() - Number(now.content) : 0;
  if (document.querySelector("[data-until],[data-hide-after]")) setInterval(tick, 1000);

  const settle = (root) => {
    each(root, "dialog[data-open]", (dialog) => { dialog.removeAttribute("data-open"); dialog.close(); dialog.showModal(); });
    // On the living page of parts every state stands at once: none of them is the one to go to.
    const wrong = [...root.querySelectorAll("[aria-invalid=true],[data-focus]")].find((one) => !one.closest(".part"));
    if (wrong) wrong.focus({ preventScroll: wrong.matches("h2") });
  };
  settle(document);

  // What changed while nobody asked is said once, quietly: the heading of the list carries its count.
  const live = document.getElementById("live");
  const heard = {};
  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail && event.detail.ctx && event.detail.ctx.sourceElement;
    const region = source && source.dataset.hxTrigger && document.querySelector(source.dataset.hxTarget);
    const heading = region && region.querySelector("h2");
    if (!heading || !live) return;
    const said = heading.textContent.trim();
    if ((heard[region.id] || said) !== said) live.textContent = said;
    heard[region.id] = said;
  });
  each(document, "[data-hx-trigger][data-hx-target]", (source) => {
    const region = document.querySelector(source.dataset.hxTarget);
    const heading = region && region.querySelector("h2");
    if (heading) heard[region.id] = heading.textContent.trim();
  });

  // After an exchange the focus goes to the heading of what is new, so that it is read out.
  document.addEventListener("htmx:after:swap", (event) => {
    const source = event.detail && event.detail.ctx && event.detail.ctx.sourceElement;
    if (!(source instanceof HTMLFormElement) || !source.matches(".search")) return;
    const region = document.querySelector(source.getAttribute("data-hx-target"));
    const heading = region && region.querySelector("h2[tabindex]");
    if (heading) heading.focus();
  });
})();
