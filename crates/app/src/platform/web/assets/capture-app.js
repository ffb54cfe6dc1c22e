// The screens of the capture app: home with the queue, then number, document, portrait, signature, submission. What a step took is sealed before the
// next one shows, so that a tab that dies loses nothing.
"use strict";
(() => {
  const { seal, camera, pad, reader, queue } = capture;
  const words = JSON.parse(document.getElementById("words").textContent);
  const by = (id) => document.getElementById(id);
  const say = (name, ...values) => values.reduce((text, value) => text.replace("{}", value), words[name] || name);
  const MOST_WISHES = 5, ENTRIES = ["reader", "mrz", "ocr", "manual", "upload"];
  const RETRY_MS = 30000;
  const PICTURES = { document_front: "front", document_back: "back", live_photo: "photo", signature: "signature", agent_document: "agent_document" };
  const FIELDS = ["document_kind", "entry", "document_number", "name", "address", "valid_from", "valid_until", "country", "phone", "agent_kind", "agent_number", "agent_name", "agent_address"];

  let limits = null, place = null, away = false, busy = false, draft = null;
  // Without sealed storage: what could not be sent stays in this page only.
  const unsent = [];
  const shots = {};

  // Other tabs show the same queue; when everything was deleted in one, the others start anew.
  const others = "BroadcastChannel" in globalThis ? new BroadcastChannel("chuangsha-capture") : { postMessage() {} };
  others.onmessage = ({ data }) => { if (data === "wiped") location.reload(); else home(); };

  // --- said once, until the next time ---
  const notices = by("notices");
  const notice = (key, tone, text, link) => {
    const old = notices.querySelector(`[data-notice="${key}"]`);
    if (old) old.remove();
    if (!text) return;
    const line = document.createElement("p");
    line.className = `field-notice field-${tone}`;
    line.dataset.notice = key;
    line.append(`${{ bad: "✖", warning: "▲", good: "✔" }[tone] || "●"} ${text} `);
    if (link) {
      const anchor = document.createElement("a");
      [anchor.href, anchor.textContent] = link;
      line.append(anchor);
    }
    notices.append(line);
  };
  const ask = (title, lead, go) => new Promise((answer) => {
    const dialog = by("ask");
    dialog.querySelector("h2").textContent = title;
    dialog.querySelector("p").textContent = lead;
    const [yes, no] = dialog.querySelectorAll("button");
    yes.textContent = go;
    yes.onclick = () => dialog.close("yes");
    no.onclick = () => dialog.close("no");
    dialog.onclose = () => answer(dialog.returnValue === "yes");
    dialog.returnValue = "";
    dialog.showModal();
  });
  const when = (ms) => new Date(ms).toLocaleString(document.documentElement.lang, { dateStyle: "short", timeStyle: "short" });

  // --- home ---
  const waiting = async () => (seal.able ? seal.orders() : unsent.map((one) => one.record));
  const home = async () => {
    const orders = await waiting();
    by("network").textContent = away ? `○ ${words.field_offline}` : `● ${words.field_online}`;
    by("queued").textContent = say("field_queued", orders.length);
    by("queue-empty").hidden = orders.length > 0;
    by("upload").hidden = orders.length === 0;
    // Drawn again only when it changed: whoever stands on one of its buttons stays there.
    const look = JSON.stringify(orders.map(({ id, state, captured_at, refused }) => [id, state, captured_at, refused]));
    if (by("queue").dataset.look !== look) {
      by("queue").dataset.look = look;
      by("queue").replaceChildren(...orders.map(line));
    }
    by("limits").textContent = limits ? say("field_limits", limits.orders, limits.age_ms / 3600000, limits.rules_age_ms / 3600000, limits.distance_m) + (typeof limits.outlet.latitude === "number" ? "" : ` ${words.field_place_unset}`) : "";
    by("limits-line").hidden = !limits;
    const why = queue.frozen(limits, orders, place, Date.now());
    by("frozen").hidden = why.length === 0;
    by("frozen").querySelector("ul").replaceChildren(...why.map(([name, ...values]) => { const item = document.createElement("li"); item.textContent = say(name, ...values); item.dataset.why = name; return item; }));
    by("start").disabled = why.length > 0;
    by("resume").hidden = !draft;
    return why;
  };
  const line = (record) => {
    const item = document.createElement("li");
    item.dataset.order = record.id;
    item.dataset.state = record.state;
    const text = document.createElement("span");
    text.textContent = `${record.state === "refused" ? `✖ ${words.field_refused}` : `● ${words.field_waiting}`} · ${say("field_captured_at", when(record.captured_at))}`;
    item.append(text);
    if (record.refused) {
      const why = document.createElement("p");
      why.className = "wrong";
      why.textContent = `${record.refused.title}。${record.refused.detail}`.replace(/[.。]?。/, document.documentElement.lang === "en" ? ". " : "。");
      item.append(why);
      item.append(button(words.field_edit, () => edit(record)));
    }
    item.append(button(words.field_remove, () => drop(record)));
    return item;
  };
  const button = (text, work) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", work);
    return made;
  };
  const drop = async (record) => {
    if (!await ask(words.field_remove_ask, words.field_remove_lead, words.field_remove)) return;
    if (seal.able) await seal.removeOrder(record.id);
    else unsent.splice(unsent.findIndex((one) => one.record === record), 1);
    others.postMessage("queue");
    await home();
  };
  // What is sealed is shown again only to whom it belongs: the server says who is there.
  const edit = async (record) => {
    if (!await refresh()) return;
    const still = (await waiting()).find((one) => one.id === record.id);
    if (!still) return;
    const { text, pictures } = seal.able ? await seal.openOrder(still) : unsent.find((one) => one.record === record);
    const order = JSON.parse(text);
    const party = (role, one) => (one ? { [`${role}kind`]: one.document_kind, [`${role}number`]: one.document_number, [`${role}name`]: one.name, [`${role}address`]: one.address } : {});
    const { document_kind, document_number, name, address, valid_from, valid_until, country, phone } = order.holder;
    draft = {
      id: order.id, captured_at: order.captured_at, rules_at: order.rules_at, rules_version: order.rules_version, product: order.product, numbers: order.numbers, any_number: order.any_number,
      fields: { document_kind, document_number, name, address, valid_from, valid_until, country, phone, entry: order.entry, ...party("agent_", order.agent) },
      ticks: { original_seen: order.original_seen, warning_read: order.warning_read, face_declined: order.face_declined }, pictures: new Map(pictures), step: 1,
    };
    screen(1);
  };

  // --- what the server says ---
  const signIn = () => notice("session", "warning", words.field_sign_in, ["/login?to=%2Fapp%2F", words.field_sign_in_go]);
  const refresh = async () => {
    const told = await queue.fetchLimits();
    away = Boolean(told.away);
    if (told.gone) signIn(); else if (told.limits) notice("session");
    notice("wrong", "bad", told.wrong ? `${told.wrong.title} ${told.wrong.detail}` : "");
    if (told.limits) {
      limits = told.limits;
      if (seal.able) {
        const owner = await seal.owner();
        if (owner && owner !== limits.owner) {
          const lost = await seal.wipe();
          others.postMessage("wiped");
          draft = null;
          notice("other", "warning", say("field_other_person", lost));
        }
        await seal.belongsTo(limits.owner);
        await seal.put("limits", JSON.stringify(limits)).catch(storage);
      }
      readerState();
    }
    await home();
    return Boolean(told.limits);
  };
  const storage = (error) => {
    if (seal.full(error)) notice("storage", "bad", words.field_storage_full);
    else throw error;
  };
  const upload = async () => {
    if (busy) return;
    busy = true;
    try {
      if (!await refresh()) return;
      const tell = async (record, result) => {
        if (result.done) notice("taken", "good", say("field_taken", result.done.number), [`/orders/${result.done.id}`, result.done.code]);
        if (result.gone) signIn();
        away = Boolean(result.away);
        others.postMessage("queue");
        await home();
      };
      if (seal.able) { await queue.uploadAll(tell); return; }
      for (const one of [...unsent].filter((kept) => kept.record.state === "waiting")) {
        const result = await queue.sendOrder(one.text, one.pictures);
        if (result.done) unsent.splice(unsent.indexOf(one), 1);
        if (result.refused) Object.assign(one.record, { state: "refused", refused: result.refused });
        notice("unkept", "bad", result.away || result.gone ? words.field_not_kept : "");
        await tell(one.record, result);
      }
    } finally {
      busy = false;
      await home();
    }
  };
  const where = async () => {
    if (!limits || typeof limits.outlet.latitude !== "number" || !navigator.geolocation) return;
    place = await new Promise((done) => navigator.geolocation.getCurrentPosition(
      ({ coords }) => done({ latitude: coords.latitude, longitude: coords.longitude }),
      (error) => done(error.code === 1 ? "denied" : null),
      { timeout: 8000, maximumAge: 60000 },
    ));
    await home();
  };

  // --- the unfinished order ---
  const fresh = () => ({ id: queue.id(), captured_at: null, rules_at: 0, rules_version: "", product: "voice", numbers: [], any_number: true, fields: {}, ticks: {}, pictures: new Map(), step: 1 });
  const keepDraft = async () => {
    if (!draft || !seal.able) return;
    const { pictures, ...rest } = draft;
    await seal.put("draft", JSON.stringify(rest), [...pictures]).then(() => notice("storage"), storage);
  };
  const loadDraft = async () => {
    const kept = seal.able ? await seal.get("draft") : null;
    if (kept) draft = { ...JSON.parse(kept.text), pictures: new Map(kept.pictures) };
  };

  // --- screens ---
  const forms = [...document.querySelectorAll("[data-screen]")];
  const screen = (step) => {
    Object.values(shots).forEach((shot) => shot.stop());
    const old = step === 0 ? by("home") : forms[step - 1];
    by("home").hidden = step !== 0;
    forms.forEach((form, at) => { form.hidden = at !== step - 1; });
    by("steps").hidden = step === 0;
    [...by("steps").children].forEach((item, at) => {
      item.className = at < step - 1 ? "done" : at === step - 1 ? "now" : "later";
      if (at === step - 1) item.setAttribute("aria-current", "step"); else item.removeAttribute("aria-current");
    });
    if (step > 0) { draft.step = step; fill(step); wrong(forms[step - 1], ""); }
    old.querySelector("h1").focus();
    scrollTo(0, 0);
  };
  const wrong = (form, text, field) => {
    const place = form.querySelector("[data-wrong]");
    place.hidden = !text;
    place.textContent = text ? `✖ ${text}` : "";
    form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
    if (field) { field.setAttribute("aria-invalid", "true"); field.focus(); }
    return !text;
  };
  const option = (value, text) => { const made = document.createElement("option"); made.value = value; made.textContent = text; return made; };
  const digits = (number) => `${number.slice(0, 3)} ${number.slice(3, 7)} ${number.slice(7)}`;
  const offers = () => {
    const free = limits ? limits.numbers.filter((one) => one.product === draft.product) : [];
    draft.numbers = draft.numbers.filter((wish) => free.some((one) => one.id === wish));
    by("offers-none").hidden = free.length > 0;
    by("offers").replaceChildren(...free.map((one) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox"; box.name = "number"; box.value = one.id; box.checked = draft.numbers.includes(one.id);
      const text = document.createElement("span");
      text.className = "code"; text.textContent = digits(one.number);
      const rank = document.createElement("span");
      rank.className = "field-rank";
      label.append(box, text, rank);
      box.addEventListener("change", () => {
        draft.numbers = draft.numbers.filter((wish) => wish !== one.id);
        if (box.checked && draft.numbers.length < MOST_WISHES) draft.numbers.push(one.id);
        ranks();
      });
      return label;
    }));
    ranks();
  };
  const ranks = () => by("offers").querySelectorAll("label").forEach((label) => {
    const box = label.querySelector("input"), rank = draft.numbers.indexOf(box.value);
    box.checked = rank >= 0;
    box.disabled = rank < 0 && draft.numbers.length >= MOST_WISHES;
    label.querySelector(".field-rank").textContent = rank < 0 ? "" : `#${rank + 1}`;
  });
  const entries = () => {
    const taken = (limits ? limits.documents : []).find((one) => one.kind === by("document_kind").value);
    const chosen = by("entry").value || draft.fields.entry;
    by("entry").replaceChildren(...(taken ? taken.entries : []).map((entry) => option(entry, words[`entry_${ENTRIES.includes(entry) ? entry : "manual"}`])));
    if (taken && taken.entries.includes(chosen)) by("entry").value = chosen;
    by("country-field").hidden = by("document_kind").value !== "passport";
    document.querySelector('[data-shot="document_back"]').hidden = !(taken && taken.back);
  };
  const fill = (step) => {
    const form = forms[step - 1];
    if (step === 1) {
      by("product").value = draft.product;
      form.elements.any_number.checked = draft.any_number;
      offers();
    }
    if (step === 2) {
      const kinds = limits ? limits.documents : [];
      for (const name of ["document_kind", "agent_kind"]) by(name).replaceChildren(...kinds.map((one) => option(one.kind, words.documents[one.kind])));
      FIELDS.filter((name) => name !== "entry").forEach((name) => { if (draft.fields[name] || by(name).tagName !== "SELECT") by(name).value = draft.fields[name] || ""; });
      entries();
      if (draft.fields.entry) by("entry").value = draft.fields.entry;
      by("proxy").open = Boolean(draft.fields.agent_number || draft.fields.agent_name);
    }
    form.querySelectorAll("[data-shot]").forEach((shot) => shots[shot.dataset.shot].show(draft.pictures.get(shot.dataset.shot) || null));
    if (step === 5) {
      const { fields } = draft;
      const free = new Map((limits ? limits.numbers : []).map((one) => [one.id, digits(one.number)]));
      const facts = [
        [words.product_kind, words.products[draft.product]],
        [words.number, [...draft.numbers.map((wish) => free.get(wish) || "…"), ...(draft.any_number ? [words.field_any_number] : [])].join(" → ")],
        [words.document_kind, words.documents[fields.document_kind]], [words.document_number, fields.document_number], [words.holder_name, fields.name], [words.address, fields.address],
        ...(fields.valid_until ? [[words.valid_until, fields.valid_until]] : []), ...(proxied() ? [[words.agent, fields.agent_name]] : []),
      ];
      by("summary").replaceChildren(...facts.map(([label, value]) => {
        const pair = document.createElement("div");
        const [term, text] = ["dt", "dd"].map((tag) => document.createElement(tag));
        term.textContent = label; text.textContent = value;
        pair.append(term, text);
        return pair;
      }));
      for (const name of ["original_seen", "warning_read", "face_declined"]) form.elements[name].checked = Boolean(draft.ticks[name]);
    }
  };
  const proxied = () => Boolean(draft.fields.agent_number || draft.fields.agent_name);

  // GB 11643: the last place proves the seventeen before it. Said at once, because the customer is still there.
  const checkDigit = (number) => {
    const text = number.trim().toUpperCase();
    if (!/^[0-9]{17}[0-9X]$/.test(text)) return false;
    const sum = [...text.slice(0, 17)].reduce((all, digit, at) => all + Number(digit) * (2 ** (17 - at) % 11), 0);
    return "10X98765432"[sum % 11] === text[17];
  };
  // Takes what the screen shows into the draft and says what is missing; true when the step is done.
  const take = (step) => {
    const form = forms[step - 1];
    if (step === 1) {
      draft.any_number = form.elements.any_number.checked;
      return wrong(form, draft.numbers.length || draft.any_number ? "" : words.field_no_number);
    }
    if (step === 2) {
      FIELDS.forEach((name) => { draft.fields[name] = by(name).value.trim(); });
      const { fields } = draft;
      const empty = ["document_number", "name", "address"].find((name) => !fields[name]);
      if (empty) return wrong(form, say("field_need_field", words[{ document_number: "document_number", name: "holder_name", address: "address" }[empty]]), by(empty));
      if (fields.document_kind === "resident_id" && !checkDigit(fields.document_number)) return wrong(form, words.field_bad_number, by("document_number"));
      if (fields.valid_until && fields.valid_until < new Date(Date.now() - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 10)) return wrong(form, words.field_expired, by("valid_until"));
      if (proxied()) {
        const gap = ["agent_number", "agent_name", "agent_address"].find((name) => !fields[name]);
        if (gap) { by("proxy").open = true; return wrong(form, say("field_need_field", gap === "agent_address" ? `${words.agent} · ${words.address}` : words[gap]), by(gap)); }
      }
      const back = (limits.documents.find((one) => one.kind === fields.document_kind) || {}).back;
      return pictured(form, ["document_front", ...(back ? ["document_back"] : []), ...(proxied() ? ["agent_document"] : [])]);
    }
    if (step === 3) return pictured(form, ["live_photo"]);
    if (step === 4) return pictured(form, ["signature"]);
    for (const name of ["original_seen", "warning_read", "face_declined"]) draft.ticks[name] = form.elements[name].checked;
    return wrong(form, draft.ticks.original_seen && draft.ticks.warning_read ? "" : words.field_need_tick);
  };
  const pictured = (form, kinds) => {
    const missing = kinds.find((kind) => !draft.pictures.has(kind));
    return wrong(form, missing ? say("field_need_picture", words[PICTURES[missing]]) : "", missing && form.querySelector(`[data-shot="${missing}"] input`));
  };

  const orderText = () => {
    const { fields } = draft;
    const filled = (text) => text || null;
    const agent = proxied() ? { document_kind: fields.agent_kind, document_number: fields.agent_number, name: fields.agent_name, address: fields.agent_address } : null;
    return JSON.stringify({
      id: draft.id, captured_at: draft.captured_at, rules_at: draft.rules_at, rules_version: draft.rules_version, product: draft.product, numbers: draft.numbers, any_number: draft.any_number, entry: fields.entry,
      holder: {
        document_kind: fields.document_kind, document_number: fields.document_number, name: fields.name, address: fields.address, country: filled(fields.country), phone: filled(fields.phone),
        valid_from: filled(fields.valid_from), valid_until: filled(fields.valid_until),
      },
      agent, ...draft.ticks,
    });
  };
  const finish = async () => {
    // When it was captured is said once: correcting it later does not make it younger.
    if (!draft.captured_at) Object.assign(draft, { captured_at: Date.now(), rules_at: limits.now, rules_version: limits.rules_version });
    const kinds = ["document_front", "document_back", "live_photo", "signature", ...(proxied() ? ["agent_document"] : [])];
    const pictures = [...draft.pictures].filter(([kind]) => kinds.includes(kind));
    const record = { id: draft.id, captured_at: draft.captured_at, state: "waiting" };
    if (seal.able) {
      try { await seal.putOrder(record, orderText(), pictures); } catch (error) {
        if (!seal.full(error)) throw error;
        notice("storage", "bad", words.field_storage_full);
        return;
      }
      await seal.remove("draft");
      notice("kept", "good", words.field_kept);
    } else {
      const at = unsent.findIndex((one) => one.record.id === record.id);
      if (at >= 0) unsent.splice(at, 1);
      unsent.push({ record, text: orderText(), pictures });
    }
    notice("storage");
    others.postMessage("queue");
    draft = null;
    screen(0);
    await home();
    await upload();
    if (!(await waiting()).some((one) => one.id === record.id)) notice("kept");
  };

  forms.forEach((form, at) => {
    let working = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      // A second click while the first is at work asks for the same thing.
      if (working || !take(at + 1)) return;
      working = true;
      try {
        if (at + 1 < forms.length) { draft.step = at + 2; await keepDraft(); screen(at + 2); } else await finish();
      } finally { working = false; }
    });
    form.querySelector("[data-back]").addEventListener("click", async () => {
      take(at + 1);
      await keepDraft();
      screen(at);
      if (at === 0) await home();
    });
  });
  document.querySelectorAll("[data-shot]").forEach((shot) => {
    const kind = shot.dataset.shot;
    const keep = async (blob) => {
      if (!draft) return;
      if (blob) { draft.pictures.set(kind, blob); wrong(shot.closest("form"), ""); } else draft.pictures.delete(kind);
      await keepDraft();
    };
    shots[kind] = kind === "signature" ? pad.pad(shot, words, keep) : camera.shot(shot, words, keep);
  });
  by("product").addEventListener("change", () => { draft.product = by("product").value; offers(); });
  by("document_kind").addEventListener("change", entries);
  by("start").addEventListener("click", async () => {
    await where();
    if ((await home()).length) return;
    draft = fresh();
    screen(1);
  });
  by("resume").addEventListener("click", async () => { await where(); if (!(await home()).length) screen(draft.step); });
  by("refresh").addEventListener("click", async () => { await refresh(); await where(); });
  by("upload").addEventListener("click", upload);

  // --- reader ---
  const readerState = async () => {
    const bridge = limits && limits.reader;
    by("reader").hidden = !bridge;
    by("reader-state").hidden = !bridge;
    if (bridge) by("reader-state").textContent = words[await reader.status(bridge)];
  };
  by("read").addEventListener("click", async () => {
    const told = by("read-said");
    told.textContent = words.field_reading;
    by("read").disabled = true;
    const { card, wrong: why } = await reader.read(limits.reader);
    by("read").disabled = false;
    told.textContent = why ? words[why] : words.field_read_done;
    if (!card || !draft) return;
    for (const [name, value] of Object.entries(card)) if (value || by(name).tagName !== "SELECT") by(name).value = value;
    entries();
    by("entry").value = "reader";
  });

  // --- leaving, installing, updating ---
  by("sign-out").addEventListener("submit", async (event) => {
    event.preventDefault();
    const orders = await waiting();
    if (orders.length && !await ask(words.field_sign_out_ask, words.field_sign_out_lead, words.log_out)) return;
    if (seal.able) await seal.wipe();
    others.postMessage("wiped");
    event.target.submit();
  });
  addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") keepDraft(); });
  addEventListener("online", upload);
  addEventListener("offline", () => { away = true; home(); });
  addEventListener("beforeunload", (event) => { if (unsent.length) event.preventDefault(); });
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    by("install").hidden = false;
    by("install").onclick = async () => { by("install").hidden = true; await event.prompt(); };
  });
  setInterval(async () => { if (document.visibilityState === "visible" && (await waiting()).some((one) => one.state === "waiting")) upload(); }, RETRY_MS);
  if ("serviceWorker" in navigator) {
    const had = Boolean(navigator.serviceWorker.controller);
    navigator.serviceWorker.register("/app/worker.js", { scope: "/app/" }).catch(() => {});
    navigator.serviceWorker.addEventListener("controllerchange", () => { if (had) notice("updated", "warning", words.field_updated); });
  }

  (async () => {
    if (!seal.able) notice("missing", "bad", words.field_missing);
    else if (navigator.storage && navigator.storage.persist) navigator.storage.persist().catch(() => {});
    if (seal.able) {
      const kept = await seal.get("limits").catch(() => null);
      if (kept) limits = JSON.parse(kept.text);
      await loadDraft().catch(() => {});
    }
    await home();
    readerState();
    await upload();
    await where();
    document.body.dataset.ready = "true";
  })();
})();
