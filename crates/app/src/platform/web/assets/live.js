// The live page of call screening: its body is exchanged at most once a second, and only when it changed. Whoever reads with the keyboard in it keeps
// the place; whoever listens hears one sentence now and then; whoever wants quiet presses the button.
"use strict";
(() => {
  const region = document.querySelector("[data-live]");
  const button = document.querySelector("[data-live-pause]");
  const said = document.getElementById("live");
  if (!region || !button || !("EventSource" in globalThis)) return;
  const SAY_MS = 5000;
  const sentence = () => { const place = region.querySelector("[data-said]"); return place ? place.textContent : ""; };
  // What stands there already was read with the page.
  let source = null, kept = null, paused = false, spoken = 0, heard = sentence();

  const show = (html) => {
    // Somebody stands in it: what they read is not taken away.
    if (region.contains(document.activeElement)) { kept = html; return; }
    kept = null;
    const places = [...region.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    region.innerHTML = html;
    region.querySelectorAll(".scroll").forEach((one, at) => { one.scrollLeft = places[at] || 0; });
    if (said && Date.now() - spoken >= SAY_MS && sentence() !== heard) {
      said.textContent = heard = sentence();
      spoken = Date.now();
    }
  };
  const stop = () => { if (source) source.close(); source = null; };
  const start = () => {
    stop();
    source = new EventSource(region.dataset.live);
    source.addEventListener("live", (event) => show(event.data));
    source.addEventListener("error", () => {
      // Closed for good: the session is over or the right is gone. Anything else the browser mends itself.
      if (source && source.readyState === EventSource.CLOSED) { pause(true); if (said) said.textContent = region.dataset.lost; }
    });
  };
  const pause = (now) => {
    paused = now;
    button.textContent = paused ? button.dataset.liveResume : button.dataset.livePause;
    if (paused) stop(); else start();
  };
  button.hidden = false;
  button.addEventListener("click", () => pause(!paused));
  region.addEventListener("focusout", () => setTimeout(() => { if (kept !== null && !paused) show(kept); }, 0));
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else if (!paused) start(); });
  start();
})();
