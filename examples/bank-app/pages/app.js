/** The customer's page of the example: log in, call, confirm, and ask whether the bank is calling. */

import {again, ask, at, chosen, element, locale, speak, text} from "/pages/page.js";
import {VoicebotCall} from "/pages/voicebot-call.js";

const SCREENS = ["cards", "transfers", "loans", "savings", "settings"];
const KEYS = "123456789*0#";
const STALE_MS = 30_000; // a yes must not stand there when the call is long over
const CANNOT_RETRY_AT_ONCE = ["too_many", "client.limit", "busy"];

const TEXTS = {
  pl: {
    title: "Aplikacja banku (przykład)", demo: "przykład, to nie jest prawdziwy bank", log_out: "Wyloguj",
    who: "Kim jesteś?", who_note: "Przykładowi klienci, bez hasła. Prawdziwa aplikacja loguje tutaj naprawdę.", hello: "Dzień dobry",
    confirm_title: "Prośba o potwierdzenie", confirm_ask: "Czy rozmawiają Państwo teraz z bankiem i słyszą te dwa słowa?",
    confirm_warning: "Jeśli słowa są inne albo nikt z Państwem nie rozmawia, proszę wybrać „Nie, to nie ja”.",
    confirm_yes: "Tak, potwierdzam", confirm_no: "Nie, to nie ja", left: "Pozostało:", seconds: "s",
    confirmed: "Dziękujemy, potwierdzone.", refused: "Dobrze, odmówiono. Nikt nic nie zrobi w Państwa imieniu.",
    expired: "Ta prośba już wygasła.", request_gone: "Prośba zniknęła: wygasła albo rozmowa poszła dalej bez niej.",
    call_title: "Zadzwoń do banku", screen: "Gdzie jesteś w aplikacji?", dial: "Zadzwoń",
    dial_note: "Poprosimy o mikrofon. Wszystko można też załatwić przyciskami, bez mówienia.",
    cards: "Karty", transfers: "Przelewy", loans: "Kredyty", savings: "Oszczędności", settings: "Ustawienia",
    step_connecting: "łączenie", step_bot: "asystent", step_waiting: "czekanie", step_agent: "konsultant",
    connecting: "Łączymy…", bot: "Rozmowa z asystentem", waiting: "Dzwonimy do konsultanta", agent: "Rozmowa z konsultantem",
    ended: "Rozmowa zakończona", no_call: "Nie udało się połączyć",
    note_connecting: "Proszę zezwolić na mikrofon, jeśli przeglądarka o to pyta.", note_bot: "Proszę mówić albo wybierać przyciskami.", note_buttons: "Proszę wybierać przyciskami.", note_wait: "Chwilę to potrwa.",
    note_waiting: "Konsultant zaraz odbierze. Proszę zostać na linii.", note_agent: "Konsultant wie już, o co chodzi.",
    note_ended: "Dziękujemy za rozmowę.", note_over: "To połączenie jest już zakończone.", note_waited: "Konsultant nie zdążył odebrać.", blocked: "Przeglądarka wyciszyła dźwięk. Proszę dotknąć strony.",
    buttons_only: "Bez mikrofonu: my nie słyszymy Państwa, ale przyciski i dźwięk z banku działają.",
    answers: "Odpowiedzi do wyboru", always: "Zawsze można", menu: "Menu", repeat: "Powtórz", human: "Konsultant", urgent: "Zgubiona karta lub oszustwo",
    keypad: "Klawiatura telefonu", mute: "Wycisz mnie", unmute: "Włącz mikrofon", muted: "Mikrofon jest wyciszony.", hang_up: "Rozłącz",
    yes: "Tak", no: "Nie", none_of_these: "Żadne z nich", callback: "Oddzwońcie", message: "Zostawię wiadomość", leave: "Rezygnuję", stay: "Poczekam",
    retry: "Spróbuj jeszcze raz", retry_buttons: "Dalej bez mikrofonu", close: "Zamknij",
    fail_microphone: "Przeglądarka nie dała mikrofonu. Można zezwolić na niego przy adresie strony i spróbować jeszcze raz, albo rozmawiać samymi przyciskami.",
    fail_no_microphone: "Nie ma mikrofonu. Można podłączyć go i spróbować jeszcze raz, albo rozmawiać samymi przyciskami.",
    fail_ticket: "Bank nie wydał zgody na to połączenie. Proszę spróbować jeszcze raz.", fail_login: "Sesja wygasła. Proszę zalogować się jeszcze raz.",
    fail_busy: "Wszystkie linie są zajęte. Proszę spróbować za chwilę. W pilnej sprawie proszę zadzwonić na numer z odwrotu karty.",
    fail_too_many: "To było kilka połączeń pod rząd. Proszę odczekać minutę.",
    fail_lost: "Połączenie się urwało. Proszę sprawdzić internet i zadzwonić jeszcze raz.",
    fail_other: "Coś po naszej stronie nie działa. Proszę spróbować jeszcze raz albo zadzwonić na numer z odwrotu karty.",
    calling_title: "Czy to bank do mnie dzwoni?", calling_note: "Ktoś dzwoni i mówi, że jest z banku? Tutaj widać, czy to prawda.",
    calling_ask: "Sprawdź teraz", calling_yes: "Tak", calling_no: "Nie", advisor: "Doradca", matter: "Sprawa", words: "Dwa słowa",
    calling_unknown: "Nie możemy tego teraz sprawdzić. Proszę nic nie podawać i rozłączyć się.", checked: "Sprawdzono o",
    calling_stale: "Ta odpowiedź mogła się już zmienić. Proszę sprawdzić jeszcze raz.",
    private_banking: "Private Banking", select: "Select", sme: "firma", mass: "klient indywidualny",
  },
  en: {
    title: "The bank's app (example)", demo: "an example, not a real bank", log_out: "Log out",
    who: "Who are you?", who_note: "Example customers, without a password. A real app logs people in here.", hello: "Hello",
    confirm_title: "Please confirm", confirm_ask: "Are you talking to the bank now, and do you hear these two words?",
    confirm_warning: "If the words differ, or nobody is talking to you, choose “No, it's not me”.",
    confirm_yes: "Yes, I confirm", confirm_no: "No, it's not me", left: "Time left:", seconds: "s",
    confirmed: "Thank you, confirmed.", refused: "All right, refused. Nobody will do anything in your name.",
    expired: "This request has expired.", request_gone: "The request is gone: it expired, or the call went on without it.",
    call_title: "Call the bank", screen: "Where are you in the app?", dial: "Call",
    dial_note: "We will ask for the microphone. You can also do everything with buttons, without speaking.",
    cards: "Cards", transfers: "Transfers", loans: "Loans", savings: "Savings", settings: "Settings",
    step_connecting: "connecting", step_bot: "assistant", step_waiting: "waiting", step_agent: "agent",
    connecting: "Connecting…", bot: "Talking to the assistant", waiting: "Calling an agent", agent: "Talking to an agent",
    ended: "The call is over", no_call: "The call did not work",
    note_connecting: "If your browser asks, please allow the microphone.", note_bot: "Speak, or choose with the buttons.", note_buttons: "Choose with the buttons.", note_wait: "It takes a moment.",
    note_waiting: "An agent will answer soon. Please stay on the line.", note_agent: "The agent knows what it is about.",
    note_ended: "Thank you for calling.", note_over: "This call has ended.", note_waited: "No agent had answered yet.", blocked: "Your browser has silenced the sound. Please tap the page.",
    buttons_only: "Without a microphone: we do not hear you, but the buttons work and you hear the bank.",
    answers: "Answers to choose from", always: "Always there", menu: "Menu", repeat: "Repeat", human: "A person", urgent: "Lost card or fraud",
    keypad: "Telephone keypad", mute: "Mute me", unmute: "Unmute me", muted: "Your microphone is muted.", hang_up: "Hang up",
    yes: "Yes", no: "No", none_of_these: "None of these", callback: "Call me back", message: "I'll leave a message", leave: "Leave it", stay: "I'll wait",
    retry: "Try again", retry_buttons: "Go on without it", close: "Close",
    fail_microphone: "The browser gave no microphone. Allow it beside the page's address and try again, or go on with buttons only.",
    fail_no_microphone: "There is no microphone. Plug one in and try again, or go on with buttons only.",
    fail_ticket: "The bank did not let this call through. Please try again.", fail_login: "You were logged out. Please log in again.",
    fail_busy: "All lines are busy. Please try again in a moment. If it is urgent, call the number on the back of your card.",
    fail_too_many: "That was several calls in a row. Please wait a minute.",
    fail_lost: "The connection was lost. Please check your internet and call again.",
    fail_other: "Something on our side does not work. Please try again, or call the number on the back of your card.",
    calling_title: "Is it the bank who is calling me?", calling_note: "Somebody calls and says they are from the bank? See here whether it is true.",
    calling_ask: "Check now", calling_yes: "Yes", calling_no: "No", advisor: "Advisor", matter: "Matter", words: "Two words",
    calling_unknown: "We cannot check this just now. Please tell them nothing, and hang up.", checked: "Checked at",
    calling_stale: "This answer may have changed. Please check again.",
    private_banking: "Private Banking", select: "Select", sme: "business", mass: "personal",
  },
};

