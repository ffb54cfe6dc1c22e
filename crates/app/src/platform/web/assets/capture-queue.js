// Limits and upload. Every order takes the same way, with or without the network: sealed first, then sent under its own id until the server says it has
// it. The same id again is the same order there, so a tab that dies in the middle costs nothing.
"use strict";
(() => {
  const LIMITS = "/api/v1/capture-limits";
  const UPLOAD = "/api/v1/offline-registrations";
  const PATIENCE_MS = { limits: 8000, upload: 120000 };
  const GONE = ["platform.sign_in", "people.factor_required", "people.step_up", "people.password_change"];
  const HOUR = 3600000, MINUTE = 60000, EARTH_M = 6371000;

  const send = async (path, options, patience) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    try {
      return await fetch(path, { ...options, credentials: "same-origin", cache: "no-store", signal: stop.signal });
    } finally {
      clearTimeout(timer);
    }
  };
  const problem = async (answer) => {
    const body = await answer.json().catch(() => ({}));
    return { code: body.code || "", title: body.title || String(answer.status), detail: body.detail || "", field: body.field || "" };
  };
  const id = () => {
    // randomUUID is only there on a secure connection.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64; bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };
  const metres = (a, b) => {
    const turn = (degrees) => degrees * Math.PI / 180;
    const [north, east] = [turn(b.latitude - a.latitude), turn(b.longitude - a.longitude)];
    const half = Math.sin(north / 2) ** 2 + Math.cos(turn(a.latitude)) * Math.cos(turn(b.latitude)) * Math.sin(east / 2) ** 2;
    return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(half)));
  };

  // Why nothing may be captured now: words and their values. `place` is {latitude, longitude}, "denied", or null when it is not known.
  const frozen = (limits, orders, place, now) => {
    if (!limits) return [["field_frozen_first"]];
    const why = [];
    if (orders.length >= limits.orders) why.push(["field_frozen_count", orders.length]);
    const oldest = Math.min(...orders.map((order) => order.captured_at));
    if (now - oldest > limits.age_ms) why.push(["field_frozen_age", Math.floor((now - oldest) / HOUR)]);
    const off = Math.abs(limits.clock_off_ms);
    // A clock that stands before the moment the rules came was turned back since.
    const back = limits.fetched_at - now;
    if (Math.max(off, back) > limits.clock_skew_ms) why.push(["field_frozen_clock", Math.round(Math.max(off, back) / MINUTE)]);
    if (now - limits.fetched_at > limits.rules_age_ms) why.push(["field_frozen_rules", Math.floor((now - limits.fetched_at) / HOUR)]);
    if (typeof limits.outlet.latitude === "number") {
      if (place === "denied") why.push(["field_frozen_place"]);
      else if (place && metres(place, limits.outlet) > limits.distance_m) why.push(["field_frozen_far", Math.round(metres(place, limits.outlet))]);
    }
    return why;
  };

  // Fresh limits: {limits}, {gone} when nobody is signed in, {wrong} when this person may not, {away} when the server is not reached.
  const fetchLimits = async () => {
    let answer;
    const asked = Date.now();
    try { answer = await send(LIMITS, {}, PATIENCE_MS.limits); } catch { return { away: true }; }
    if (!answer.ok) {
      const told = await problem(answer);
      if (GONE.includes(told.code)) return { gone: true };
      return answer.status >= 500 || answer.status === 429 ? { away: true } : { wrong: told };
    }
    const limits = await answer.json();
    const now = Date.now();
    return { limits: { ...limits, fetched_at: now, clock_off_ms: Math.round((asked + now) / 2 - limits.now) } };
  };

  // Sends one order: {done}, {gone}, {away} or {refused}.
  const sendOrder = async (text, pictures) => {
    const form = new FormData();
    form.append("sent_at", String(Date.now()));
    form.append("order", new Blob([text], { type: "application/json" }));
    pictures.forEach(([kind, blob]) => form.append(kind, blob, kind));
    let answer;
    try { answer = await send(UPLOAD, { method: "POST", body: form }, PATIENCE_MS.upload); } catch { return { away: true }; }
    if (answer.ok) {
      // Said to be done, but cut off on the way: the next sending will hear it.
      const done = await answer.json().catch(() => null);
      return done ? { done } : { away: true };
    }
    const told = await problem(answer);
    if (GONE.includes(told.code)) return { gone: true };
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) return { away: true };
    return { refused: told };
  };

  // Sends what waits, oldest first, in one tab at a time. `tell` hears of each; the answer says why it stopped, if it did.
  const uploadAll = async (tell) => {
    const work = async () => {
      for (const record of await capture.seal.orders()) {
        if (record.state !== "waiting") continue;
        const { text, pictures } = await capture.seal.openOrder(record);
        const result = await sendOrder(text, pictures);
        if (result.done) await capture.seal.removeOrder(record.id);
        if (result.refused) await capture.seal.mark(record.id, { state: "refused", refused: result.refused });
        await tell(record, result);
        if (result.gone || result.away) return result;
      }
      return {};
    };
    if (!navigator.locks) return work();
    return navigator.locks.request("chuangsha-capture-upload", { ifAvailable: true }, (lock) => (lock ? work() : {}));
  };

  capture.queue = { id, frozen, fetchLimits, sendOrder, uploadAll, metres };
})();
