// The chat page: one WebSocket, and what comes through it put on the screen as text, never as markup.
"use strict";

(() => {
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
  let digits = false;

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

  function show(who, words, lang) {
    const turn = element("div", `turn ${who}`);
    turn.append(element("span", "who", text(who)));
    const said = element("p", "words", words);
    said.lang = lang;
    turn.append(said);
    log.append(turn);
    scrollToEnd();
  }

  function tell(name, values = {}) {
    statusName = name;
    status.textContent = Object.entries(values).reduce((said, [key, value]) => said.replace(`{${key}}`, value), text(name));
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
    if (status.textContent) tell(statusName);
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

  function setOver(isOver) {
    over = isOver;
    byId("form").hidden = over;
    byId("shortcuts").hidden = over;
    byId("again").hidden = !over;
    byId("still-there").hidden = true;
  }

  function end(name) {
    if (over) return;
    const focusIsLost = document.activeElement !== document.body && !log.contains(document.activeElement);
    clearChoices();
    setOver(true);
    tell(name);
    if (focusIsLost) byId("restart").focus();
    scrollToEnd();
  }

  // ---------------------------------------------------------------- what the customer does

  function send(message) {
    if (socket?.readyState !== WebSocket.OPEN) return;
    byId("still-there").hidden = true;
    socket.send(JSON.stringify(message));
  }

  function press(key, name) {
    saidSomething = true;
    tell("");
    show("you", name, language);
    clearChoices();
    send({ type: "key", key });
  }

  function say(words) {
    saidSomething = true;
    tell("");
    show("you", words, language);
    clearChoices();
    send({ type: "say", text: words });
  }

  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = field.value.trim();
    field.value = "";
    field.focus();
    if (words) say(words);
    else tell("empty");
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
    tell("");
    byId("still-there").hidden = true;
    field.focus();
  });

  byId("restart").addEventListener("click", () => {
    log.replaceChildren();
    open();
    field.focus();
  });

  // A conversation under way goes on in the other language; before it has begun the page is simply loaded in it.
  byId("languages").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || over || !saidSomething) return;
    event.preventDefault();
    if (link.lang !== language) send({ type: "language", language: link.lang });
  });

  // ---------------------------------------------------------------- what the bank says

  const onMessage = {
    bot: (message) => {
      speak(message.lang);
      show("bot", message.text, message.lang);
    },
    options: (message) => {
      digits = message.digits;
      labelField();
      offer(message.choices);
    },
    handed_over: (message) => {
      end("handed_over");
      document.dispatchEvent(new CustomEvent("chat:handed-over", { detail: { queue: message.queue, ref: message.ref } }));
    },
    idle: (message) => {
      tell("idle", { minutes: Math.max(1, Math.round(message.seconds / 60)) });
      byId("still-there").hidden = false;
    },
    error: (message) => (message.code === "full" ? end("full") : tell(message.code)),
    ended: (message) => end(message.reason === "idle" ? "idle_end" : "ended"),
  };

  function open() {
    saidSomething = false;
    digits = false;
    labelField();
    setOver(false);
    tell("connecting");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const connection = new WebSocket(`${scheme}//${location.host}/chat/ws?lang=${encodeURIComponent(language)}`);
    socket = connection;
    connection.addEventListener("open", () => tell(""));
    connection.addEventListener("message", (event) => {
      const message = JSON.parse(event.data);
      if (connection === socket && Object.hasOwn(onMessage, message.type)) onMessage[message.type](message);
    });
    connection.addEventListener("close", () => {
      if (connection === socket) end("lost");
    });
  }

  open();
})();
