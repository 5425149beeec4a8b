/** The agents' page of the example: what is known of a call that was put through, and the proof for a call to a customer. */

import {again, ask, at, chosen, element, locale, speak, text} from "/pages/page.js";

const TEXTS = {
  pl: {
    title: "Konsultant (przykład)", demo: "przykład stanowiska konsultanta", desk: "Stanowisko konsultanta", calls: "Połączenia od asystenta",
    none: "Jeszcze nikt nie został przełączony.", new_call: "Nowe połączenie", out: "Zadzwoń do klienta",
    out_note: "Klient zobaczy w aplikacji, że to naprawdę bank, z imieniem, sprawą i dwoma słowami.",
    customer: "Klient", advisor: "Imię, które zobaczy klient", matter: "Sprawa", push: "Poproś klienta o potwierdzenie w aplikacji", begin: "Dzwonię",
    say_words: "Proszę powiedzieć klientowi te słowa:", end: "Koniec rozmowy", over: "Rozmowa zakończona, aplikacja już jej nie pokazuje.",
    push_: "Klient może sam sprawdzić w aplikacji.", push_asked: "Aplikacja pyta klienta…", push_confirmed: "Klient potwierdził: słowa się zgadzają.",
    push_refused: "Klient odmówił. Proszę zakończyć rozmowę.", push_expired: "Klient nie odpowiedział w aplikacji.", push_other: "Aplikacji klienta nie udało się zapytać.",
    problem: "Nie udało się:", who: "Kto", reference: "Klient", unknown_customer: "nieznany", segment: "Segment", number: "Numer", sure: "Pewność",
    proved: "potwierdzony w aplikacji", not_proved: "niepotwierdzony: proszę zapytać o dane", level: "poziom", since: "o",
    trust_trunk: "numer podaje operator", trust_attested: "numer poświadczony", trust_none: "numer bez poręczenia", withheld: "zastrzeżony",
    wish: "Sprawa", unclear: "nie wiadomo", confidence: "pewność", also: "także", denied_list: "Nie chodzi o", story: "Przebieg", tried: "Kroki", queue: "Kolejka",
    priority: "priorytet", call_ref: "Połączenie SIP", barred: "numer zablokowany", too_often: "dzwoni zbyt często", fetching: "Pobieramy historię…",
    with_bot: "Z asystentem", words_of: "Słowami klienta", waiting_since: "przekazano o",
    transfer: "rozmowa", callback: "oddzwonienie", message_kind: "wiadomość",
    said: "Klient powiedział", key: "Klient nacisnął", silence: "Cisza przy", not_understood: "Nie zrozumiano przy", asked: "Asystent zapytał", offered: "Asystent zaproponował",
    confirmed: "Klient potwierdził", denied: "Klient zaprzeczył", not_confirmed: "Bez potwierdzenia", matter_told: "Ustalono", message: "Asystent przekazał",
    private_banking: "Private Banking", select: "Select", sme: "firma", mass: "klient indywidualny", unknown: "nieznany",
    step_matter: "w czym pomóc", step_confirm: "czy o to chodzi", step_choose: "o którą sprawę chodzi", step_menu: "wybór z menu", step_app_offer: "czy potwierdzić w aplikacji",
    app_confirmation: "potwierdzenie w aplikacji", menu: "menu", "emergency key": "klawisz pilnej sprawy", main: "główne", emergency: "pilna sprawa",
  },
  en: {
    title: "Agent (example)", demo: "an example of an agent's desk", desk: "Agent's desk", calls: "Calls from the assistant",
    none: "Nobody has been put through yet.", new_call: "New call", out: "Call a customer",
    out_note: "The customer's app shows that it is really the bank, with a name, the matter and two words.",
    customer: "Customer", advisor: "Name that the customer is shown", matter: "Matter", push: "Ask the customer to confirm in the app", begin: "I'm calling",
    say_words: "Say these words to the customer:", end: "The call is over", over: "The call is over; the app no longer shows it.",
    push_: "The customer can check in the app.", push_asked: "The app is asking the customer…", push_confirmed: "The customer confirmed: the words match.",
    push_refused: "The customer refused. Please end the call.", push_expired: "The customer did not answer in the app.", push_other: "The customer's app could not be asked.",
    problem: "It did not work:", who: "Who", reference: "Customer", unknown_customer: "unknown", segment: "Segment", number: "Number", sure: "How sure",
    proved: "proven by the app", not_proved: "not proven: ask for details", level: "level", since: "at",
    trust_trunk: "number told by the operator", trust_attested: "number attested", trust_none: "number nobody vouches for", withheld: "withheld",
    wish: "What they want", unclear: "not clear", confidence: "confidence", also: "also", denied_list: "It is not about", story: "The whole story", tried: "Steps", queue: "Queue",
    priority: "priority", call_ref: "SIP call", barred: "number is barred", too_often: "calls too often", fetching: "Fetching the story…",
    with_bot: "With the assistant", words_of: "In their own words", waiting_since: "handed over at",
    transfer: "call", callback: "callback", message_kind: "message",
    said: "Customer said", key: "Customer pressed", silence: "Silence at", not_understood: "Not understood at", asked: "Assistant asked", offered: "Assistant offered",
    confirmed: "Customer confirmed", denied: "Customer denied", not_confirmed: "Not confirmed", matter_told: "Understood", message: "Assistant told",
    private_banking: "Private Banking", select: "Select", sme: "business", mass: "personal", unknown: "unknown",
    step_matter: "how to help", step_confirm: "whether this is it", step_choose: "which matter it is", step_menu: "a choice from the menu", step_app_offer: "whether to confirm in the app",
    app_confirmation: "confirmation in the app", menu: "menu", "emergency key": "the key for emergencies", main: "main", emergency: "an emergency",
  },
};

