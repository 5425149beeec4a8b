/** What both pages share: elements by name, texts in two languages, and questions to the bank's server. */

export const at = (id) => document.getElementById(id);

let texts = {}, language = "pl";

export const text = (name) => texts[language][name] ?? name;
export const chosen = () => language;
export const locale = () => (language === "pl" ? "pl-PL" : "en-GB");

/** Put the page into a language; every element with data-text has its text by that name. Buttons with data-lang choose one. */
export function speak(all, changed) {
  texts = all;
  const kept = new URLSearchParams(location.search).get("lang") ?? sessionStorage.getItem("lang") ?? navigator.language;
  const use = (wanted) => {
    language = wanted.startsWith("pl") ? "pl" : "en";
    sessionStorage.setItem("lang", language);
    document.documentElement.lang = language;
    document.title = text("title");
    for (const each of document.querySelectorAll("[data-text]")) each.textContent = text(each.dataset.text);
    for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", text(each.dataset.label));
    for (const each of document.querySelectorAll("[data-lang]")) each.setAttribute("aria-pressed", String(each.dataset.lang === language));
    changed();
  };
  for (const each of document.querySelectorAll("[data-lang]")) each.addEventListener("click", () => use(each.dataset.lang));
  use(kept);
}

export function element(name, className, content = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = content;
  return made;
}

/** Ask the bank's server. Throws an Error with `status` and `code`; status 0 when it does not answer. */
export async function ask(path, method = "GET", body) {
  const answer = await fetch(path, {method, headers: body ? {"Content-Type": "application/json"} : {}, body: body && JSON.stringify(body)})
    .catch(() => { throw Object.assign(new Error("no answer"), {status: 0, code: "lost"}); });
  const told = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(told.detail ?? ""), {status: answer.status, code: told.code ?? ""});
  return told;
}

/** Do it now, and again `ms` after it is done, while the page is seen. */
export function again(ms, what) {
  const once = async () => {
    if (!document.hidden) await what();
    setTimeout(once, ms);
  };
  once();
}