let me = null, call = null, speaks = true, state = "", before = "", failure = "", offered = [], muted = false, left = false, shown = null, stale = 0;

// ---------------------------------------------------------------- who

async function logIn(customer) {
  try {
    enter(await ask("/api/login", "POST", {customer}));
  } catch {
    at("login-problem").textContent = text("fail_other");
  }
}

function enter(customer) {
  me = customer;
  at("login").hidden = Boolean(me);
  at("inside").hidden = at("logout").hidden = !me;
  at("login-problem").textContent = at("confirm-said").textContent = "";
  clear();
  call = null;
  draw();
  if (me) at("hello").focus();
}

async function logOut() {
  call?.hangUp();
  await ask("/api/logout", "POST").catch(() => {});
  enter(null);
}

async function showCustomers() {
  const found = await ask("/api/customers").catch(() => []);
  at("customers").replaceChildren(...found.map((each) => {
    const item = element("li"), button = element("button", "plainly wide row");
    button.type = "button";
    button.append(element("strong", "", each.name), element("span", "quiet", `${text(each.segment)} · ${each.number}`), element("span", "quiet", each.ref));
    button.addEventListener("click", () => logIn(each.ref));
    item.append(button);
    return item;
  }));
}

// ---------------------------------------------------------------- the call

async function dial(microphone) {
  call?.hangUp();
  const mine = call = new VoicebotCall((fingerprint) => ask("/api/call", "POST", {language: chosen(), screen: screen(), fingerprint}));
  const on = (type, does) => mine.addEventListener(type, (event) => { if (mine === call) does(event.detail); });
  [failure, offered, muted, left, before] = ["", [], false, false, ""];
  at("question").textContent = "";
  speaks = microphone;
  at("no-microphone").hidden = microphone;
  at("mute").hidden = !microphone;
  at("keypad").open = false;
  on("state", (now) => {
    [before, state] = [state, now];
    if (now === "ended" && before === "connecting" && !left) failure ||= "lost";
    draw();
  });
  on("bot", ({text: said, lang}) => { at("question").lang = lang; at("question").textContent = said; });
  on("options", ({choices, digits}) => { offered = choices; at("keypad").open ||= digits; drawChoices(); });
  on("lost", () => { failure = "lost"; });
  on("blocked", () => { at("call-note").textContent = text("blocked"); });
  state = "connecting";
  draw();
  at("call-title").focus();
  try {
    await mine.start({microphone});
  } catch (error) {
    if (mine === call) fail(error);
  }
}

