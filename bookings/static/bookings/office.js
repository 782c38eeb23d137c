"use strict";
// Conveniences. Everything works without this file.

// From anywhere but a field: "/" goes to the search box, "j" to the next booking of a list, "k" to the one before,
// "c" to the link that cancels the booking on the page. They move the focus; nothing happens before Enter.
function goesTo(key) {
  const rows = [...document.querySelectorAll("#content tbody th[scope=row] a")];
  const at = rows.indexOf(document.activeElement);
  const places = {
    "/": document.getElementById("office-search-box"),
    j: rows[at + 1],
    k: rows[at - 1],
    c: document.getElementById("cancel-booking"),
  };
  return Object.hasOwn(places, key) ? places[key] : null;
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  const place = typing || event.ctrlKey || event.metaKey || event.altKey ? null : goesTo(event.key);
  if (place) {
    event.preventDefault();
    place.focus();
    if (place.select) {
      place.select();
    }
  }
});

// What is shown after the session has ended would never change again: the log-in leads back here. Not while
// something is typed, as that would be lost.
function loggedOut() {
  const typed = [...document.querySelectorAll("#content textarea")].some((field) => field.value !== field.defaultValue);
  if (!typed) {
    window.location.reload();
  }
}

// A part of a page that still changes names itself by an id and says how often it looks again:
// <div id="progress" data-refresh="3">. It is replaced by the same part of the same page; when the new one
// carries no data-refresh, there is nothing more to wait for.
async function refresh(part) {
  const seconds = Number(part.dataset.refresh);
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  let next = part;
  // Not while the page is hidden, nor while the keyboard's focus is in it.
  if (!document.hidden && !part.contains(document.activeElement)) {
    try {
      const answer = await fetch(window.location.href, { headers: { "X-Refresh": "1" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        loggedOut();
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      next = answer.ok ? page.getElementById(part.id) : part;
      if (next && next !== part) {
        part.replaceWith(next);
      }
    } catch {
      next = part; // the server is away for a moment: what is shown stays
    }
  }
  if (next && next.dataset.refresh) {
    refresh(next);
  }
}
for (const part of document.querySelectorAll("[data-refresh][id]")) {
  refresh(part);
}
