// An answer as HTML. Text only ever enters as text nodes, so that nothing in it can become markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// Offsets are code points; JavaScript counts UTF-16 units, two for an emoji.
export function codePoints(text) {
  return Array.from(text);
}

export function hueOf(label) {
  let hash = 7;
  for (const character of label) hash = (hash * 31 + character.codePointAt(0)) % 9973;
  return (hash * 137) % 360;
}

function marked(content, span) {
  const percent = Math.round(100 * (span.confidence ?? 1));
  const title = `${span.label}, ${percent} %, characters ${span.start}–${span.end}`;
  const mark = element("mark", { title, class: percent < 50 ? "faint" : null, "data-label": span.label }, content);
  mark.style.setProperty("--hue", hueOf(span.label));
  return mark;
}

export function highlighted(text, spans) {
  const points = codePoints(text);
  const line = element("p", { class: "text", dir: "auto" });
  let at = 0;
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (span.start < at) continue;
    line.append(points.slice(at, span.start).join(""), marked(points.slice(span.start, span.end).join(""), span));
    at = span.end;
  }
  line.append(points.slice(at).join(""));
  return line;
}

function legend(spans) {
  const counts = new Map();
  for (const span of spans) counts.set(span.label, (counts.get(span.label) || 0) + 1);
  const list = element("ul", { class: "legend", "aria-label": "Legend" });
  for (const [label, count] of counts) {
    const mark = element("mark", {}, label);
    mark.style.setProperty("--hue", hueOf(label));
    list.append(element("li", {}, mark, ` ${count}`));
  }
  return counts.size ? list : element("p", { class: "dim" }, "None found.");
}

function bars(task) {
  const chosen = new Set(task.labels || [task.label]);
  const table = element("table", { class: "bars" });
  const ranked = Object.entries(task.scores).sort((a, b) => b[1] - a[1]);
  for (const [label, score] of ranked.slice(0, 12)) {
    const percent = `${(100 * score).toFixed(1)} %`;
    const meter = element("meter", { min: 0, max: 1, value: score, "aria-label": `${label} ${percent}` });
    table.append(element("tr", { class: chosen.has(label) ? "best" : null },
      element("th", { scope: "row", dir: "auto" }, label), element("td", {}, meter), element("td", {}, percent)));
  }
  if (ranked.length > 12) table.append(element("caption", {}, `The first 12 of ${ranked.length} labels.`));
  return table;
}

function numbers(task, described) {
  const values = Array.isArray(task.value) ? task.value : [task.value];
  const box = element("div");
  for (const value of values) {
    box.append(element("p", { class: "number" }, Number(value).toLocaleString(undefined, { maximumFractionDigits: 3 })));
    const [low, high] = described?.range || [];
    if (high > low) {
      box.append(element("meter", { min: low, max: high, value, "aria-label": `${value} between ${low} and ${high}` }),
        element("p", { class: "dim" }, `${low} to ${high}`));
    }
  }
  return box;
}

function card(name, task, described, text) {
  const box = element("article", { "data-task": name }, element("h3", {}, name));
  if (task.spans) {
    box.className = "wide";
    box.append(highlighted(text, task.spans), legend(task.spans));
  } else if (task.scores && Object.keys(task.scores).length) {
    box.append(bars(task));
  } else if ("value" in task) {
    box.append(numbers(task, described));
  } else if (task.vector) {
    box.append(element("p", {}, `${task.vector.length} numbers`));
  } else {
    const { kind, ...rest } = task;
    box.append(element("pre", {}, JSON.stringify(rest, null, 1)));
  }
  return box;
}

export function shown(answer, described) {
  const cards = element("div", { class: "cards" });
  for (const [name, task] of Object.entries(answer.tasks)) cards.append(card(name, task, described[name], answer.text));
  if (answer.truncated) cards.prepend(element("p", { class: "bad wide" }, "The text is too long for the encoder: its end was not read."));
  return cards;
}

export function brief(task) {
  if (task.spans) return task.spans.map((span) => `${span.text} (${span.label})`).join(", ");
  if (task.labels) return task.labels.join(", ");
  if ("label" in task) return `${task.label} ${Math.round(100 * task.confidence)}\u00a0%`;
  if ("value" in task) return String(task.value);
  return task.vector ? `${task.vector.length} numbers` : JSON.stringify(task);
}
