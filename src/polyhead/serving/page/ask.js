// One way to ask the server; errors come back in its own words.

export function address(model, route) {
  return model ? `/models/${encodeURIComponent(model)}/${route}` : `/${route}`;
}

async function refused(response) {
  let message = `The server answered ${response.status}.`;
  try {
    message = (await response.json()).error.message;
  } catch {
    // A proxy in between may answer without JSON.
  }
  return new Error(message);
}

export async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw await refused(response);
  return response.json();
}

export async function post(path, document, signal) {
  const body = JSON.stringify(document);
  const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body, signal });
  if (!response.ok) {
    const error = await refused(response);
    error.retry = response.status === 503 ? Number(response.headers.get("retry-after")) || 1 : 0;
    throw error;
  }
  return response;
}

export function timing(response) {
  const stages = {};
  for (const part of (response.headers.get("server-timing") || "").split(",")) {
    const [name, duration] = part.trim().split(";dur=");
    if (duration) stages[name] = Number(duration);
  }
  return { stages, tokens: Number(response.headers.get("x-tokens") || 0) };
}
