"use strict";
// Asks for one picture after the other; the gate answers when there is a new one, and never faster than its rate.

const live = document.getElementById("live");
const trouble = document.getElementById("trouble");

function show(section, said) {
  section.querySelector(".skin").textContent = said.skin;
  const chip = section.querySelector(".chip");
  chip.textContent = said.words;
  chip.dataset.verdict = said.verdict;
  section.querySelector(".detail").textContent = said.detail;
}

function complain(key) {
  trouble.hidden = !key;
  trouble.textContent = key ? trouble.dataset[key] : "";
  live.classList.toggle("stale", Boolean(key));
}

function paint(shot) {
  const picture = document.getElementById("picture");
  picture.closest("figure").hidden = !shot.picture;
  if (shot.picture) picture.src = shot.picture;
  document.getElementById("reference").textContent = shot.reference;
  show(document.getElementById("now"), shot.now);
  if (shot.last) {
    const last = document.getElementById("last");
    show(last, shot.last);
    last.querySelector(".age").textContent = "· " + shot.last.age;
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function follow() {
  const lane = encodeURIComponent(live.dataset.lane);
  const lang = document.documentElement.lang.slice(0, 2);
  let number = 0;
  for (;;) {
    try {
      const answer = await fetch(`/lanes/${lane}/now?after=${number}&lang=${lang}`, { signal: AbortSignal.timeout(15000) });
      if (answer.status === 401) return location.assign("/login");
      if (answer.status === 204) {
        complain("picture");
        continue;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const shot = await answer.json();
      number = shot.number;
      paint(shot);
      complain(null);
      if (document.hidden) await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    } catch {
      complain("gate");
      number = 0;
      await pause(1000);
    }
  }
}

if (live) follow();
