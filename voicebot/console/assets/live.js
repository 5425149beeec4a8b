// The table of calls under way, kept up to date by server-sent events. Nothing runs while the page is hidden.
"use strict";

(() => {
  const body = document.getElementById("live-rows");
  if (!body) return;
  const none = document.getElementById("live-none");
  const table = document.getElementById("live-table");
  const count = document.getElementById("live-count");
  const state = document.getElementById("live-state");
  const away = document.getElementById("live-away");
  const words = document.getElementById("live-words").dataset;
  const phases = JSON.parse(words.phases);
  const calls = new Map();
  let source = null;
  const AROUND = ["live-alarms", "live-queues"];
  const KEEP_ALL = { sanitizer: { removeElements: [], removeAttributes: [] } };
  const SILENT_MS = 10_000; // the console says something every four seconds
  let toldAt = 0;
  let heardAt = 0;
  let over = false; // the session

  const lasted = (started) => {
    const s = Math.max(0, Math.round((Date.now() - Date.parse(started)) / 1000));
    return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  };

  function fill(row, call) {
    const caller = [call.number || "–", call.segment, call.language].join(" · ");
    const cells = [lasted(call.started), call.line, caller, phases[(call.phase || "").replaceAll(" ", "_")] ?? (call.phase || "–"), call.intent || "–", call.queue || "–"];
    while (row.cells.length < cells.length) row.insertCell();
    cells.forEach((text, place) => { if (row.cells[place].textContent !== text) row.cells[place].textContent = text; });
    row.cells[0].className = "num";
  }

  function show(told) {
    if (told.all) { calls.clear(); body.replaceChildren(); }
    for (const id of told.gone) { calls.get(id)?.row.remove(); calls.delete(id); }
    for (const [id, call] of Object.entries(told.rows)) {
      const row = calls.get(id)?.row ?? body.insertRow();
      calls.set(id, { row, call });
      fill(row, call);
    }
    count.textContent = words.calls.replace("{n}", calls.size);
    none.hidden = calls.size > 0;
    table.hidden = calls.size === 0;
    if (Date.now() - toldAt > 60_000) { // a reader of screens hears one sentence a minute, not every change
      toldAt = Date.now();
      state.textContent = words.calls.replace("{n}", calls.size);
    }
  }

  function open() {
    source = new EventSource("/live/events");
    heardAt = Date.now();
    source.onmessage = (event) => { heard(); show(JSON.parse(event.data)); };
    source.addEventListener("here", heard);
  }

  function heard() {
    heardAt = Date.now();
    away.hidden = true;
  }

  // A network that goes away says nothing; figures that stand still must not look like a quiet hour.
  function stillThere() {
    if (!source || Date.now() - heardAt < SILENT_MS) return;
    away.hidden = false;
    source.close();
    open();
    around().catch(() => {});
  }

  function end() {
    over = true;
    away.textContent = words.out;
    away.hidden = false;
    source?.close();
    source = null;
  }

  // what stands around the calls is asked for again, but not under the hand of who reads it; without setHTML by hand only
  async function around() {
    if (document.hidden || over) return;
    const answer = await fetch("/live", { credentials: "same-origin", signal: AbortSignal.timeout(SILENT_MS) });
    if (answer.redirected) return end();
    if (!("setHTML" in Element.prototype)) return;
    const whole = document.implementation.createHTMLDocument("");
    whole.body.setHTML(await answer.text(), KEEP_ALL);
    for (const id of answer.ok ? AROUND : []) {
      const [old, fresh] = [document.getElementById(id), whole.getElementById(id)];
      if (fresh && !old.contains(document.activeElement)) old.replaceWith(document.adoptNode(fresh));
    }
  }

  setInterval(() => around().catch(() => {}), 15_000);
  setInterval(stillThere, 1000);
  setInterval(() => { for (const { row, call } of calls.values()) row.cells[0].textContent = lasted(call.started); }, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { source?.close(); source = null; } else if (!source && !over) open();
  });
  if (!document.hidden) open();
})();
