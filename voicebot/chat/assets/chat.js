// The chat page: one WebSocket, and what comes through it put on the screen as text, never as markup.
"use strict";

(() => {
  const KEPT = "chat";
  const MOST_TRIES = 12;
  const ANSWER_MS = 10_000; // the bank says within so long whether it has passed words on; else the connection is dead
  const ELSEWHERE = 4001; // the same customer is connected again in another window
  const byId = (id) => document.getElementById(id);
  const allTexts = JSON.parse(byId("texts").textContent);
  const log = byId("log");
  const status = byId("status");
  const choices = byId("choices");
  const field = byId("text");
  let language = document.documentElement.lang;
  let socket = null;
  let over = true;
  let saidSomething = false;
  let statusName = "connecting";
  let statusValues = {};
  let digits = false;
  let hotline = null; // what to call: {number, shown}
  let talk = null; // a chat that was handed over: {ref, token, language}
  const unsure = new Map(); // what was written to the agent and is not known to have been passed on, by its id: {words, turn}
  let agent = ""; // the name of whoever has it
  let tries = 0;
  let typedAt = 0;
  let typingShown = 0;
  let trying = 0;
  let named = 0;

  const text = (name) => allTexts[language][name] ?? "";

  // ---------------------------------------------------------------- putting things on the screen

  function element(tag, className, content) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  function scrollToEnd() {
    log.scrollTop = log.scrollHeight;
    if (log.scrollHeight <= log.clientHeight) log.lastElementChild?.scrollIntoView({ block: "nearest" });
  }

  function show(who, words, lang, name = "") {
    const turn = element("div", `turn ${who}`);
    turn.append(element("span", "who", name || text(who)));
    const said = element("p", "words", words);
    said.dir = "auto";
    if (lang) said.lang = lang;
    turn.append(said);
    log.append(turn);
    scrollToEnd();
    return turn;
  }

  // Words that did not arrive must not look as if they had.
  function markUnsent(turn, again) {
    turn.querySelector(".unsent")?.remove();
    const mark = element("p", "unsent", text("unsent"));
    if (again) {
      const button = element("button", "", text("send_again"));
      button.type = "button";
      button.addEventListener("click", () => {
        mark.remove();
        field.focus();
        again();
      });
      mark.append(" ", button);
    }
    turn.append(mark);
    scrollToEnd();
  }

  const filled = (name, values) =>
    Object.entries(values).reduce((said, [key, value]) => said.replace(`{${key}}`, () => value), text(name));

  // What stands under the conversation takes room from it: its last line stays in view for whoever reads there.
  function keepingEnd(change) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
    change();
    if (atEnd) scrollToEnd();
  }

  function tell(name, values = {}) {
    statusName = name;
    statusValues = values;
    keepingEnd(() => (status.textContent = filled(name, values)));
  }

  function tellHowItStands() {
    if (agent) tell("joined", { name: agent });
    else if (talk) tell(talk.minutes ? "waiting_minutes" : "waiting", { minutes: talk.minutes ?? "" });
    else tell("");
  }

  function showHotline() {
    const link = byId("hotline").querySelector("a");
    keepingEnd(() => (byId("hotline").hidden = !hotline));
    if (!hotline) return;
    link.href = `tel:${hotline.number}`;
    link.textContent = filled("hotline", { number: hotline.shown.replaceAll(" ", "\u00a0") });
  }

  function speak(newLanguage) {
    if (!(newLanguage in allTexts) || newLanguage === language) return;
    language = newLanguage;
    document.documentElement.lang = language;
    document.title = text("title");
    for (const each of document.querySelectorAll("[data-text]")) {
      if (each !== status) each.textContent = text(each.dataset.text);
    }
    for (const each of document.querySelectorAll("[data-label]")) each.setAttribute("aria-label", text(each.dataset.label));
    for (const link of document.querySelectorAll("#languages a")) {
      if (link.lang === language) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (status.textContent) tell(statusName, statusValues);
    showHotline();
    labelField();
  }

  function labelField() {
    byId("field").textContent = text(digits ? "digits" : "message");
    field.inputMode = digits ? "numeric" : "text";
  }

  // Buttons that are taken away must not take the keyboard's place on the page with them.
  function clearChoices() {
    const hadFocus = choices.contains(document.activeElement);
    choices.replaceChildren();
    choices.hidden = true;
    if (hadFocus) field.focus();
  }

  // Where the chat cannot be reached there is still the telephone.
  function offerHotline() {
    hotline ??= allTexts[language].call;
    showHotline();
  }

  function offer(offered) {
    clearChoices();
    const names = offered.map((choice) => choice.label || text(`choice_${choice.name}`) || choice.key);
    offered.forEach((choice, place) => {
      const button = element("button");
      button.type = "button";
      button.append(element("span", "key", choice.key), element("span", "", names[place]));
      button.addEventListener("click", () => press(choice.key, names[place]));
      choices.append(button);
    });
    choices.hidden = offered.length === 0;
    if (offered.length > 0) {
      const read = offered.map((choice, place) => `${choice.key}: ${names[place]}`).join(", ");
      log.append(element("p", "unseen", `${text("choices_read")} ${read}.`));
    }
    scrollToEnd();
  }

  // What leads to a human or to the menu leads nowhere once a human is being called.
  function setShortcuts() {
    byId("shortcuts").hidden = over;
    for (const button of document.querySelectorAll("#shortcuts [data-key]")) button.hidden = talk !== null;
  }

  function setOver(isOver) {
    over = isOver;
    byId("form").hidden = over;
    setShortcuts();
    byId("again").hidden = !over;
    byId("still-there").hidden = true;
  }

  function end(name) {
    if (over) return;
    const focusIsLost = document.activeElement !== document.body && !log.contains(document.activeElement);
    clearChoices();
    for (const button of log.querySelectorAll(".unsent button")) button.remove();
    if (talk) for (const { turn } of unsure.values()) markUnsent(turn);
    forgetTalk();
    setOver(true);
    tell(name);
    if (CUT_OFF.has(name)) offerHotline();
    socket?.close();
    socket = null;
    if (focusIsLost) byId("restart").focus();
    scrollToEnd();
  }

  // ---------------------------------------------------------------- what the customer does

  const connected = () => socket?.readyState === WebSocket.OPEN;

  function send(message) {
    if (!connected()) return;
    byId("still-there").hidden = true;
    socket.send(JSON.stringify(message));
  }

  function press(key, name) {
    if (!connected()) return; // nothing is pretended; the status says why
    saidSomething = true;
    tell("");
    show("you", name, language);
    clearChoices();
    send({ type: "key", key });
  }

  function say(words) {
    saidSomething = true;
    if (connected()) tellHowItStands();
    const turn = show("you", words, talk ? "" : language);
    clearChoices();
    pass({ id: `${Date.now().toString(36)}-${(named += 1)}`, words, turn });
  }

  // To an agent what cannot be sent now is sent when the connection is back, see `history`.
  function pass(said) {
    unsure.set(said.id, said);
    if (talk) setTimeout(() => unsure.get(said.id) === said && talk && connected() && cutOff(), ANSWER_MS);
    send({ type: "say", text: said.words, id: said.id });
  }

  function refused(message) {
    const said = unsure.get(message.id);
    unsure.delete(message.id);
    if (said) markUnsent(said.turn, talk ? () => pass({ ...said }) : null);
  }

  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = field.value.trim();
    field.focus();
    if (!words) tell("empty");
    else if ([...words].length > Number(field.dataset.max)) tell("too_long");
    else if (connected() || talk) {
      field.value = "";
      say(words);
    }
  });

  field.addEventListener("input", () => {
    if (!agent || Date.now() - typedAt < 3000) return;
    typedAt = Date.now();
    if (connected()) socket.send('{"type":"typing"}');
  });

  for (const button of document.querySelectorAll("#shortcuts [data-key]")) {
    button.addEventListener("click", () => press(button.dataset.key, button.textContent));
  }

  byId("leave").addEventListener("click", () => {
    send({ type: "bye" });
    end("ended");
  });

  byId("still-here").addEventListener("click", () => {
    send({ type: "still_here" });
    tellHowItStands();
    byId("still-there").hidden = true;
    field.focus();
  });

  byId("restart").addEventListener("click", () => {
    log.replaceChildren();
    hotline = null;
    showHotline();
    open();
    field.focus();
  });

  // A conversation under way goes on in the other language; before it has begun the page is simply loaded in it.
  byId("languages").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || over || !saidSomething) return;
    event.preventDefault();
    if (talk) {
      speak(link.lang); // the words around the conversation; the agent's are the agent's
      keepTalk({ ...talk, language });
    } else if (link.lang !== language) send({ type: "language", language: link.lang });
  });

  // ---------------------------------------------------------------- what the bank says

  const onMessage = {
    bot: (message) => {
      if (talk) stopTalking(); // nobody came, and the assistant says what else can be done
      unsure.clear(); // the assistant has read it
      speak(message.lang);
      show("bot", message.text, message.lang);
    },
    options: (message) => {
      if (!talk) unsure.clear();
      digits = message.digits;
      labelField();
      offer(message.choices);
    },
    handed_over: (message) => {
      keepTalk({ ref: message.ref, token: message.resume, language });
      unsure.clear(); // it was for the assistant
      document.dispatchEvent(new CustomEvent("chat:handed-over", { detail: { queue: message.queue, ref: message.ref } }));
    },
    waiting: (message) => {
      agent = "";
      if (talk) talk.minutes = message.minutes;
      if (!["agent_left", "moved"].includes(statusName) || message.minutes) tellHowItStands();
    },
    agent: (message) => {
      agent = message.name;
      tellHowItStands();
    },
    agent_says: (message) => {
      show("agent", message.text, "", agent);
      tellHowItStands();
    },
    typing: () => {
      if (!agent) return;
      tell("typing", { name: agent });
      clearTimeout(typingShown);
      typingShown = setTimeout(() => statusName === "typing" && tellHowItStands(), 6000);
    },
    agent_left: (message) => {
      agent = "";
      tell(message.moved ? "moved" : "agent_left");
    },
    sent: (message) => unsure.delete(message.id),
    history: (message) => {
      for (const line of message.lines) unsure.delete(line.id);
      const unmarked = [...unsure.values()];
      const marked = [...log.querySelectorAll(".turn:has(.unsent)")];
      log.replaceChildren();
      for (const line of message.lines) show(line.who, line.text, line.language);
      log.append(...marked);
      for (const said of unmarked) pass({ ...said, turn: show("you", said.words, "") });
    },
    hotline: (message) => {
      hotline = message;
      showHotline();
    },
    moving: () => {},
    idle: (message) => {
      tell("idle", { minutes: Math.max(1, Math.round(message.seconds / 60)) });
      byId("still-there").hidden = false;
    },
    error: (message) => {
      if (message.code === "full" && !talk) end("full");
      else if (message.code === "over") end("talk_lost");
      else if (message.code !== "try_again") {
        tell(message.code);
        refused(message);
      }
    },
    ended: (message) => end(ENDS[message.reason] ?? "ended"),
  };
  const CUT_OFF = new Set(["lost", "full", "talk_lost"]);
  const ENDS = { idle: "idle_end", handed_over: "talk_over", unanswered: "unanswered" };

  // ---------------------------------------------------------------- a chat that was handed over survives a lost connection

  // The token is forgotten with the window: a later visitor of the same computer must not find the conversation.
  function keepTalk(handed) {
    talk = handed;
    clearChoices();
    setShortcuts();
    stored((store) => store.setItem(KEPT, JSON.stringify(handed)));
  }

  function forgetTalk() {
    talk = null;
    agent = "";
    unsure.clear();
    stored((store) => store.removeItem(KEPT));
  }

  function stopTalking() {
    for (const button of log.querySelectorAll(".unsent button")) button.remove(); // whom it was for is gone
    forgetTalk();
    setShortcuts();
    tell("");
  }

  function keptTalk() {
    try {
      return JSON.parse(stored((store) => store.getItem(KEPT)) ?? "null");
    } catch {
      return null;
    }
  }

  // A browser may refuse to store anything; then a page that is loaded anew begins anew.
  function stored(use) {
    try {
      return use(window.sessionStorage);
    } catch {
      return null;
    }
  }

  function lost(code) {
    if (code === ELSEWHERE) forgetTalk();
    if (!talk || tries >= MOST_TRIES) {
      end(code === ELSEWHERE ? "elsewhere" : "lost");
      return;
    }
    tell("reconnecting");
    clearTimeout(trying);
    trying = setTimeout(connect, Math.min(8000, 250 * 2 ** tries) * (0.75 + Math.random() / 2));
    tries += 1;
  }

  // The connection is dead though nobody has said so: a telephone in a lift, a network that was changed.
  function cutOff() {
    const dead = socket;
    socket = null;
    dead?.close();
    lost();
  }

  window.addEventListener("offline", () => talk && !over && connected() && cutOff());
  window.addEventListener("online", () => talk && !over && !connected() && connect());

  function open() {
    saidSomething = talk !== null;
    digits = false;
    labelField();
    setOver(false);
    tell("connecting");
    connect();
  }

  function connect() {
    if (over) return;
    clearTimeout(trying);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const query = talk ? "resume" : `lang=${encodeURIComponent(language)}`;
    const connection = new WebSocket(`${scheme}//${location.host}/chat/ws?${query}`);
    socket = connection;
    connection.addEventListener("open", () => {
      if (!talk) tell(""); // else how it stands is told in a moment
      if (talk) connection.send(JSON.stringify({ type: "resume", ref: talk.ref, token: talk.token }));
    });
    connection.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (connection !== socket || !Object.hasOwn(onMessage, message.type)) return;
      if (message.type === "waiting" || message.type === "agent") tries = 0;
      onMessage[message.type](message);
    });
    connection.addEventListener("close", (event) => {
      if (connection === socket) lost(event.code);
    });
    // a network that is silent keeps a connection waiting for minutes: the next try may find it well again
    setTimeout(() => connection === socket && connection.readyState === WebSocket.CONNECTING && cutOff(), ANSWER_MS);
  }

  talk = keptTalk();
  if (talk) speak(talk.language);
  open();
})();
