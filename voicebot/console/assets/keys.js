// Keys of the review card: they work only while the card has the focus and nobody types (WCAG 2.1.4), and can be switched off.
"use strict";

(() => {
  const card = () => document.querySelector("#card[data-keys]");
  const typing = (element) => element.matches("input:not([type=checkbox]), textarea, select");

  document.addEventListener("keydown", (event) => {
    const here = card();
    if (!here || !here.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") here.focus();
      return; // Enter in the field sends the form as ever
    }
    if (event.key === "Enter" && event.target !== here) return; // a button or a link that has the focus does its own
    if (event.key === "/") return press(event, here.querySelector("#other"), (field) => field.focus());
    if (event.key === "t") return press(event, here.querySelector("#teach"), (box) => { box.checked = !box.checked; });
    if (event.key === "?") return press(event, here.querySelector("#all-keys"), (keys) => { keys.open = !keys.open; });
    if (event.key === "w") return press(event, here.querySelector("#why"), (why) => { why.open = !why.open; });
    if (event.key === "h") return press(event, here.querySelector("#listen audio, #listen select"), listen);
    return press(event, here.querySelector(`[data-key="${CSS.escape(event.key)}"]`), (button) => button.click());
  });

  function listen(element) {
    if (element.matches("select")) element.focus();
    else if (element.paused) element.play().catch(() => element.focus()); // the sound is gone: the player says so
    else element.pause();
  }

  function press(event, element, act) {
    if (!element) return;
    event.preventDefault();
    act(element);
  }

  card()?.focus();
})();
