// How a value is said and coloured, by the field configuration of Grafana's JSON. Pure.

const SPECIAL = "null+nan";

/** The defaults of a panel's fields, with what its overrides say of one name. */
export function fieldOf(panel, name) {
  const field = structuredClone(panel.fieldConfig.defaults);
  for (const { matcher, properties } of panel.fieldConfig.overrides) {
    if (matcher.options !== name) continue;
    for (const { id, value } of properties) set(field, id.split("."), value);
  }
  return field;
}

function set(at, [first, ...rest], value) {
  if (rest.length) set((at[first] ??= {}), rest, value);
  else at[first] = value;
}

/** A value's words and colour: a mapping's, else its number's. */
export function said(field, value, lang, nowMs) {
  if (value === null || value === undefined) {
    const nothing = field.mappings?.find((one) => one.options.match === SPECIAL)?.options.result;
    return { text: nothing?.text ?? field.noValue, colour: nothing?.color, mapped: true };
  }
  const mapped = field.mappings?.find((one) => one.type === "value")?.options[String(value)];
  if (mapped) return { text: mapped.text, colour: mapped.color, mapped: true };
  const colour = field.color?.mode === "fixed" ? field.color.fixedColor : stepOf(field, value);
  return { text: typeof value === "number" ? number(field, value, lang, nowMs) : String(value), colour };
}

/** The colour of the last threshold that a number reaches. */
export function stepOf(field, value) {
  let colour;
  for (const step of field.thresholds?.steps ?? []) if (step.value === null || value >= step.value) colour = step.color;
  return colour;
}

function number(field, value, lang, nowMs) {
  switch (field.unit) {
    case "celsius":
      return `${fixed(value, field.decimals ?? 1, lang)} °C`;
    case "kelvin":
      return `${fixed(value, field.decimals ?? 2, lang)} K`;
    case "percent":
      return `${fixed(value, field.decimals ?? 0, lang)} %`;
    case "decmbytes":
      return bytes(value, "MB", "GB", field.decimals, lang);
    case "decgbytes":
      return bytes(value, "GB", "TB", field.decimals, lang);
    case "s":
      return value < 0 ? "–" : lasting(value, lang);
    case "dateTimeFromNow":
      return value ? since((nowMs - value) / 1000, lang) : "–";
    case "dateTimeAsIso":
      return clock(value, lang, true);
    default:
      return fixed(value, field.decimals ?? (Number.isInteger(value) ? 0 : 1), lang);
  }
}

/** A thousand of a unit is one of the next, as Grafana has it. */
function bytes(value, unit, next, decimals, lang) {
  if (value < 0) return "–";
  const large = value >= 1000;
  return `${fixed(large ? value / 1000 : value, decimals ?? (large ? 1 : 0), lang)} ${large ? next : unit}`;
}

function fixed(value, decimals, lang) {
  const shown = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString(lang === "zh" ? "zh-CN" : "en", shown);
}

const UNITS = {
  zh: [["天", 86400], ["小时", 3600], ["分", 60], ["秒", 1]],
  en: [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]],
};

/** A duration in its two largest units. */
export function lasting(seconds, lang) {
  let left = Math.round(seconds);
  const parts = [];
  for (const [unit, length] of UNITS[lang]) {
    const n = Math.floor(left / length);
    if (n) parts.push(`${n} ${unit}`);
    left -= n * length;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || `0 ${UNITS[lang][3][0]}`;
}

function since(seconds, lang) {
  const shown = lasting(Math.max(0, seconds), lang);
  return lang === "zh" ? `${shown}前` : `${shown} ago`;
}

let zone;

/** All times are the site's. */
export function keepZone(name) {
  zone = name;
}

/** A moment in the site's own time. */
export function clock(ms, lang, withDay) {
  const shown = { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const day = withDay ? { month: "2-digit", day: "2-digit" } : {};
  return new Date(ms).toLocaleString(lang === "zh" ? "zh-CN" : "en-GB", { ...shown, ...day });
}

/** A day in the site's own time. */
export function dayOf(ms, lang) {
  const shown = { timeZone: zone, month: "2-digit", day: "2-digit" };
  return new Date(ms).toLocaleDateString(lang === "zh" ? "zh-CN" : "en-GB", shown);
}

/** White or black, whichever is read on the colour. */
export function inkOn(colour) {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour ?? "");
  if (!hex) return "";
  const parts = [0, 2, 4].map((at) => parseInt(hex[1].slice(at, at + 2), 16) / 255);
  const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.3 ? "#000" : "#fff";
}
