// The last texts with their embeddings, in this page only, and which of them are nearest.

const KEPT = 200;
const seen = new Map();

function cosine(a, b) {
  let dot = 0, lengthA = 0, lengthB = 0;
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i] * b[i];
    lengthA += a[i] * a[i];
    lengthB += b[i] * b[i];
  }
  return dot / (Math.sqrt(lengthA * lengthB) || 1);
}

export function nearest(text, embedding, model, count = 5) {
  const others = [];
  for (const item of seen.values()) {
    if (item.text !== text && item.model === model && item.embedding.length === embedding.length) {
      others.push({ text: item.text, likeness: cosine(embedding, item.embedding) });
    }
  }
  remember(text, embedding, model);
  return others.sort((a, b) => b.likeness - a.likeness).slice(0, count);
}

export function remember(text, embedding, model) {
  const key = `${model}\n${text}`;
  seen.delete(key);
  seen.set(key, { text, embedding, model });
  if (seen.size > KEPT) seen.delete(seen.keys().next().value);
}
