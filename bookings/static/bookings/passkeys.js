"use strict";
// Passkeys: a form asks the browser for one, puts the answer into its hidden field, and is sent.
// <form data-passkey="create" data-options="…"> or data-passkey="get"; the options are JSON, as WebAuthn names them.

async function ask(form) {
  const options = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const trouble = form.querySelector("[role=alert]");
  const isKnown = window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON;
  if (!isKnown) {
    trouble.hidden = false;
    form.querySelector("button").disabled = true;
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    try {
      const credential = await ask(form);
      form.elements.passkey_token.value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch {
      trouble.hidden = false; // the person said no, or took too long; the button is still there
    }
  });
}
