"use strict";
// Asks for the board again and again; the gate answers when there is news, or after some seconds.

const board = document.getElementById("board");
const trouble = document.getElementById("trouble");

function complain(is_gone) {
  trouble.hidden = !is_gone;
  trouble.textContent = is_gone ? trouble.dataset.gate : "";
  board.classList.toggle("stale", is_gone);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function follow() {
  const lang = document.documentElement.lang.slice(0, 2);
  let number = board.dataset.number;
  for (;;) {
    try {
      const answer = await fetch(`/board/news?after=${number}&lang=${lang}`, { signal: AbortSignal.timeout(15000) });
      if (answer.status === 401) return location.assign("/login");
      if (!answer.ok) throw new Error(String(answer.status));
      const news = await answer.json();
      number = news.number;
      const focused = document.activeElement?.closest("#board a")?.getAttribute("href");
      board.innerHTML = news.html;
      if (focused) board.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
      complain(false);
      if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
      await pause(200);
    } catch {
      complain(true);
      number = -1;
      await pause(1000);
    }
  }
}

// What a deed came to is news for a while; a page that is loaded again need not tell it again.
history.replaceState(null, "", "/");
setTimeout(() => document.querySelector(".done")?.remove(), 30000);

follow();
