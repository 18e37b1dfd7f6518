// Time series by uPlot: lines, bars (beside or on each other) and points, with marks and bands of thresholds.

import { clock, dayOf, fieldOf, said } from "./boards-words.js";

const PALETTE = ["#74797f", "#5b9bd5", "#d58a2d", "#8e6bb0", "#a9adb3", "#1d5c8c", "#8a5a12", "#b79ad0"];
const GAP = 0.15;

/** A chart of the answer in `box`, or null where there is nothing. */
export function chart(box, panel, answer, marks, { lang, now }) {
  if (!answer.series.length) return null;
  const custom = panel.fieldConfig.defaults.custom;
  const bars = custom.drawStyle === "bars";
  const fields = answer.series.map((series, at) => {
    const field = fieldOf(panel, series.name);
    const colour = field.color.mode === "fixed" ? field.color.fixedColor : PALETTE[at % PALETTE.length];
    return { field, colour, name: field.displayName ?? series.name };
  });
  const times = [...new Set(answer.series.flatMap((series) => series.times))].sort((a, b) => a - b);
  const columns = answer.series.map((series) => column(series, times, bars));
  const stacked = custom.stacking?.mode === "normal";
  const data = [times.map((ms) => ms / 1000), ...(stacked ? stack(columns) : columns)];
  const style = getComputedStyle(box);
  const ink = style.getPropertyValue("--soft");
  const grid = { stroke: style.getPropertyValue("--line"), width: 1 };
  const font = `12px ${style.fontFamily}`;
  const width = times.length > 1 ? Math.min(...times.slice(1).map((ms, at) => ms - times[at])) / 1000 : 3600;
  const options = {
    width: box.clientWidth,
    height: Math.max(80, box.clientHeight - legendHeight(fields, box.clientWidth)),
    legend: { show: false },
    cursor: { points: { show: !bars }, drag: { x: false, y: false } },
    scales: {
      x: { time: true, range: () => [answer.from / 1000, Math.max(answer.to, times.at(-1) + (bars ? width * 1000 : 0)) / 1000] },
      y: { range: (_u, low, high) => range(panel, low, high, bars) },
    },
    axes: [
      { stroke: ink, grid: { show: false }, font, values: (_u, at) => at.map((s) => tick(s * 1000, answer, lang)) },
      { stroke: ink, grid, font, size: 62, values: (u, at) => at.map((value) => axisText(fields[0].field, value, lang)) },
    ],
    series: [{}, ...fields.map((one, at) => line(one, bars, at, fields.length, stacked, width))],
    hooks: { drawClear: [(u) => bands(u, panel)], draw: [(u) => drawMarks(u, marks)], setCursor: [(u) => tip(u)] },
  };
  if (stacked) options.bands = fields.slice(1).map((_one, at) => ({ series: [at + 2, at + 1] })).filter(() => false);
  const note = box.appendChild(document.createElement("p"));
  note.className = "tip";
  const tip = (u) => tell(u, note, times, answer, fields, columns, lang, now);
  const made = new uPlot(options, data, box);
  box.append(legend(fields));
  return made;
}

function column(series, times, bars) {
  const known = new Map(series.times.map((ms, at) => [ms, series.values[at]]));
  return times.map((ms) => known.get(ms) ?? (bars ? 0 : null));
}

/** Each column on top of those before it, the last the highest; drawn in the reverse order. */
function stack(columns) {
  const sums = columns[0].map(() => 0);
  return columns.map((values) => values.map((value, at) => (sums[at] += value ?? 0)));
}

function line({ field, colour }, bars, at, count, stacked, width) {
  const custom = field.custom ?? {};
  const common = { stroke: colour, points: { show: false } };
  if (custom.drawStyle === "points")
    return { ...common, paths: () => null, points: { show: true, size: 9, fill: colour, stroke: colour } };
  if (bars) return { ...common, width: 0, fill: colour, paths: boxes(at, stacked ? 1 : count, stacked, width) };
  return { ...common, width: 2, spanGaps: false, points: { show: true, size: 4, fill: colour, stroke: colour } };
}

