// The agents' desk: the list of chats that wait, and the agent's side of one chat. Words are set as text, never as HTML.
"use strict";

(() => {
  const AGAIN_MS = 2000, LOGGED_OUT_MS = 10_000, HERE_MS = 4000, AROUND_MS = 30_000;
  const SILENT_MS = 8000; // the console answers within so long; else the connection is dead
  const TITLE = document.title;
  let called = new Set(); // chats that the agent was called to
  let waits = 0;
  let wrote = ""; // what the customer wrote is unread: so says the title
  const taking = () => sessionStorage.getItem("desk-take") === "1";
  const list = document.getElementById("desk-chats");
  if (list) waiting(list);
  if (document.getElementById("desk-calls")) keepAround();
  const chat = document.getElementById("desk-chat");
  if (chat) talk(chat);

  function waiting(list) {
    const state = document.getElementById("desk-state");
    const take = document.getElementById("take");
    document.getElementById("desk-take").hidden = false;
    take.checked = taking();
    const items = new Map([...list.children].map((item) => [decodeURIComponent(item.querySelector("a").pathname.split("/").pop()), item]));

    function tell(answer) {
      if (answer.chats) show(answer.chats);
      else say(answer.loggedOut ? state.dataset.out : state.dataset.away);
    }

    function say(words) {
      if (state.textContent !== words) state.textContent = words; // a reader of screens hears what is new, once
    }

    function show(chats) {
      const fresh = chats.map(itemOf);
      for (const ref of items.keys()) if (!chats.some((chat) => chat.ref === ref)) items.delete(ref);
      const reads = document.activeElement?.closest("#desk-chats > li"); // what somebody stands on is not taken away
      for (const old of [...list.children]) if (old !== reads) old.remove();
      const place = fresh.indexOf(reads);
      if (reads) reads.before(...fresh.slice(0, Math.max(place, 0)));
      list.append(...fresh.slice(place + 1));
      const free = chats.filter((chat) => !chat.taken).length;
      say(free ? state.dataset.some.replace("{n}", free) : state.dataset.none);
    }

    function itemOf(chat) {
      const item = items.get(chat.ref) ?? document.createElement("li");
      items.set(chat.ref, item);
      if (!item.firstChild) item.append(document.createElement("a"), document.createElement("span"));
      const [link, how] = item.children;
      link.href = `/desk/chats/${encodeURIComponent(chat.ref)}`;
      link.textContent = [chat.queue, chat.intent || "–", chat.language].join(" · ");
      how.className = "quiet";
      how.textContent = ` ${chat.taken ? state.dataset.taken : state.dataset.waits} ${lasted(chat.waited_s)}`;
      return item;
    }

    const lasted = (s) => (s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`);

    take.addEventListener("change", async () => {
      sessionStorage.setItem("desk-take", take.checked ? "1" : "0");
      if (take.checked) mayNotify();
      tell(await look(take.checked ? "take=1" : "take=0"));
    });
    follow(tell);
  }

  // Callbacks, cases and calls are asked for again, but not under the hand of who reads them; without setHTML by hand only.
  function keepAround() {
    const KEEP_ALL = { sanitizer: { removeElements: [], removeAttributes: [] } };

    async function around() {
      if (document.hidden || !("setHTML" in Element.prototype)) return;
      const answer = await fetch("/desk", { signal: AbortSignal.timeout(SILENT_MS) });
      if (!answer.ok || answer.redirected) return; // the list of chats says so
      const whole = document.implementation.createHTMLDocument("");
      whole.body.setHTML(await answer.text(), KEEP_ALL);
      for (const id of ["desk-callbacks", "desk-cases", "desk-calls"]) {
        const [old, fresh] = [document.getElementById(id), whole.getElementById(id)];
        if (fresh && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
      }
    }

    const again = () => around().catch(() => {});
    setInterval(again, AROUND_MS);
    document.addEventListener("visibilitychange", again);
  }

  // One question after another: the console holds each answer back until something changes, for some seconds at most. A timer of
  // the page's own would run once a minute where the desk is behind another tab, and the desk would be taken for empty.
  async function follow(tell) {
    for (let more = "", known = ""; ; more = `&hold=1&known=${known}`) {
      const answer = await look((taking() ? "take=1" : "") + more);
      tell(answer);
      known = answer.mark ?? "";
      if (answer.chats) call(answer.chats.filter((chat) => !chat.taken));
      else await new Promise((resolve) => setTimeout(resolve, answer.loggedOut ? LOGGED_OUT_MS : AGAIN_MS));
    }
  }

  // The agent may be looking elsewhere: the title says how many wait, and who takes chats is called to a new one.
  function call(free) {
    waits = free.length;
    entitle();
    const fresh = free.filter((chat) => !called.has(chat.ref));
    called = new Set(free.map((chat) => chat.ref));
    if (fresh.length && taking()) notify(fresh.map((chat) => chat.queue).join(", "));
  }

  function entitle() {
    document.title = [waits ? `(${waits})` : "", wrote ? `${wrote} ·` : "", TITLE].filter(Boolean).join(" ");
  }

  // Names a queue, never a person: it may stand on a screen that is locked.
  function notify(body) {
    if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
    const shown = new Notification(TITLE, { body, tag: location.pathname, renotify: true, lang: document.documentElement.lang });
    shown.addEventListener("click", () => { window.focus(); shown.close(); });
  }

  function mayNotify() {
    if ("Notification" in window && Notification.permission === "default") Notification.requestPermission().catch(() => {});
  }

  async function look(query) {
    try {
      const options = { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(SILENT_MS) };
      const answer = await fetch(`/desk/chats.json?${query}`, options);
      if (answer.redirected) return { loggedOut: true };
      return answer.ok ? await answer.json() : {};
    } catch { return {}; }
  }

  // The console may end and come back: the page comes back with its claim, and says again, under the same name, what nobody
  // answered. So no line is lost, and none is said twice.
  function talk(chat) {
    const AWAY_MS = 60_000, LOGGED_OUT = 1008;
    const words = chat.dataset;
    const lines = document.getElementById("lines");
    const state = document.getElementById("chat-state");
    const takeIt = document.getElementById("take-chat");
    const form = document.getElementById("say");
    const text = document.getElementById("text");
    const tools = document.getElementById("tools");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const why = JSON.parse(words.why);
    const unsure = new Map();
    let socket;
    let claim = "";
    let leaseMs = 0;
    let lostAt = 0;
    let named = 0;
    let over = false;
    let toldTyping = 0;
    let toldRefused = false;
    let heardAt = 0;
    let askedAt = 0; // whether the connection lives; 0: it was answered

    function send(message) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    }

    const act = (message) => { if (!lostAt) send(message); };

    function line(who, said) {
      const item = document.createElement("li");
      item.className = who === "you" ? "turn" : who === "bot" ? "turn quiet" : "turn you";
      const name = document.createElement("span");
      name.className = "quiet";
      name.textContent = { you: words.you, bot: words.bot }[who] || words.customer;
      item.append(name, document.createElement("br"), said);
      lines.append(item);
      item.scrollIntoView({ block: "nearest" });
    }

    function end(why) {
      const left = [...unsure.values(), text.value.trim()].filter(Boolean).join(" / ");
      over = true;
      state.textContent = left ? `${why} ${words.refused}: ${left}` : why;
      const stood = [form, tools, takeIt].some((each) => each.contains(document.activeElement));
      form.hidden = tools.hidden = takeIt.hidden = true;
      if (stood) document.getElementById("to-desk").focus(); // what goes away takes the keyboard's place with it
      socket?.close();
    }

    function lost(code) {
      if (over) return;
      lostAt ||= Date.now();
      takeIt.disabled = true;
      if (code === LOGGED_OUT || Date.now() - lostAt > AWAY_MS) return end(words.lost);
      state.textContent = words.reconnecting;
      setTimeout(open, AGAIN_MS * (0.5 + Math.random() / 2));
    }

    function open() {
      if (over) return;
      const mine = socket = new WebSocket(`${scheme}//${location.host}/desk/chats/${encodeURIComponent(words.ref)}/ws`);
      askedAt = Date.now();
      mine.addEventListener("message", (event) => {
        if (mine !== socket) return;
        [heardAt, askedAt] = [Date.now(), 0];
        const told = JSON.parse(event.data);
        if (Object.hasOwn(does, told.type)) does[told.type](told);
      });
      mine.addEventListener("close", (event) => { if (mine === socket) dropped(event.code); });
    }

    function dropped(code) {
      askedAt = 0;
      socket = null;
      lost(code);
    }

    // A network that goes away says nothing: what is dead is found out by asking.
    function stillHere() {
      if (!socket || over) return;
      if (askedAt && Date.now() - askedAt > SILENT_MS) cutOff();
      else if (!askedAt && Date.now() - heardAt > HERE_MS) { askedAt = Date.now(); send({ type: "here" }); }
    }

    function cutOff() {
      const dead = socket;
      if (!dead || over) return;
      dropped();
      dead.close();
    }

    setInterval(stillHere, 1000);
    window.addEventListener("offline", cutOff);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { wrote = ""; entitle(); stillHere(); } });

    const takeAgain = () => send({ type: "take", name: "-", claim });
    const pass = (id) => unsure.has(id) && send({ type: "say", text: unsure.get(id), id });

    // one after another: what has to be said again is not overtaken by what was written later
    function passFirst() {
      for (const id of unsure.keys()) return pass(id);
    }

    function known(id) {
      if (unsure.delete(id)) passFirst();
    }

    function tellRefused(code) {
      state.textContent = `${words.refused}: ${why[code] || code}`;
      toldRefused = true;
    }

    function refused(told) {
      if (told.code === "state_away") setTimeout(pass, AGAIN_MS, told.id);
      else {
        text.value = [unsure.get(told.id), text.value].filter(Boolean).join(" ");
        known(told.id);
      }
      tellRefused(told.code);
    }

    const does = {
      chat(told) {
        lines.replaceChildren();
        for (const each of told.lines) {
          line(each.who === "you" ? "customer" : each.who === "agent" ? "you" : "bot", each.text);
          if (each.who === "agent") unsure.delete(each.id);
        }
        takeIt.disabled = false;
        if (claim) takeAgain();
        else if (lostAt) { lostAt = 0; state.textContent = ""; }
      },
      taken(told) {
        const first = !claim;
        claim = told.claim;
        leaseMs = told.lease_s * 1000;
        lostAt = 0;
        takeIt.hidden = true;
        form.hidden = tools.hidden = false;
        if (first) text.focus();
        state.textContent = words.yours;
        passFirst();
      },
      say(told) {
        state.textContent = "";
        line("customer", told.text);
        if (!document.hidden) return;
        wrote = words.wrote;
        entitle();
        notify(words.wrote);
      },
      sent(told) {
        if (toldRefused) state.textContent = "";
        toldRefused = false;
        if (unsure.has(told.id)) line("you", unsure.get(told.id));
        known(told.id);
      },
      typing() { state.textContent = words.typing; },
      away() { state.textContent = words.away; },
      back() { state.textContent = ""; },
      given_back() { end(words.given); },
      over() { end(words.over); },
      error(told) {
        const comesBack = claim && lostAt;
        // the claim that we know may be spent by a connection that died before it told us the new one: its lease ends
        if (comesBack && ["taken", "state_away"].includes(told.code) && Date.now() - lostAt < leaseMs + AGAIN_MS) setTimeout(takeAgain, AGAIN_MS);
        else if (told.code === "taken") end(words.taken);
        else if (told.code === "not_taken") end(words.lost);
        else if (unsure.has(told.id)) refused(told);
        else if (told.code !== "lost") tellRefused(told.code);
      },
    };

    open();
    takeIt.addEventListener("click", () => send({ type: "take", name: "-" }));
    if (taking()) follow(() => {});

    function say(said) {
      const one = said.replace(/\s+/g, " ").trim();
      if (!one) return;
      const id = `${Date.now().toString(36)}-${named += 1}`;
      unsure.set(id, one);
      if (!lostAt && unsure.size === 1) pass(id);
    }

    form.addEventListener("submit", (event) => { event.preventDefault(); say(text.value); text.value = ""; text.focus(); });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
    });
    text.addEventListener("input", () => {
      if (Date.now() - toldTyping > 3000) { toldTyping = Date.now(); act({ type: "typing" }); }
    });
    for (const button of document.querySelectorAll(".canned")) {
      button.addEventListener("click", () => { text.value = [text.value.trim(), button.textContent].filter(Boolean).join(" "); text.focus(); });
    }
    document.getElementById("transfer").addEventListener("click", () => {
      act({ type: "transfer", queue: document.getElementById("to-queue").value });
    });
    document.getElementById("give-back").addEventListener("click", () => act({ type: "give_back" }));
    document.getElementById("end-chat").addEventListener("click", () => act({ type: "end" }));
  }
})();
