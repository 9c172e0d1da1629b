// A file of texts: asked in small requests, shown as a table, kept for download.

import { post } from "./ask.js";
import { brief, element } from "./show.js";

const TEXTS_A_REQUEST = 32;
const ROWS_SHOWN = 500;

function head(table, names) {
  // Narrow screens lay the rows out as blocks, after which only roles tell that this is a table.
  const titles = ["#", "text", ...names].map((name) => element("th", { scope: "col", role: "columnheader" }, name));
  const row = element("tr", { role: "row" }, ...titles);
  table.replaceChildren(element("thead", { role: "rowgroup" }, row), element("tbody", { role: "rowgroup" }));
}

function show(table, number, answer, names) {
  const cells = names.map((name) => element("td", { dir: "auto", role: "cell", "data-task": name }, brief(answer.tasks[name])));
  const text = element("td", { dir: "auto", role: "cell" }, answer.text);
  table.tBodies[0].append(element("tr", { role: "row" }, element("td", { role: "cell" }, String(number)), text, ...cells));
}

async function patiently(path, document, signal) {
  for (;;) {
    try {
      return await (await post(path, document, signal)).json();
    } catch (error) {
      if (!error.retry) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * error.retry));
    }
  }
}

export async function answerAll(texts, { path, tasks, table, signal, told }) {
  const lines = [];
  head(table, tasks);
  for (let begin = 0; begin < texts.length; begin += TEXTS_A_REQUEST) {
    const part = texts.slice(begin, begin + TEXTS_A_REQUEST);
    const { answers } = await patiently(path, { texts: part, tasks }, signal);
    for (const answer of answers) {
      lines.push(`${JSON.stringify(answer)}\n`);
      if (lines.length <= ROWS_SHOWN) show(table, lines.length, answer, tasks);
    }
    told(lines);
  }
  return lines;
}
