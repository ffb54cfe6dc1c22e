// What the capture app keeps on the device, sealed: AES-GCM with a key that cannot be read out. In clear stand only random ids, times and sizes.
"use strict";
const capture = (globalThis.capture = globalThis.capture || {});
(() => {
  const NAME = "chuangsha-capture";
  const STORES = ["keys", "orders", "single"];
  // Without a secure connection a browser gives neither; nothing is kept then.
  const able = Boolean(globalThis.isSecureContext && globalThis.indexedDB && globalThis.crypto && crypto.subtle);
  let opening = null;

  const asked = (request) => new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  const open = () => {
    opening = opening || new Promise((done, failed) => {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => {
        const names = request.result.objectStoreNames;
        STORES.filter((name) => !names.contains(name)).forEach((name) => request.result.createObjectStore(name));
      };
      request.onsuccess = () => {
        // Another tab deletes everything when somebody signs out there: it must not have to wait for this one.
        request.result.onversionchange = () => { request.result.close(); opening = null; };
        done(request.result);
      };
      request.onerror = () => { opening = null; failed(request.error); };
    });
    return opening;
  };
  // One transaction, durable before it is said to be done: what the disk did not take is refused as a whole.
  const within = async (stores, mode, work) => {
    const base = await open();
    return new Promise((done, failed) => {
      const transaction = base.transaction(stores, mode, { durability: "strict" });
      let result;
      transaction.oncomplete = () => done(result);
      transaction.onabort = () => failed(transaction.error || new DOMException("aborted", "AbortError"));
      transaction.onerror = () => {};
      Promise.resolve(work((name) => transaction.objectStore(name))).then((value) => { result = value; }, (error) => { try { transaction.abort(); } catch { /* over already */ } failed(error); });
    });
  };

  const key = async () => {
    const there = await within(["keys"], "readonly", (store) => asked(store("keys").get("seal")));
    if (there) return there;
    const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    // Two tabs at once: whoever is second takes the first one's key.
    return within(["keys"], "readwrite", async (store) => {
      const first = await asked(store("keys").get("seal"));
      if (first) return first;
      await asked(store("keys").put(made, "seal"));
      return made;
    });
  };
  const bound = (name) => ({ additionalData: new TextEncoder().encode(`capture ${name}`) });
  const seal = async (name, bytes) => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const data = await crypto.subtle.encrypt({ name: "AES-GCM", iv, ...bound(name) }, await key(), bytes);
    return { iv, data };
  };
  const unseal = async (name, sealed) => crypto.subtle.decrypt({ name: "AES-GCM", iv: sealed.iv, ...bound(name) }, await key(), sealed.data);

  // An order and its pictures as one run of bytes: length of the JSON, JSON, then the pictures one after the other.
  const pack = async (text, pictures) => {
    const parts = await Promise.all(pictures.map(async ([kind, blob]) => [kind, blob.type, new Uint8Array(await blob.arrayBuffer())]));
    const head = new TextEncoder().encode(JSON.stringify({ text, pictures: parts.map(([kind, type, bytes]) => [kind, type, bytes.length]) }));
    const all = new Uint8Array(4 + head.length + parts.reduce((sum, part) => sum + part[2].length, 0));
    new DataView(all.buffer).setUint32(0, head.length);
    all.set(head, 4);
    let at = 4 + head.length;
    parts.forEach(([, , bytes]) => { all.set(bytes, at); at += bytes.length; });
    return all;
  };
  const unpack = (buffer) => {
    const length = new DataView(buffer).getUint32(0);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    let at = 4 + length;
    const pictures = head.pictures.map(([kind, type, size]) => {
      const blob = new Blob([new Uint8Array(buffer, at, size)], { type });
      at += size;
      return [kind, blob];
    });
    return { text: head.text, pictures };
  };

  capture.seal = {
    able,
    // Keeps an order. A record that is already there under this id is replaced.
    async putOrder(record, text, pictures) {
      const sealed = await seal(record.id, await pack(text, pictures));
      await within(["orders"], "readwrite", (store) => asked(store("orders").put({ ...record, ...sealed }, record.id)));
    },
    // Marks an order without touching what is sealed.
    async mark(id, change) {
      await within(["orders"], "readwrite", async (store) => {
        const there = await asked(store("orders").get(id));
        if (there) await asked(store("orders").put({ ...there, ...change }, id));
      });
    },
    async orders() {
      const all = await within(["orders"], "readonly", (store) => asked(store("orders").getAll()));
      return all.sort((a, b) => a.captured_at - b.captured_at);
    },
    async openOrder(record) { return unpack(await unseal(record.id, record)); },
    async removeOrder(id) { await within(["orders"], "readwrite", (store) => asked(store("orders").delete(id))); },
    // One thing by name: the limits, the unfinished order.
    async put(name, text, pictures = []) {
      const sealed = await seal(name, await pack(text, pictures));
      await within(["single"], "readwrite", (store) => asked(store("single").put(sealed, name)));
    },
    async get(name) {
      const sealed = await within(["single"], "readonly", (store) => asked(store("single").get(name)));
      return sealed ? unpack(await unseal(name, sealed)) : null;
    },
    async remove(name) { await within(["single"], "readwrite", (store) => asked(store("single").delete(name))); },
    async owner() { return within(["keys"], "readonly", (store) => asked(store("keys").get("owner"))); },
    async belongsTo(owner) { await within(["keys"], "readwrite", (store) => asked(store("keys").put(owner, "owner"))); },
    // Everything goes, the key first: what a disk may still hold of the rest can then be opened by nobody.
    async wipe() {
      const stores = await within(STORES, "readwrite", async (store) => {
        const left = (await asked(store("orders").getAllKeys())).length;
        for (const name of STORES) await asked(store(name).clear());
        return left;
      });
      return stores;
    },
    full(error) { return Boolean(error) && (error.name === "QuotaExceededError" || /quota|disk|space/i.test(String(error.message))); },
  };
})();
