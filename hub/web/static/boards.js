// A board on the console: reads its JSON once, then its answers again and again, and draws what changed.

import { chart } from "./boards-lines.js";
import { draw, make } from "./boards-draw.js";
import { keepZone } from "./boards-words.js";

const root = document.getElementById("board");
const { name, lang } = root.dataset;
const panels = document.getElementById("panels");
const choose = document.getElementById("choose");
const stale = document.getElementById("board-stale");
const from = document.getElementById("board-from");
const chosen = new URLSearchParams(location.search);
const shown = new Map();
let failures = 0;

start();

async function start() {
  const board = await ask(`/boards/${name}/json?lang=${lang}`);
  if (!board) return setTimeout(start, 3000);
  keepZone(board.timezone);
  for (const panel of board.panels) panels.append(frame(panel));
  choose.elements.since.value = chosen.get("since") ?? "";
  choose.addEventListener("change", changed);
  choose.hidden = Boolean(root.dataset.wall);
  follow(board);
}

async function follow(board) {
  const every = root.dataset.wall ? 1000 : Number.parseInt(board.refresh, 10) * (board.refresh.endsWith("m") ? 60000 : 1000);
  const answers = document.hidden && shown.size ? null : await ask(`/boards/${name}/answers?${question()}`);
  if (answers) show(board, answers);
  setTimeout(() => follow(board), answers || document.hidden ? every : 3000);
}

function question() {
  const query = new URLSearchParams([["lang", lang]]);
  for (const [key, value] of chosen) if (value && key !== "lang") query.append(key, value);
  return query;
}

async function ask(url) {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(answer.status);
    failures = 0;
    stale.hidden = true;
    return await answer.json();
  } catch {
    failures += 1;
    stale.textContent = root.dataset.stale;
    stale.hidden = failures < 2;
    return null;
  }
}

/** A panel's box: its title, which tells on asking what it shows, and a body. */
function frame(panel) {
  const box = make("section", `panel panel-${panel.type}`);
  const { w, h, x, y } = panel.gridPos;
  box.style.setProperty("--columns", w);
  box.style.setProperty("--rows", h);
  box.style.setProperty("--column", x + 1);
  box.style.setProperty("--row", y + 1);
  const title = make("h2", "", panel.title);
  title.title = panel.description;
  const body = make("div", "panel-body");
  box.append(title, body);
  box.dataset.panel = panel.id;
  return box;
}

function show(board, answers) {
  offer(answers);
  for (const panel of board.panels) {
    const answer = answers.panels[panel.id];
    const marks = answers.marks.map((mark) => ({ ...mark, at: mark.at.filter((one) => one.time >= answer.from) }));
    const told = JSON.stringify([answer, panel.type === "timeseries" ? marks : 0, panel.type === "table" ? answers.now : 0]);
    if (shown.get(panel.id) === told) continue;
    shown.set(panel.id, told);
    fill(panel, answer, marks, answers.now);
  }
  const source = answers.source === "influx" ? root.dataset.influx : root.dataset.figures;
  from.textContent = answers.fault ? root.dataset.fault : source;
  root.dataset.drawn = String(answers.now);
}

function fill(panel, answer, marks, now) {
  const body = panels.querySelector(`[data-panel="${panel.id}"] .panel-body`);
  const about = { lang, now };
  if (panel.type !== "timeseries") {
    body.replaceChildren(...draw(panel, answer, about));
    return;
  }
  body.replaceChildren();
  if (!chart(body, panel, answer, marks, about)) body.append(make("p", "nothing-here", panel.fieldConfig.defaults.noValue));
}

/** Sites, gates and teams to choose from, where there is more than one. */
function offer({ variables, chosen: picked }) {
  for (const [variable, values] of Object.entries(variables)) {
    if (values.length < 2 || choose.elements[variable]) continue;
    const label = make("label", "", `${variableName(variable)} `);
    const select = make("select");
    select.name = variable;
    if (!(variable === "site" && !root.dataset.many)) select.append(new Option(root.dataset.all, ""));
    select.append(...values.map((value) => new Option(value, value)));
    select.value = picked[variable]?.[0] ?? "";
    label.append(select);
    choose.append(label);
  }
}

function variableName(variable) {
  return { site: { zh: "厂区", en: "Site" }, gate: { zh: "门岗", en: "Gate" }, team: { zh: "班组", en: "Team" } }[variable][lang];
}

function changed(event) {
  chosen.set(event.target.name, event.target.value);
  const kept = [...chosen].filter(([, value]) => value);
  location.search = String(new URLSearchParams(kept));
}

let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => shown.clear(), 200);
});
