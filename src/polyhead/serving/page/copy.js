// A request as something to paste elsewhere, and as a link to this page.

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function asCurl(path, document) {
  const lines = [`curl ${quoted(location.origin + path)}`, "-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(document))}`];
  return lines.join(" \\\n  ");
}

// JSON's strings, numbers and lists are Python's; its words are not.
function asLiteral(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(asLiteral).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${asLiteral(v)}`).join(", ")}}`;
  return JSON.stringify(value);
}

export function asPython(path, document) {
  return [
    "import json, urllib.request",
    "",
    `document = ${asLiteral(document)}`,
    `request = urllib.request.Request(${JSON.stringify(location.origin + path)}, json.dumps(document).encode(), {"content-type": "application/json"})`,
    "print(json.load(urllib.request.urlopen(request)))",
  ].join("\n");
}

// The fragment of an address never leaves the browser.
export function asLink(text, tasks) {
  const fragment = new URLSearchParams({ text });
  if (tasks) fragment.set("tasks", tasks.join(","));
  return `${location.origin}/#${fragment}`;
}

export function fromLink() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const tasks = fragment.get("tasks");
  return { text: fragment.get("text"), tasks: tasks === null ? null : tasks.split(",") };
}

export async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that are not on this machine or on HTTPS have no clipboard.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