function fail(error) {
  failure = error.status === 401 ? "login" : error.code || "other";
  if (error.status && error.status !== 401 && !failure.includes("limit")) failure = error.status === 503 ? "other" : "ticket";
  if (state !== "ended") [before, state] = [state, "ended"];
  draw();
}

function why() {
  if (TEXTS.en[`fail_${failure}`]) return text(`fail_${failure}`);
  if (failure === "client.limit") return text("fail_too_many");
  return text(failure.startsWith("ticket.") ? "fail_ticket" : "fail_other");
}

const screen = () => document.querySelector("[name=screen]:checked")?.value ?? "";

function draw() {
  const over = state === "ended", withCall = Boolean(call);
  at("call").hidden = !withCall;
  at("home").hidden = withCall;
  at("hello").textContent = me ? `${text("hello")}, ${me.name}` : "";
  at("call-title").textContent = over && failure && before === "connecting" ? text("no_call") : text(state);
  at("call-note").textContent = note(over);
  at("call-note").className = over && failure ? "note" : "quiet";
  at("steps").hidden = over;
  for (const each of at("steps").children) {
    if (each.dataset.step === state) each.setAttribute("aria-current", "step");
    else each.removeAttribute("aria-current");
  }
  at("talk").hidden = over || state === "connecting";
  at("always").hidden = state !== "bot";
  at("controls").hidden = over;
  at("retry-box").hidden = !over;
  at("retry").hidden = !failure || CANNOT_RETRY_AT_ONCE.includes(failure);
  at("retry-buttons").hidden = !failure.endsWith("microphone");
  at("retry").className = failure.endsWith("microphone") ? "plainly" : "main";
  if (state !== "bot") at("question").textContent = "";
  if (over) {
    offered = [];
    at("no-microphone").hidden = true;
    if (document.activeElement === document.body || at("call").contains(document.activeElement)) at("call-title").focus();
  }
  drawMute();
  drawChoices();
}

function note(over) {
  if (!over && !speaks && ["connecting", "bot"].includes(state)) return text(state === "bot" ? "note_buttons" : "note_wait");
  if (!over) return text(muted ? "muted" : `note_${state}`);
  if (failure) return why();
  if (before === "waiting") return text("note_waited");
  return text(before === "agent" || (left && before === "bot") ? "note_ended" : "note_over");
}

