// Forms and links marked data-swap="ID" fetch their page and put its element with this id in the place of ours. Where the browser
// has no safe way to do that (Element.setHTML), or anything goes wrong, the page loads as ever.
"use strict";

(() => {
  if (!("setHTML" in Element.prototype)) return;
  const KEEP_ALL = { sanitizer: { removeElements: [], removeAttributes: [] } };
  let latest = 0;
  let plain = null; // a form that is sent without us

  async function swap(id, url, options) {
    const mine = ++latest;
    const answer = await fetch(url, { ...options, credentials: "same-origin", headers: { "X-Swap": id } });
    const whole = document.implementation.createHTMLDocument("");
    whole.body.setHTML(await answer.text(), KEEP_ALL);
    const fresh = whole.getElementById(id);
    const old = document.getElementById(id);
    if (!answer.ok || !fresh || !old) throw new Error("no such part");
    if (mine !== latest) return;
    old.replaceWith(document.adoptNode(fresh));
    const focus = fresh.querySelector("[data-focus]") ?? (fresh.hasAttribute("tabindex") ? fresh : null);
    focus?.focus({ preventScroll: false });
    document.dispatchEvent(new CustomEvent("swapped", { detail: { id, url: answer.url } }));
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const id = form.dataset.swap;
    if (!id || event.defaultPrevented || form === plain) return;
    event.preventDefault();
    const { submitter } = event;
    const fields = new URLSearchParams(new FormData(form, submitter));
    const action = submitter?.getAttribute("formaction") ?? form.action;
    const reading = form.method === "get";
    const part = document.getElementById(id);
    if (part?.ariaBusy === "true") return; // what was pressed meanwhile was meant for the next line, which nobody has seen yet
    if (part && !reading) part.ariaBusy = "true";
    const url = reading ? `${action.split("?")[0]}?${fields}` : action;
    swap(id, url, reading ? {} : { method: "POST", body: fields })
      .then(() => reading && history.replaceState(null, "", url))
      .catch(() => { plain = form; form.requestSubmit(submitter); }); // as the page without script: with the button that was pressed
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-swap]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    swap(link.dataset.swap, link.href, {})
      .then(() => history.pushState(null, "", link.href))
      .catch(() => location.assign(link.href));
  });

  window.addEventListener("popstate", () => location.reload());
})();
