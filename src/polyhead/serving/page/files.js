// Texts of a file: JSON Lines with `text`, CSV or TSV with a column `text` (else the first), or a text a line.

export function csvRows(content, separator) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let i = 0; i < content.length; i += 1) {
    const character = content[i];
    if (quoted) {
      if (character !== '"') cell += character;
      else if (content[i + 1] === '"') { cell += '"'; i += 1; }
      else quoted = false;
    } else if (character === '"' && cell === "") quoted = true;
    else if (character === separator) { row.push(cell); cell = ""; }
    else if (character === "\n" || character === "\r") {
      if (character === "\r" && content[i + 1] === "\n") i += 1;
      row.push(cell);
      rows.push(row);
      row = []; cell = "";
    } else cell += character;
  }
  if (cell !== "" || row.length) rows.push([...row, cell]);
  return rows.filter((cells) => cells.some((value) => value !== ""));
}

function fromTable(content, separator) {
  const rows = csvRows(content, separator);
  const [head = []] = rows;
  const column = head.findIndex((name) => name.trim().toLowerCase() === "text");
  return column >= 0 ? rows.slice(1).map((row) => row[column] ?? "") : rows.map((row) => row[0]);
}

function fromLine(line, number) {
  let row;
  try {
    row = JSON.parse(line);
  } catch {
    throw new Error(`Line ${number} is not JSON.`);
  }
  const text = typeof row === "string" ? row : row?.text;
  if (typeof text !== "string") throw new Error(`Line ${number} has no text in the field "text".`);
  return text;
}

export function textsOf(name, content) {
  const clean = content.replace(/^\ufeff/, "");
  if (/\.csv$/i.test(name)) return fromTable(clean, ",");
  if (/\.tsv$/i.test(name)) return fromTable(clean, "\t");
  const lines = clean.split(/\r?\n/);
  const isJson = /\.(jsonl|ndjson)$/i.test(name) || /^\s*\{/.test(clean);
  return lines.map((line, index) => [line, index + 1]).filter(([line]) => line.trim())
    .map(([line, number]) => (isJson ? fromLine(line, number) : line));
}