let matters = {pl: {}, en: {}}, customers = [], drawn = "", latest = null, proof = null;

const named = (intent) => matters[chosen()][intent] ?? TEXTS[chosen()][intent] ?? intent.replaceAll("_", " ");
const list = (names) => names.split(/, */).map((each) => TEXTS[chosen()][`step_${each}`] ?? each.split(" ").map(named).join(" ")).join(", ");
const time = (iso) => new Date(iso).toLocaleTimeString(locale());
const percent = (share) => `${Math.round(share * 100)} %`;

// ---------------------------------------------------------------- calls that were put through

async function look() {
  const found = await ask("/desk/hand-offs").catch(() => null);
  if (!found) return;
  const seen = JSON.stringify(found) + chosen();
  if (seen === drawn) return;
  drawn = seen;
  at("pops").replaceChildren(...found.map(pop));
  const first = found[0]?.ref ?? "";
  at("news").textContent = !found.length ? text("none") : first === latest ? "" : `${text("new_call")}: ${found[0].intent ? named(found[0].intent) : text("unclear")}`;
  latest = first;
}

function pop(call) {
  const box = element("article", call.priority >= 10 ? "card pop emergency" : "card pop");
  box.append(element("h3", "", call.intent ? named(call.intent) : text("unclear")), badges(call), facts(call));
  if (call.problem) box.append(element("p", "note", `${text("problem")} ${call.problem}`));
  else if (!call.story) box.append(element("p", "quiet", text("fetching")));
  else box.append(element("h3", "", text("story")), story(call.story));
  return box;
}

function badges(call) {
  const box = element("p"), badge = (words, kind = "") => box.append(element("span", `badge ${kind}`, words));
  if (call.authentication) badge(text(call.authentication === "app" ? "proved" : "not_proved"), call.authentication === "app" ? "proof" : "alarm");
  badge(text(call.segment));
  badge(call.language.toUpperCase());
  if (call.barred) badge(text("barred"), "alarm");
  if (call.too_often) badge(text("too_often"), "alarm");
  return box;
}

