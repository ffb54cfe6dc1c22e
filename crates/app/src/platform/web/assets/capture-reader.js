// The reader of ID cards, through the small program that speaks to it on this machine (docs/api/reader-bridge.md). No driver, no plug-in.
"use strict";
(() => {
  const PATIENCE_MS = { status: 2500, read: 15000 };
  const CODES = { no_card: "field_reader_no_card", busy: "field_reader_busy", refused: "field_reader_refused", token: "field_reader_refused", origin: "field_reader_refused", no_reader: "field_reader_off", timeout: "field_reader_slow" };

  const ask = async (bridge, method, path, patience) => {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), patience);
    try {
      const options = { method, headers: { authorization: `Bearer ${bridge.token}` }, credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal: stop.signal };
      const answer = await fetch(bridge.url + path, options);
      const body = await answer.json().catch(() => ({}));
      return answer.ok ? { body } : { wrong: CODES[body.code] || "field_reader_off" };
    } catch {
      // Nobody there, or it does not let this page in: a browser does not say which.
      return { wrong: stop.signal.aborted ? "field_reader_slow" : "field_reader_off" };
    } finally {
      clearTimeout(timer);
    }
  };

  capture.reader = {
    // The word that says how the reader is.
    async status(bridge) {
      const { body, wrong } = await ask(bridge, "GET", "/v1/status", PATIENCE_MS.status);
      if (wrong) return wrong === "field_reader_slow" ? "field_reader_off" : wrong;
      return { ready: "field_reader_ready", busy: "field_reader_busy" }[body.reader] || "field_reader_off";
    },
    // A card, or the word that says why not. Only texts of the fields that are known come through.
    async read(bridge) {
      const { body, wrong } = await ask(bridge, "POST", "/v1/read", PATIENCE_MS.read);
      if (wrong) return { wrong };
      const names = ["document_kind", "document_number", "name", "address", "valid_from", "valid_until"];
      const card = Object.fromEntries(names.map((name) => [name, typeof body[name] === "string" ? body[name].slice(0, 200) : ""]));
      return card.document_number ? { card } : { wrong: "field_reader_off" };
    },
  };
})();
