// The page: what a person does, and what happens then.

import { address, get, post, timing } from "./ask.js";
import { answerAll } from "./batch.js";
import { asCurl, asLink, asPython, fromLink, toClipboard } from "./copy.js";
import { textsOf } from "./files.js";
import { nearest } from "./neighbours.js";
import { element, shown } from "./show.js";

const part = (name) => document.getElementById(name);
let models = [];
let asking = null;
let running = null;
let downloaded = null;

function say(message, bad = false, place = "status") {
  part(place).textContent = message;
  part(place).classList.toggle("bad", bad);
}

function model() {
  return models.find((known) => known.model === part("model").value) || models[0];
}

function route() {
  return address(models.length > 1 ? model().model : "", "predict");
}

function chosenTasks() {
  return [...document.querySelectorAll("#tasks input:checked")].map((box) => box.value);
}

function request(text) {
  const tasks = chosenTasks();
  const all = tasks.length === Object.keys(model().tasks).length;
  return all ? { texts: [text] } : { texts: [text], tasks };
}

function offerTasks(wanted = null) {
  document.querySelectorAll("#tasks label").forEach((label) => label.remove());
  for (const name of Object.keys(model().tasks)) {
    const box = element("input", { type: "checkbox", value: name, checked: wanted === null || wanted.includes(name) });
    part("tasks").append(element("label", {}, box, name));
  }
}

function showNeighbours(found) {
  part("near").hidden = found.length === 0;
  const items = found.map(({ text, likeness }) => element("li", { dir: "auto" }, text.slice(0, 300), element("span", { class: "dim" }, ` ${likeness.toFixed(2)}`)));
  part("neighbours").replaceChildren(...items);
}

async function answer() {
  const text = part("text").value;
  if (!models.length || !text) return say("Type a text first.", true);
  asking?.abort();
  const mine = asking = new AbortController();
  say("Asking…");
  const began = performance.now();
  try {
    const response = await post(route(), { ...request(text), return_embedding: true }, mine.signal);
    const found = (await response.json()).answers[0];
    const { tokens, stages } = timing(response);
    const round = (performance.now() - began).toFixed(0);
    part("result").replaceChildren(shown(found, model().tasks));
    showNeighbours(nearest(text, found.embedding, model().model));
    say(`${tokens} tokens, ${(stages.total || 0).toFixed(1)} ms in the server (${(stages.run || 0).toFixed(1)} ms in the encoder), ${round} ms in all.`);
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
  }
  return undefined;
}

async function open(file) {
  part("file-section").hidden = false;
  running?.abort();
  const mine = running = new AbortController();
  part("download").hidden = true;
  part("stop").hidden = false;
  let lines = [];
  try {
    const texts = textsOf(file.name, await file.text());
    if (!texts.length) throw new Error("it holds no texts.");
    part("progress").max = texts.length || 1;
    const told = (done) => {
      lines = done;
      part("progress").value = done.length;
      say(`${done.length} of ${texts.length} texts answered.`, false, "file-status");
    };
    told([]);
    await answerAll(texts, { path: route(), tasks: chosenTasks(), table: part("table"), signal: mine.signal, told });
  } catch (error) {
    const message = error.name === "AbortError" ? `Stopped after ${lines.length} texts.` : `${file.name}: ${error.message}`;
    say(message, error.name !== "AbortError", "file-status");
  }
  if (mine !== running) return;
  part("stop").hidden = true;
  if (lines.length) offerDownload(lines);
}

function offerDownload(lines) {
  if (downloaded) URL.revokeObjectURL(downloaded);
  downloaded = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  part("download").href = downloaded;
  part("download").hidden = false;
}

async function copy(made, what) {
  say((await toClipboard(made)) ? `Copied ${what}.` : made);
}

function listenToFiles() {
  part("file").addEventListener("change", () => {
    const [file] = part("file").files;
    if (file) open(file);
    part("file").value = "";
  });
  part("stop").addEventListener("click", () => running?.abort());
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    part("text").classList.add("over");
  });
  document.addEventListener("dragleave", () => part("text").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    part("text").classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    open(file);
  });
}

function listen() {
  part("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    answer();
  });
  part("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) answer();
  });
  part("tasks").addEventListener("change", () => part("text").value && answer());
  part("model").addEventListener("change", () => offerTasks());
  part("share").addEventListener("click", () => {
    const link = asLink(part("text").value, request("").tasks);
    history.replaceState(null, "", link);
    copy(link, "the link");
  });
  part("curl").addEventListener("click", () => copy(asCurl(route(), request(part("text").value)), "as curl"));
  part("python").addEventListener("click", () => copy(asPython(route(), request(part("text").value)), "as Python"));
  listenToFiles();
}

async function begin() {
  listen();
  try {
    models = (await get("/models")).models;
  } catch (error) {
    return say(error.message, true);
  }
  if (!models.length) {
    say("The server is loading its models…");
    return setTimeout(() => location.reload(), 1000);
  }
  part("model").append(...models.map((known) => element("option", { value: known.model }, known.model)));
  part("model-row").hidden = models.length < 2;
  const link = fromLink();
  offerTasks(link.tasks);
  if (link.text) {
    part("text").value = link.text;
    await answer();
  }
  return document.body.setAttribute("data-ready", "");
}

begin();