function facts(call) {
  const box = element("dl"), fact = (name, value) => { if (value) box.append(element("dt", "", text(name)), element("dd", "", value)); };
  fact("reference", call.story && (call.customer_ref ?? text("unknown_customer")));
  if (call.level) fact("sure", `${text("proved")}: ${call.level}, ${time(call.authenticated_at)}`);
  if (call.number) fact("number", `${call.number} (${text(`trust_${call.number_trust}`)})`);
  else if (call.withheld) fact("number", text("withheld"));
  if (call.intent) fact("wish", `${named(call.intent)}${call.confidence ? ` (${text("confidence")} ${percent(call.confidence)})` : ""}`);
  fact("also", [call.second, ...(call.others ?? [])].filter(Boolean).map(named).join(", "));
  fact("denied_list", (call.denied ?? []).map(named).join(", "));
  fact("words_of", call.words && `„${call.words}”`);
  fact("queue", `${call.queue}, ${text("priority")} ${call.priority}, ${text("waiting_since")} ${time(call.created)}`);
  fact("with_bot", call.bot_s && `${Math.round(call.bot_s)} s`);
  fact("tried", (call.tried ?? []).join(", ").replaceAll(/[:_]/g, " "));
  box.append(element("dt", "", text("call_ref")), element("dd"));
  box.lastChild.append(element("code", "", call.call_ref));
  return box;
}

function story(told) {
  const box = element("ol", "story");
  for (const {what, text: words} of told) {
    const item = element("li"), own = ["said", "key"].includes(what);
    item.append(element("span", "", text(what === "matter" ? "matter_told" : what)), element("span", "", own ? words : list(words)));
    box.append(item);
  }
  return box;
}

// ---------------------------------------------------------------- a call to a customer

async function begin(event) {
  event.preventDefault();
  const order = {customer: at("customer").value, advisor: at("advisor").value.trim(), matter: at("matter").value, push: at("push").checked};
  try {
    show(await ask("/desk/calls", "POST", order));
    at("whom").textContent = customers.find(({ref}) => ref === order.customer)?.name ?? order.customer;
    at("problem").textContent = "";
    at("end").focus();
  } catch (error) {
    at("problem").textContent = `${text("problem")} ${error.message}`;
  }
}

function show(told) {
  proof = told;
  at("form").hidden = Boolean(told);
  at("calling").hidden = !told;
  if (!told) return;
  at("words").textContent = told.words;
  const said = text(`push_${told.push}`);
  at("said").textContent = said.startsWith("push_") ? text("push_other") : said;
}

async function follow() {
  if (!proof) return;
  const {id} = proof;
  try {
    const told = await ask(`/desk/calls/${id}`);
    if (proof?.id === id) show(told);
  } catch (error) {
    if (error.status === 404 && proof?.id === id) over();
  }
}

function over() {
  show(null);
  at("problem").textContent = text("over");
  at("form").querySelector("button").focus();
}

async function end() {
  const {id} = proof;
  try {
    await ask(`/desk/calls/${id}`, "DELETE");
  } catch (error) {
    if (error.status !== 404) {
      at("problem").textContent = `${text("problem")} ${error.message}`;
      return;
    }
  }
  over();
}

// ---------------------------------------------------------------- the page

const options = (select, pairs) => {
  const kept = select.value;
  select.replaceChildren(...pairs.map(([value, words]) => Object.assign(element("option", "", words), {value})));
  if (pairs.some(([value]) => value === kept)) select.value = kept;
};

function draw() {
  options(at("customer"), customers.map(({ref, name}) => [ref, `${name} (${ref})`]));
  options(at("matter"), Object.entries(matters[chosen()]).sort(([, a], [, b]) => a.localeCompare(b, locale())));
  if (proof) show(proof);
}

[matters, customers] = await Promise.all([ask("/desk/matters"), ask("/api/customers")]);
at("advisor").value = "Anna";
at("form").addEventListener("submit", begin);
at("end").addEventListener("click", end);
speak(TEXTS, () => { draw(); look(); });
again(1000, look);
again(1500, follow);
