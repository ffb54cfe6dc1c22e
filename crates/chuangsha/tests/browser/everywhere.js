// What the browser tests ask of every page. Set up before the page runs; nothing of it is part of the product.
"use strict";
window.checks = (() => {
  const shifts = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const who = entry.sources.map((source) => (source.node ? (source.node.nodeName + "." + (source.node.className || "")) : "?")).join(" ");
      shifts.push({ value: entry.value, who });
    }
  });
  observer.observe({ type: "layout-shift", buffered: true });

  const name = (one) => one.tagName.toLowerCase() + (one.id ? "#" + one.id : "") + (typeof one.className === "string" && one.className ? "." + one.className.split(" ").join(".") : "");
  const seen = (one) => one.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true, contentVisibilityAuto: true });
  const scroller = (one) => {
    for (let above = one; above; above = above.parentElement) {
      const way = getComputedStyle(above).overflowX;
      if (way === "auto" || way === "scroll") return above;
    }
    return null;
  };
  const reachable = (one) => one.tabIndex >= 0 || one.querySelector("a[href],button,input,select,textarea,[tabindex='0']");

  // Elements that stick out of the page, are cut off, or scroll without anybody being able to scroll them.
  const overflowing = () => {
    const wide = document.documentElement.clientWidth;
    const wrong = [];
    if (document.documentElement.scrollWidth > wide) wrong.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} > ${wide}`);
    for (const one of document.querySelectorAll("body *")) {
      if (one.closest("svg svg, .unseen, .skip, script, option") || !seen(one)) continue;
      const style = getComputedStyle(one);
      const box = one.getBoundingClientRect();
      const inner = scroller(one);
      if (box.right > wide + 1 && !inner) wrong.push(`${name(one)} ends at ${Math.round(box.right)} of ${wide}`);
      if (inner === one && one.scrollWidth > one.clientWidth + 1 && !reachable(one)) wrong.push(`${name(one)} scrolls, but not with the keyboard`);
      if (one.matches("input,select,textarea,video,canvas,img,svg,svg *,progress,html,body") || style.display === "inline" || one.clientWidth <= 1) continue;
      const cutWide = one.scrollWidth > one.clientWidth + 1, cutHigh = one.scrollHeight > one.clientHeight + 1;
      const hides = style.overflowX === "hidden" || style.overflowX === "clip";
      if (hides && (cutWide || cutHigh)) wrong.push(`${name(one)} is cut off: "${one.textContent.trim().slice(0, 30)}"`);
      else if (cutWide && !inner && ![...one.children].some((child) => child.scrollWidth > child.clientWidth + 1 && getComputedStyle(child).display !== "inline"))
        wrong.push(`${name(one)} holds ${one.scrollWidth} in ${one.clientWidth}: "${one.textContent.trim().slice(0, 30)}"`);
    }
    return wrong.slice(0, 6);
  };

  // Neighbours that lie on each other.
  const overlapping = () => {
    const wrong = [];
    for (const parent of document.querySelectorAll("main, main *")) {
      if (parent.closest("svg") || !seen(parent) || parent.matches(".unseen, .unseen *")) continue;
      const children = [...parent.children].filter((one) => seen(one) && !one.matches(".unseen,dialog,svg *") && !["absolute", "fixed", "sticky"].includes(getComputedStyle(one).position) && getComputedStyle(one).display !== "inline");
      for (let index = 1; index < children.length; index++) {
        const a = children[index - 1].getBoundingClientRect(), b = children[index].getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left), high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 1) wrong.push(`${name(children[index - 1])} and ${name(children[index])} overlap by ${Math.round(wide)} × ${Math.round(high)}`);
      }
    }
    return wrong.slice(0, 6);
  };

  // Whatever can be worked with, in the order the keyboard reaches it.
  const interactive = (root) => {
    const groups = new Set();
    return [...root.querySelectorAll("a[href],button,input,select,textarea,summary,[tabindex]")].filter((one) => {
      if (one.tabIndex < 0 || one.disabled || one.type === "hidden" || !seen(one) || (root === document && one.closest("dialog"))) return false;
      if (one.type !== "radio") return true;
      const chosen = document.querySelector(`input[type=radio][name="${CSS.escape(one.name)}"]:checked`);
      if (chosen ? chosen !== one : groups.has(one.name)) return false;
      groups.add(one.name);
      return true;
    });
  };
  let visited = [];
  document.addEventListener("focusin", (event) => {
    const one = event.target, style = getComputedStyle(one);
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    visited.push({ one, ring });
  });
  const covered = (one) => {
    const box = one.getBoundingClientRect();
    if (box.bottom <= 0 || box.top >= innerHeight) return "off the screen";
    const above = document.elementFromPoint(Math.max(box.left, 0) + Math.min(box.width, innerWidth) / 2, box.top + box.height / 2);
    return above && above.closest(".top") && !above.closest(".top").contains(one) ? "under the top bar" : "";
  };
  document.addEventListener("focusin", (event) => { const why = covered(event.target); if (why) visited[visited.length - 1].why = why; });

  return {
    overflowing, overlapping, name,
    shifts: () => shifts.filter((shift) => shift.value > 0).map((shift) => `moved by ${shift.value.toFixed(4)}: ${shift.who}`),
    settle: () => { observer.takeRecords(); shifts.length = 0; },
    interactive: () => interactive(document).length,
    dates: () => interactive(document).filter((one) => one.matches("input[type=date],input[type=datetime-local]")).length,
    begin: () => { visited = []; const first = interactive(document)[0]; first.focus({ focusVisible: true }); return name(first); },
    // What the walk missed, took in another order, or reached unseen.
    walked: () => {
      const wanted = interactive(document), wrong = [];
      const order = visited.map((step) => wanted.indexOf(step.one));
      wanted.forEach((one, index) => { if (!order.includes(index)) wrong.push(`Tab never reaches ${name(one)} "${(one.textContent || one.value || "").trim().slice(0, 20)}"`); });
      let before = -1;
      for (const index of order) { if (index === 0 && before > 0) break; if (index >= 0 && index < before) wrong.push(`Tab goes back from ${name(wanted[before])} to ${name(wanted[index])}`); before = index; }
      for (const step of visited) {
        if (!step.ring) wrong.push(`focus is not seen on ${name(step.one)}`);
        if (step.why) wrong.push(`focus is ${step.why} on ${name(step.one)}`);
      }
      return wrong.slice(0, 6);
    },
    openers: () => [...document.querySelectorAll("button[commandfor]")].filter((one) => seen(one) && !one.disabled).map((one) => one.getAttribute("commandfor")),
    opener: (id) => { document.querySelector(`button[commandfor="${id}"]`).focus(); visited = []; },
    opened: (id) => { const dialog = document.getElementById(id); return { open: dialog.open && dialog.matches(":modal"), inside: dialog.contains(document.activeElement), steps: interactive(dialog).length, dates: dialog.querySelectorAll("input[type=date],input[type=datetime-local]").length }; },
    escaped: (id) => visited.filter((step) => !document.getElementById(id).contains(step.one)).map((step) => name(step.one)),
    closed: (id) => { const button = document.querySelector(`button[commandfor="${id}"]`); return !document.getElementById(id).open && document.activeElement === button; },
    // Parts that change by themselves must say so.
    silent: () => {
      const wrong = [];
      if (!document.querySelector("#live[role=status]")) wrong.push("the page has no live region");
      for (const one of document.querySelectorAll("[data-toast],[data-chosen],[data-say]")) if (!one.closest("[role=status],[role=alert],[aria-live]")) wrong.push(`${name(one)} changes without saying so`);
      return wrong;
    },
    moving: () => document.getAnimations().length,
  };
})();
