// The OpenAPI document as a page.

import { get } from "./ask.js";
import { element } from "./show.js";

function schemas(title, content) {
  return Object.entries(content || {}).map(([type, { schema }]) =>
    element("details", {}, element("summary", {}, `${title} (${type})`), element("pre", { tabindex: 0 }, JSON.stringify(schema, null, 2))));
}

function operation(method, path, described) {
  const parameters = (described.parameters || []).map(({ name, required, schema }) =>
    element("li", {}, element("code", {}, `?${name}=`), ` ${required ? "needed" : "optional"} ${(schema.enum || []).join(" | ")}`));
  const statuses = Object.entries(described.responses).filter(([status]) => status !== "200")
    .map(([status, { description }]) => `${status} ${description.replaceAll("_", " ")}`);
  return element("section", {},
    element("h2", {}, element("code", {}, `${method.toUpperCase()} ${path}`)),
    ...(described.description || "").split("\n\n").map((paragraph) => element("p", {}, paragraph)),
    element("ul", {}, ...parameters),
    ...schemas("Body", described.requestBody?.content),
    ...schemas("Answer", described.responses["200"]?.content),
    element("p", { class: "dim" }, `Otherwise: ${statuses.join(", ")}.`));
}

get("/openapi.json").then(({ paths }) => {
  const sections = Object.entries(paths).flatMap(([path, item]) => Object.entries(item).map(([method, described]) => operation(method, path, described)));
  document.getElementById("routes").replaceChildren(...sections);
}, (error) => {
  document.getElementById("routes").replaceChildren(element("p", { class: "bad" }, error.message));
});
