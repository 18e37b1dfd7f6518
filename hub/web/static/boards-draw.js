// Panels that are words and boxes: stat, bar gauge, table, state timeline, status history, heatmap. Text is set as
// text, never as HTML; styles are set one by one, as the page's policy wants it.

import { clock, dayOf, fieldOf, inkOn, said, stepOf } from "./boards-words.js";

const DAY_MS = 86400000;

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** What is drawn in a panel's body for its answer. Returns the elements. */
export function draw(panel, answer, about) {
  switch (panel.type) {
    case "stat":
      return [stat(panel, answer, about)];
    case "bargauge":
      return [bars(panel, answer, about)];
    case "table":
      return [table(panel, answer.table, about)];
    case "state-timeline":
    case "status-history":
      return [states(panel, answer, about)];
    case "heatmap":
      return [heatmap(panel, answer, about)];
    default:
      return [];
  }
}

function last(series) {
  for (let at = series.values.length - 1; at >= 0; at -= 1) if (series.values[at] !== null) return series.values[at];
  return null;
}

function fill(element, colour) {
  if (!colour || colour === "transparent" || colour === "text") return;
  element.style.background = colour;
  element.style.color = inkOn(colour);
}

function stat(panel, answer, { lang, now }) {
  const box = make("div", "stats");
  const many = panel.options.textMode === "value_and_name";
  const shown = answer.series.length ? answer.series : [{ name: "", values: [null] }];
  for (const series of shown) {
    const field = fieldOf(panel, series.name);
    const { text, colour } = said(field, last(series), lang, now);
    const cell = make("div", "stat");
    fill(cell, colour);
    if (many && series.name) cell.append(make("span", "stat-name", field.displayName ?? series.name));
    cell.append(make("strong", "", text));
    box.append(cell);
  }
  const link = panel.fieldConfig.defaults.links?.[0];
  if (!link) return box;
  const way = make("a", "whole");
  way.href = link.url;
  way.append(box);
  return way;
}

function bars(panel, answer, { lang, now }) {
  const box = make("div", "gauge-bars");
  const most = Math.max(1, ...answer.series.map((series) => last(series) ?? 0));
  for (const series of answer.series) {
    const field = fieldOf(panel, series.name);
    const value = last(series);
    const { text, colour } = said(field, value, lang, now);
    const row = make("div", "gauge-row");
    const track = make("div", "gauge-track");
    const bar = make("div", "gauge-bar");
    bar.style.width = `${(100 * (value ?? 0)) / most}%`;
    bar.style.background = colour ?? "";
    track.append(bar);
    row.append(make("span", "gauge-name", field.displayName ?? series.name), track, make("span", "gauge-value", text));
    box.append(row);
  }
  return answer.series.length ? box : nothing(panel);
}

function nothing(panel) {
  return make("p", "nothing-here", panel.fieldConfig.defaults.noValue);
}

/** Columns in the order and under the names that the transformation `organize` gives them. */
function organized(panel, names) {
  const { indexByName, renameByName, excludeByName } = panel.transformations[0].options;
  return names
    .map((name, at) => ({ at, name, order: indexByName[name] ?? 99, text: renameByName[name] ?? name }))
    .filter((column) => !excludeByName[column.name])
    .sort((a, b) => a.order - b.order);
}

function table(panel, data, about) {
  if (!data.rows.length) return nothing(panel);
  const columns = organized(panel, data.columns).map((column) => ({ ...column, field: fieldOf(panel, column.text) }));
  const grid = make("table", "list cells");
  const head = grid.createTHead().insertRow();
  for (const column of columns) {
    const numeric = typeof data.rows[0][column.at] === "number" && column.name !== "Time" && !column.field.mappings?.length;
    const cell = make("th", numeric ? "number" : "", column.text);
    cell.scope = "col";
    head.append(cell);
  }
  const body = grid.createTBody();
  for (const row of data.rows) {
    const line = body.insertRow();
    for (const column of columns) line.append(tableCell(column, row[column.at], about));
  }
  const scroll = make("div", "scroll");
  scroll.append(grid);
  return scroll;
}

function tableCell({ field, name, text: heading }, value, { lang, now }) {
  const { text, colour, mapped } = said(field, value, lang, now);
  const cell = make("td", typeof value === "number" && !mapped && name !== "Time" ? "number" : "");
  cell.dataset.heading = heading;
  if (field.custom?.cellOptions?.type === "color-background") fill(cell, colour);
  const link = field.links?.[0];
  if (link && value !== null) {
    const way = make("a", "", text);
    way.href = ours(link.url.replace("${__value.raw}", encodeURIComponent(value)));
    cell.append(way);
  } else cell.textContent = value === null ? "–" : text;
  return cell;
}