function drawMute() {
  at("mute").textContent = text(muted ? "unmute" : "mute");
  at("mute").setAttribute("aria-pressed", String(muted));
}

function drawChoices() {
  const had = at("choices").contains(document.activeElement);
  at("choices").replaceChildren(...(state === "bot" ? offered : []).map(({key, label, name}) => {
    const button = element("button", "choice");
    button.type = "button";
    button.dataset.key = key;
    button.append(element("span", "key", key), element("span", "", label || text(name)));
    return button;
  }));
  if (had) (at("choices").querySelector("button") ?? at("call-title")).focus();
}

// ---------------------------------------------------------------- requests to confirm

async function look() {
  if (!me) return;
  let told;
  try {
    told = await ask("/api/requests");
  } catch (error) {
    if (error.status === 401 && calmly()) enter(null);
    return;
  }
  if (told.customer !== me?.ref) { // another window of this browser logged in as somebody else
    if (calmly()) enter(await ask("/api/me").catch(() => null));
    return;
  }
  const [found] = told.open;
  if (shown && !found) say("request_gone");
  if (found && found.id !== shown) {
    at("words").textContent = found.words;
    say("confirm_title", "heard");
    at("confirm").hidden = false;
    at("confirm").scrollIntoView({block: "nearest"});
  }
  shown = found?.id ?? null;
  at("confirm").hidden = !found;
  if (found) at("left").textContent = `${found.left_s} ${text("seconds")}`;
}

/** No call is lost for the sake of a log-in. */
const calmly = () => !call || state === "ended";

function say(name, className = "note") {
  at("confirm-said").className = className;
  at("confirm-said").textContent = text(name);
}

async function confirm(confirmed) {
  const id = shown;
  shown = null;
  const said = await ask(`/api/requests/${encodeURIComponent(id)}`, "POST", {confirmed}).then(() => (confirmed ? "confirmed" : "refused"), () => "expired");
  at("confirm").hidden = true;
  say(said);
  at("hello").focus();
}

// ---------------------------------------------------------------- is the bank calling?

async function check() {
  const box = at("calling");
  try {
    const told = await ask(`/api/calling?language=${chosen()}`);
    box.className = told.calling ? "answer yes" : "answer no";
    box.replaceChildren(element("p", "big", text(told.calling ? "calling_yes" : "calling_no")), element("p", "", told.text));
    if (told.calling) {
      const facts = element("dl");
      for (const [name, value] of [["advisor", told.advisor], ["matter", told.matter], ["words", told.words]]) {
        facts.append(element("dt", "", text(name)), element("dd", name === "words" ? "words" : "", value));
      }
      box.append(facts);
    }
    box.append(element("p", "", told.report));
  } catch {
    box.className = "answer no";
    box.replaceChildren(element("p", "", text("calling_unknown")));
  }
  box.append(element("p", "quiet", `${text("checked")} ${new Date().toLocaleTimeString(locale())}`));
  clearTimeout(stale);
  stale = setTimeout(() => clear(text("calling_stale")), STALE_MS);
}

function clear(words = "") {
  clearTimeout(stale);
  at("calling").className = "";
  at("calling").replaceChildren(...(words ? [element("p", "note", words)] : []));
}

// ---------------------------------------------------------------- the page

for (const key of KEYS) {
  const button = element("button", "plainly", key);
  button.type = "button";
  button.dataset.key = key;
  at("keys").append(button);
}
for (const name of SCREENS) {
  const label = element("label", "tile"), radio = element("input");
  Object.assign(radio, {type: "radio", name: "screen", value: name, checked: name === SCREENS[0]});
  const words = element("span");
  words.dataset.text = name;
  label.append(radio, words);
  at("screens").append(label);
}
at("call").addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (key) call?.press(key);
});
at("dial").addEventListener("click", () => dial(true));
at("retry").addEventListener("click", () => dial(speaks || failure.endsWith("microphone")));
at("retry-buttons").addEventListener("click", () => dial(false));
at("close").addEventListener("click", () => { call = null; state = failure = ""; draw(); at("dial").focus(); });
at("hang-up").addEventListener("click", () => { left = true; call?.hangUp(); });
at("mute").addEventListener("click", () => { muted = !muted; call?.mute(muted); at("call-note").textContent = note(false); drawMute(); });
at("confirm-yes").addEventListener("click", () => confirm(true));
at("confirm-no").addEventListener("click", () => confirm(false));
at("ask").addEventListener("click", check);
at("logout").addEventListener("click", logOut);

speak(TEXTS, () => { clear(); showCustomers(); draw(); });
enter(await ask("/api/me").catch(() => null));
again(1000, look);