/** Boxes from each bucket's beginning on, beside each other or from the sum below to the sum above. */
function boxes(place, count, stacked, width) {
  return (u, index) => {
    const fill = new Path2D();
    const share = (1 - GAP) / count;
    u.data[0].forEach((second, at) => {
      const top = u.data[index][at];
      const low = stacked && index > 1 ? u.data[index - 1][at] : 0;
      if (top === null || top === low) return;
      const left = u.valToPos(second + width * (GAP / 2 + (stacked ? 0 : place * share)), "x", true);
      const right = u.valToPos(second + width * (GAP / 2 + (stacked ? 1 - GAP : (place + 1) * share)), "x", true);
      const from = u.valToPos(low, "y", true);
      const to = u.valToPos(top, "y", true);
      fill.rect(left, to, Math.max(1, right - left), Math.max(1, from - to));
    });
    return { stroke: null, fill, clip: null, band: null, gaps: null, flags: 0 };
  };
}

function range(panel, low, high, bars) {
  const { min, max, thresholds, custom } = panel.fieldConfig.defaults;
  let from = low ?? 0;
  let to = high ?? 1;
  if (custom.thresholdsStyle?.mode !== "off") {
    const steps = thresholds.steps.map((step) => step.value).filter((value) => value !== null);
    from = Math.min(from, ...steps);
    to = Math.max(to, ...steps);
  }
  const air = (to - from || 1) * 0.08;
  return [min ?? (bars ? 0 : from - air), max ?? to + air];
}

function bands(u, panel) {
  const { thresholds, custom } = panel.fieldConfig.defaults;
  if (custom.thresholdsStyle?.mode === "off" || !custom.thresholdsStyle) return;
  const { left, top, width, height } = u.bbox;
  const steps = thresholds.steps;
  u.ctx.save();
  steps.forEach((step, at) => {
    const low = step.value === null ? top + height : u.valToPos(step.value, "y", true);
    const high = steps[at + 1] ? u.valToPos(steps[at + 1].value, "y", true) : top;
    u.ctx.globalAlpha = 0.16;
    u.ctx.fillStyle = step.color;
    const from = Math.min(top + height, Math.max(top, high));
    const to = Math.min(top + height, Math.max(top, low));
    u.ctx.fillRect(left, from, width, to - from);
  });
  u.ctx.restore();
}

function drawMarks(u, marks) {
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  for (const mark of marks.filter((one) => one.shown)) {
    u.ctx.strokeStyle = mark.colour;
    u.ctx.setLineDash([4, 4]);
    u.ctx.globalAlpha = 0.7;
    for (const { time } of mark.at) {
      const x = u.valToPos(time / 1000, "x", true);
      if (x < left || x > left + width) continue;
      u.ctx.beginPath();
      u.ctx.moveTo(x, top);
      u.ctx.lineTo(x, top + height);
      u.ctx.stroke();
    }
  }
  u.ctx.restore();
}

function tick(ms, { from, to }, lang) {
  return to - from > 3 * 86400000 ? dayOf(ms, lang) : clock(ms, lang, false);
}

function axisText(field, value, lang) {
  if (!Number.isInteger(value) && field.decimals === 0) return "";
  return said({ ...field, mappings: [], color: {} }, value, lang, 0).text;
}

function legend(fields) {
  const list = document.createElement("ul");
  list.className = "legend";
  for (const { name, colour } of fields) {
    const item = document.createElement("li");
    const key = document.createElement("span");
    key.className = "legend-key";
    key.style.background = colour;
    item.append(key, name);
    list.append(item);
  }
  return list;
}

function legendHeight(fields, width) {
  const letters = fields.reduce((sum, { name }) => sum + [...name].length * 9 + 34, 0);
  return 22 * Math.max(1, Math.ceil(letters / Math.max(1, width)));
}

/** What stands under the pointer, in words. */
function tell(u, note, times, answer, fields, columns, lang, now) {
  const at = u.cursor.idx;
  if (at === null || at === undefined) {
    note.textContent = "";
    return;
  }
  const parts = fields
    .map(({ field, name }, place) => [name, columns[place][at], field])
    .filter(([, value]) => value !== null && value !== 0)
    .map(([name, value, field]) => `${name} ${said(field, value, lang, now).text}`);
  const when = answer.to - answer.from > 3 * 86400000 ? dayOf(times[at], lang) : clock(times[at], lang, true);
  note.textContent = [when, ...parts].join(" · ");
}
