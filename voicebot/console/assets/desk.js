// The agents' desk: the list of chats that wait, and the agent's side of one chat. Words are set as text, never as HTML.
"use strict";

(() => {
  const list = document.getElementById("desk-chats");
  if (list) waiting(list);
  const chat = document.getElementById("desk-chat");
  if (chat) talk(chat);

  function waiting(list) {
    const state = document.getElementById("desk-state");
    const take = document.getElementById("take");
    document.getElementById("desk-take").hidden = false;
    take.checked = sessionStorage.getItem("desk-take") === "1";
    let known = -1;
    let told = take.checked;

    async function look() {
      const change = take.checked || told;
      const query = change ? `?take=${take.checked ? 1 : 0}` : "";
      told = take.checked;
      try {
        const answer = await fetch(`/desk/chats.json${query}`, { headers: { Accept: "application/json" } });
        if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
        show((await answer.json()).chats);
      } catch { state.textContent = state.dataset.away; known = -1; }
    }

    function show(chats) {
      list.replaceChildren(...chats.map((chat) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = `/desk/chats/${encodeURIComponent(chat.ref)}`;
        link.textContent = [chat.queue, chat.intent || "–", chat.language].join(" · ");
        const how = document.createElement("span");
        how.className = "quiet";
        how.textContent = ` ${chat.taken ? state.dataset.taken : state.dataset.waits} ${chat.waited_s} s`;
        item.append(link, how);
        return item;
      }));
      const free = chats.filter((chat) => !chat.taken).length;
      if (free !== known) state.textContent = free ? state.dataset.some.replace("{n}", free) : state.dataset.none;
      known = free;
    }

    take.addEventListener("change", () => { sessionStorage.setItem("desk-take", take.checked ? "1" : "0"); look(); });
    setInterval(() => { if (!list.contains(document.activeElement)) look(); else if (take.checked) fetch("/desk/chats.json?take=1"); }, 5000);
    look();
  }

  function talk(chat) {
    const words = chat.dataset;
    const lines = document.getElementById("lines");
    const state = document.getElementById("chat-state");
    const takeIt = document.getElementById("take-chat");
    const form = document.getElementById("say");
    const text = document.getElementById("text");
    const tools = document.getElementById("tools");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/desk/chats/${encodeURIComponent(words.ref)}/ws`);
    let sent = [];
    let over = false;
    let toldTyping = 0;

    const send = (message) => socket.send(JSON.stringify(message));

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
      over = true;
      state.textContent = why;
      form.hidden = tools.hidden = true;
      takeIt.hidden = true;
      socket.close();
    }

    const does = {
      chat(told) {
        for (const each of told.lines) line(each.who === "you" ? "customer" : each.who === "agent" ? "you" : "bot", each.text);
        takeIt.disabled = false;
      },
      taken() {
        takeIt.hidden = true;
        form.hidden = tools.hidden = false;
        state.textContent = words.yours;
        text.focus();
      },
      say(told) { state.textContent = ""; line("customer", told.text); },
      sent() { line("you", sent.shift() ?? ""); },
      typing() { state.textContent = words.typing; },
      away() { state.textContent = words.away; },
      back() { state.textContent = ""; },
      given_back() { end(words.given); },
      over() { end(words.over); },
      moving() { end(words.lost); },
      error(told) {
        if (told.code === "taken") end(words.taken);
        else if (told.code === "lost" || told.code === "not_taken") end(words.lost);
        else { sent.shift(); state.textContent = `${words.refused} (${told.code})`; }
      },
    };

    socket.addEventListener("message", (event) => {
      const told = JSON.parse(event.data);
      if (Object.hasOwn(does, told.type)) does[told.type](told);
    });
    socket.addEventListener("close", () => { if (!over) end(words.lost); });
    takeIt.addEventListener("click", () => send({ type: "take", name: "-" }));

    function say(said) {
      const one = said.replace(/\s+/g, " ").trim();
      if (!one) return;
      sent.push(one);
      send({ type: "say", text: one });
    }

    form.addEventListener("submit", (event) => { event.preventDefault(); say(text.value); text.value = ""; text.focus(); });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
    });
    text.addEventListener("input", () => {
      if (Date.now() - toldTyping > 3000) { toldTyping = Date.now(); send({ type: "typing" }); }
    });
    for (const button of document.querySelectorAll(".canned")) {
      button.addEventListener("click", () => { text.value = button.textContent; text.focus(); });
    }
    document.getElementById("transfer").addEventListener("click", () => {
      send({ type: "transfer", queue: document.getElementById("to-queue").value });
    });
    document.getElementById("give-back").addEventListener("click", () => send({ type: "give_back" }));
    document.getElementById("end-chat").addEventListener("click", () => send({ type: "end" }));
  }
})();