/** Grafana's address of a board of ours, as the console has it. */
function ours(url) {
  const found = /^\/d\/menshen-(\w+)-\w+\?var-site=(.*)$/.exec(url);
  return found ? `/boards/${found[1]}?site=${found[2]}` : url;
}

function states(panel, answer, { lang, now }) {
  if (!answer.series.length) return nothing(panel);
  const history = panel.type === "status-history";
  const every = history ? DAY_MS : 3600000;
  const box = make("div", "states");
  for (const series of answer.series) {
    const field = fieldOf(panel, series.name);
    const row = make("div", "state-row");
    const track = make("div", "state-track");
    for (const part of history ? single(series, every) : runs(series, field, every, answer.to)) {
      const { text, colour } = said(field, part.value, lang, now);
      const cell = make("div", "state-part", text);
      const from = Math.max(part.from, answer.from);
      const until = Math.min(part.until, answer.to);
      cell.style.left = `${(100 * (from - answer.from)) / (answer.to - answer.from)}%`;
      cell.style.width = `calc(${(100 * Math.max(0, until - from)) / (answer.to - answer.from)}% - 2px)`;
      cell.title = `${series.name} · ${clock(part.from, lang, true)} · ${text}`;
      fill(cell, colour);
      track.append(cell);
    }
    row.append(make("span", "state-name", field.displayName ?? series.name), track);
    box.append(row);
  }
  box.append(axis(answer, lang));
  return box;
}

function single(series, every) {
  return series.times.map((from, at) => ({ from, until: from + every, value: series.values[at] }));
}

/** Neighbouring buckets of one state as one part. */
function runs(series, field, every, to) {
  const parts = [];
  series.times.forEach((from, at) => {
    const before = parts.at(-1);
    const value = series.values[at];
    if (before && before.value === value && before.until === from) before.until = Math.min(from + every, to);
    else parts.push({ from, until: Math.min(from + every, to), value });
  });
  return parts;
}

/** A few times under what has no axis of its own. */
function axis({ from, to }, lang) {
  const row = make("div", "state-row state-axis");
  const track = make("div", "state-track");
  const days = to - from > 3 * DAY_MS;
  for (let n = 0; n < 5; n += 1) {
    const at = from + ((to - from) * (n + 0.5)) / 5;
    const mark = make("span", "state-time", days ? dayOf(at, lang) : clock(at, lang, true));
    mark.style.left = `${10 + 20 * n}%`;
    track.append(mark);
  }
  row.append(make("span", "state-name"), track);
  return row;
}

function heatmap(panel, answer, { lang }) {
  if (!answer.series.length) return nothing(panel);
  const hour = 3600000;
  const bins = answer.series.map((series) => Number(series.name)).sort((a, b) => b - a);
  const step = 0.2;
  const rows = Math.round((bins[0] - bins.at(-1)) / step) + 1;
  const columns = Math.ceil((answer.to - answer.from) / hour);
  const most = Math.max(1, ...answer.series.flatMap((series) => series.values));
  const box = make("div", "heat");
  const sheet = make("div", "heat-cells");
  for (const series of answer.series) {
    const row = Math.round((bins[0] - Number(series.name)) / step);
    series.values.forEach((value, at) => {
      if (!value) return;
      const cell = make("div", "heat-cell");
      cell.style.left = `${(100 * (series.times[at] - answer.from)) / (answer.to - answer.from)}%`;
      cell.style.width = `${100 / columns}%`;
      cell.style.top = `${(100 * row) / rows}%`;
      cell.style.height = `${100 / rows}%`;
      cell.style.opacity = String(0.15 + 0.85 * Math.sqrt(value / most));
      cell.title = `${series.name} °C · ${clock(series.times[at], lang, true)} · ${value}`;
      sheet.append(cell);
    });
  }
  const scale = make("div", "heat-scale");
  for (let n = 0; n <= 4; n += 1) {
    const label = make("span", "", `${(bins[0] + step - (n * rows * step) / 4).toFixed(1)} °C`);
    label.style.top = `${25 * n}%`;
    scale.append(label);
  }
  for (const { value, color } of panel.fieldConfig.defaults.thresholds.steps) {
    const down = (bins[0] + step - value) / (rows * step);
    if (value === null || down < 0 || down > 1) continue;
    const limit = make("div", "heat-limit");
    limit.style.top = `${100 * down}%`;
    limit.style.borderColor = color;
    limit.title = `${value} °C`;
    sheet.append(limit);
  }
  box.append(scale, sheet, axis(answer, lang));
  return box;
}

export { stepOf };
