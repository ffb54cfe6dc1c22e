// The service worker of the capture app. It keeps the shell – one page, its scripts, styles and icons – and nothing else: what is personal is
// never asked for through it. VERSION, HOME and SHELL stand before this text when the server gives it out.
"use strict";
const PREFIX = "capture-shell-";
const CACHE = PREFIX + VERSION;
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([HOME, ...SHELL].map((path) => new Request(path, { cache: "reload", credentials: "same-origin" })));
    // A page loads all its scripts at once and they never change under their names: the new worker need not wait for the old pages.
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    // Whatever an older worker kept goes, however it was called: this app is the only one here that has caches.
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

// The page: from the server when it answers in time, for it may be newer or in another language; else the one kept.
const page = async (request) => {
  const cache = await caches.open(CACHE);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const fresh = await fetch(request.url, { signal: stop.signal, credentials: "same-origin", cache: "no-store" });
    // A page of another version needs scripts this cache has not got; its own worker will keep it.
    if (fresh.ok && !fresh.redirected && fresh.headers.get("capture-shell") === VERSION) await cache.put(HOME, fresh.clone());
    if (fresh.ok) return fresh;
    throw new Error("the server does not give the page");
  } catch {
    const kept = await cache.match(HOME);
    return kept || Response.error();
  } finally {
    clearTimeout(timer);
  }
};

const part = async (request, path) => {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) || fetch(request);
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === HOME) event.respondWith(page(request));
  else if (SHELL.includes(url.pathname)) event.respondWith(part(request, url.pathname));
});
