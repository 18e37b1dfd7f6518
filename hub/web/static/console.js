"use strict";
// Keeps the page live: the server sends each part's HTML when it changed, and at least one message a second.
// What the server sends is escaped there; the content security policy forbids any script that is not this file.

const SILENT_MS = 4000; // the server speaks every second: this long without a word means that it is gone
const RETRY_MS = 2000;

const stale = document.getElementById("stale");
const age = document.getElementById("age");
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
let heard = performance.now();
let source = null;

function connect() {
  if (source) source.close();
  source = new EventSource(document.body.dataset.live);
  source.addEventListener("hello", hello);
  source.onmessage = (event) => {
    heard = performance.now();
    show(JSON.parse(event.data));
    tell(false);
  };
  source.onerror = () => {
    tell(true);
    const refused = source.readyState === EventSource.CLOSED; // the server answered, and not with a stream
    source.close(); // a browser gives up by itself after some errors; we do not
    if (refused) leave();
    else setTimeout(connect, RETRY_MS);
  };
}

// Whoever is signed out meanwhile sees the page to sign in; a server that only has trouble is tried again.
function leave() {
  fetch(document.body.dataset.live, { headers: { accept: "text/event-stream" } })
    .then((answer) => {
      answer.body?.cancel();
      if (answer.status === 401 || answer.status === 403) location.reload();
      else setTimeout(connect, RETRY_MS);
    })
    .catch(() => setTimeout(connect, RETRY_MS));
}

function hello(event) {
  if (JSON.parse(event.data).version !== document.body.dataset.version) location.reload();
}

function tell(broken) {
  if (broken) age.textContent = String(Math.max(0, Math.round((performance.now() - heard) / 1000)));
  if (stale.hidden === !broken) return;
  stale.hidden = !broken;
  document.body.classList.toggle("stale", broken);
}

function watch() {
  if (!stale.hidden || performance.now() - heard > SILENT_MS) tell(true);
}

function show(parts) {
  for (const [id, html] of Object.entries(parts)) {
    const template = document.createElement("template");
    template.innerHTML = html;
    settle(document.getElementById(id), template.content);
  }
  const overall = document.querySelector(".overall strong");
  if (overall) document.title = overall.textContent + document.body.dataset.title;
}

// Makes the children of `now` those of `next`, keeping what is equal: a selection or a focus survives the update.
function settle(now, next) {
  const keyed = new Map([...now.children].filter((e) => e.dataset.key).map((e) => [e.dataset.key, e]));
  let at = now.firstChild;
  for (const wanted of [...next.childNodes]) {
    const known = wanted.dataset?.key && keyed.get(wanted.dataset.key);
    if (known) keyed.delete(wanted.dataset.key);
    if (known && known !== at) now.insertBefore(known, at);
    const there = known || at;
    if (there && alike(there, wanted)) {
      if (!there.isEqualNode(wanted)) become(there, wanted);
      at = there.nextSibling;
    } else {
      now.insertBefore(wanted, at);
      if (wanted.dataset?.key) greet(wanted);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key;
}

function become(now, wanted) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    now.nodeValue = wanted.nodeValue;
    return;
  }
  for (const name of now.getAttributeNames()) if (!wanted.hasAttribute(name)) now.removeAttribute(name);
  for (const name of wanted.getAttributeNames()) now.setAttribute(name, wanted.getAttribute(name));
  settle(now, wanted);
}

function greet(element) {
  if (!reduced.matches) element.animate([{ opacity: 0.2 }, { opacity: 1 }], 700);
}

connect();
setInterval(watch, 500);
