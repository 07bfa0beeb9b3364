// Everything works without this: it shows times in the reader's zone, copies texts at a press, ticks a whole page, has
// work under way come again, and shows calls as they happen.
"use strict";

const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function local(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = zoned.format(at);
  }
}
local(document);

for (const button of document.querySelectorAll("[data-copy]")) {
  const from = document.getElementById(button.dataset.copy);
  if (!from || !navigator.clipboard) continue;
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(from.value ?? from.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

for (const all of document.querySelectorAll("[data-tick-all]")) {
  all.hidden = false;
  const boxes = [...all.closest("form").querySelectorAll("input[name=account]")];
  all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; });
}

// A part of the page that changes by itself: fetched again until it says no more that it will.
const live = document.getElementById("live");
async function again() {
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (!answer.ok || !fresh) return location.reload();
    const held = live.contains(document.activeElement) && fresh.dataset.again;
    if (!held || live.dataset.again !== fresh.dataset.again) live.replaceChildren(...fresh.childNodes);
    else live.querySelector("section").replaceWith(fresh.querySelector("section"));
    local(live);
    if (!fresh.dataset.again) return delete live.dataset.again;
  } catch { /* The next try may reach the server again. */ }
  setTimeout(again, Number(live.dataset.again));
}
if (live?.dataset.again) setTimeout(again, Number(live.dataset.again));

// Calls as they happen. It ends after a while, so that a page that was forgotten does not keep its session alive.
const WATCH_MS = 10 * 60 * 1000;
const SHOWN = 100;
for (const link of document.querySelectorAll("[data-tail]")) {
  const rows = document.getElementById(link.dataset.into);
  const state = document.getElementById("tail-state");
  if (!rows || !window.EventSource) continue;
  const label = link.textContent;
  let source = null;
  let ends = 0;
  const stop = () => {
    source?.close();
    source = null;
    clearTimeout(ends);
    link.textContent = "Watch live";
    link.setAttribute("aria-pressed", "false");
    state.textContent = "";
  };
  const start = () => {
    source = new EventSource(link.dataset.tail);
    link.textContent = "Stop watching";
    link.setAttribute("aria-pressed", "true");
    state.textContent = "Live";
    ends = setTimeout(stop, WATCH_MS);
    source.addEventListener("error", () => { if (source?.readyState === EventSource.CLOSED) { stop(); state.textContent = "The server ended it."; } });
    source.addEventListener("message", (event) => {
      const part = document.createElement("template");
      part.innerHTML = event.data;
      const row = part.content.firstElementChild;
      if (!row) return;
      local(row);
      const old = document.getElementById(row.id);
      if (old) return old.replaceWith(row);
      row.classList.add("new");
      rows.prepend(row);
      while (rows.children.length > SHOWN) rows.lastElementChild.remove();
    });
  };
  link.setAttribute("role", "button");
  link.title = label;
  stop();
  link.addEventListener("click", (event) => { event.preventDefault(); source ? stop() : start(); });
  link.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); link.click(); } });
}
