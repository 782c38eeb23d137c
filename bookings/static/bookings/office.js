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

// What opens over the page closes by Escape, and when the focus or a click goes elsewhere.
for (const open of document.querySelectorAll(".menu details")) {
  open.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && open.open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  for (const leaves of ["click", "focusin"]) {
    document.addEventListener(leaves, (event) => {
      if (!open.contains(event.target)) {
        open.open = false;
      }
    });
  }
}

// Beside each time of the page, which is in UTC, the reader's own; the day too where it is another one. Where the
// reader's clock shows UTC there is nothing to add. The words are in the page's footer.
const own = document.getElementById("own-time");
function showOwnTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (own && at.getTimezoneOffset() && !time.querySelector(".own-time")) {
      const beside = document.createElement("span");
      beside.className = "own-time";
      const two = (number) => String(number).padStart(2, "0");
      const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
      const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
      const there = day === at.toISOString().slice(0, 10) ? clock : `${day} ${clock}`;
      beside.textContent = ` (${there} ${own.dataset.word})`;
      time.append(beside);
      own.hidden = false;
    }
  }
}
showOwnTimes(document);

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
        showOwnTimes(next);
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

// Seats to tick: the button says what it does, and the arrow keys go from seat to seat. Seats that others have are
// skipped; at the end of a row or a column the focus stays.
const reseat = document.querySelector("form[data-has]");
if (reseat) {
  const { has, count, move, choose, chosen: words } = reseat.dataset;
  const had = has ? has.split(",") : [];
  const say = () => {
    const chosen = [...reseat.querySelectorAll("[name=seats]:checked")].map((box) => box.value);
    const given = had.filter((seat) => !chosen.includes(seat));
    const taken = chosen.filter((seat) => !had.includes(seat));
    const isMove = chosen.length === Number(count) && given.length > 0 && taken.length > 0;
    reseat.querySelector("[type=submit]").textContent = isMove
      ? move.replace("%(from)s", given.join(", ")).replace("%(to)s", taken.join(", "))
      : choose;
    document.getElementById("seats-chosen").textContent = words
      .replace("%(chosen)s", chosen.length)
      .replace("%(all)s", count);
  };
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  reseat.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".pick td");
    const step = cell && steps[event.key];
    if (step) {
      event.preventDefault();
      const rows = cell.closest("table").rows;
      let [row, column] = [cell.parentElement.rowIndex + step[0], cell.cellIndex + step[1]];
      let next = null;
      while (!next && rows[row] && rows[row].cells[column]) {
        next = rows[row].cells[column].querySelector("input");
        [row, column] = [row + step[0], column + step[1]];
      }
      (next || event.target).focus();
    }
  });
  reseat.addEventListener("change", say);
  say();
}
