// Passkeys: the browser's own dialog, its answer posted with the form. Byte fields travel as base64url.
"use strict";
(() => {
  const form = document.querySelector("form[data-passkey]");
  const hint = document.querySelector("[data-passkey-unsupported]");
  if (!form || !window.PublicKeyCredential) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const options = JSON.parse(form.dataset.passkey).publicKey;
  options.challenge = bytes(options.challenge);
  for (const list of [options.allowCredentials, options.excludeCredentials]) for (const one of list || []) one.id = bytes(one.id);
  if (options.user) options.user.id = bytes(options.user.id);
  const making = form.dataset.passkeyKind === "create";
  const ask = async () => {
    try {
      const made = await navigator.credentials[making ? "create" : "get"]({ publicKey: options });
      const inner = made.response;
      const answer = { id: made.id, rawId: text(made.rawId), type: made.type, extensions: made.getClientExtensionResults(), response: { clientDataJSON: text(inner.clientDataJSON) } };
      if (making) answer.response.attestationObject = text(inner.attestationObject);
      else Object.assign(answer.response, { authenticatorData: text(inner.authenticatorData), signature: text(inner.signature), userHandle: inner.userHandle ? text(inner.userHandle) : null });
      form.elements.answer.value = JSON.stringify(answer);
      form.requestSubmit();
    } catch {
      if (hint) hint.hidden = false;
    }
  };
  const start = form.querySelector("[data-passkey-start]");
  start.hidden = false;
  if (hint) hint.hidden = true;
  start.addEventListener("click", ask);
})();
