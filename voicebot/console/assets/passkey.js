// Passkeys: made on the page of one's own account, used on the page to log in. Where the browser knows none, the buttons stay hidden.
"use strict";

(() => {
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) return;
  const say = (form, text) => { form.querySelector("[role=status]").textContent = text; };

  async function options(url, form) {
    const answer = await fetch(url, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const given = await options(form.dataset.options, form);
        const credential = form.dataset.passkey === "make"
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(given) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(given) });
        form.elements.answer.value = JSON.stringify(credential.toJSON());
        HTMLFormElement.prototype.submit.call(form);
      } catch {
        say(form, form.dataset.failed);
      }
    });
  }
})();
