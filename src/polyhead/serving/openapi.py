"""The OpenAPI document, exact for what is served: the tasks of each model, the limits of this server."""

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from polyhead.serving.bodies import EmbeddingsBody, Options, PredictBody, TeiEmbedBody, TeiPredictBody
from polyhead.serving.lines import LINES_TYPE
from polyhead.serving.models import ServedModel
from polyhead.serving.refusals import KINDS
from polyhead.serving.routes.tei import scored_tasks
from polyhead.serving.service import Service

JSON = "application/json"
Schema = dict[str, Any]
BODIES: dict[str, type[BaseModel]] = {
    "predict": PredictBody,
    "embeddings": EmbeddingsBody,
    "embed": TeiEmbedBody,
    "tei_predict": TeiPredictBody,
}
REFUSALS = (400, 401, 403, 404, 405, 408, 413, 415, 421, 422, 500, 503, 504)
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message", "request_id"],
            "properties": {
                "type": {"type": "string", "enum": sorted(set(KINDS.values()))},
                "message": {"type": "string"},
                "request_id": {"type": "string"},
            },
        }
    },
}
ANSWER: Schema = {
    "type": "object",
    "required": ["text", "truncated", "tasks"],
    "properties": {
        "text": {"type": "string"},
        "truncated": {"type": "boolean"},
        "tasks": {"type": "object", "additionalProperties": {"type": "object", "required": ["kind"]}},
        "embedding": {"type": "array", "items": {"type": "number"}},
    },
}
ANSWERS: Schema = {
    "type": "object",
    "required": ["answers"],
    "properties": {"answers": {"type": "array", "items": ANSWER}},
}
VECTORS: Schema = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
LABELS: Schema = {"type": "array", "items": {"type": "object", "required": ["score", "label"]}}
EMBEDDINGS: Schema = {
    "type": "object",
    "required": ["object", "data", "model", "usage"],
    "properties": {
        "data": {"type": "array", "items": {"type": "object", "required": ["object", "index", "embedding"]}}
    },
}
RESULTS: dict[str, dict[str, Any]] = {
    "predict": ANSWERS,
    "embeddings": EMBEDDINGS,
    "embed": VECTORS,
    "tei_predict": {"anyOf": [LABELS, {"type": "array", "items": LABELS}]},
}


def document_of(app: FastAPI, service: Service, *, with_keys: bool) -> dict[str, Any]:
    """Describe the routes for the models that are open now: a path of its own for each model."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    models = service.models.open
    paths: dict[str, Any] = {}
    for path, item in document["paths"].items():
        if "{name}" in path:
            for model in models:
                paths[path.replace("{name}", model.name)] = _described(item, path, model, service)
        else:
            paths[path] = _described(item, path, models[0] if models else None, service)
    document["paths"] = paths
    components: dict[str, Any] = {"schemas": {"Error": ERROR}}
    document["components"] = components
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        paths["/health"]["get"]["security"] = []
    return document


def _described(item: dict[str, Any], path: str, model: ServedModel | None, service: Service) -> dict[str, Any]:
    described = copy.deepcopy(item)
    for method, operation in described.items():
        operation.pop("parameters", None)
        operation["operationId"] = f"{method}_{path.strip('/').replace('/', '_')}_{model.name if model else ''}"
        if method == "post" and not path.startswith("/admin"):
            _describe_asking(operation, path, model, service)
        responses = operation["responses"]
        responses.pop("422", None)
        refusal = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
        for status in REFUSALS:
            responses.setdefault(str(status), {"description": KINDS[status], "content": refusal})
        if path == "/metrics":
            responses["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}
        if path == "/ready":
            responses["503"] = {"description": "not ready", "content": {JSON: {"schema": {"type": "object"}}}}
        if path == "/admin/reload":
            responses["409"] = {"description": "refused", "content": {JSON: {"schema": {"type": "object"}}}}
    return described


def _describe_asking(operation: dict[str, Any], path: str, model: ServedModel | None, service: Service) -> None:
    kind = "tei_predict" if path.endswith("/tei/predict") else path.rpartition("/")[2]
    body = _limited(BODIES[kind].model_json_schema(), model, service)
    taken: Schema = {JSON: {"schema": body}}
    operation["requestBody"] = {"required": True, "content": taken}
    content: dict[str, Any] = {JSON: {"schema": RESULTS[kind]}}
    if kind == "predict":
        row = _row(service)
        options = Options.model_json_schema()["properties"]
        taken[LINES_TYPE] = {"schema": row}
        operation["description"] += f" Options of a stream, in the query: {', '.join(options)}."
        content[LINES_TYPE] = {"schema": {"type": "string"}}
    if kind == "tei_predict" and model is not None:
        schema = {"type": "string", "enum": list(scored_tasks(model))}
        needed = len(scored_tasks(model)) != 1
        operation["parameters"] = [{"name": "task", "in": "query", "required": needed, "schema": schema}]
    operation["responses"]["200"] = {"description": "the answers", "content": content}


def _row(service: Service) -> Schema:
    """Describe a row: a text, or the tokens that make one. Both are taken where the tokens are those of the text."""
    text: Schema = {"type": "string", "maxLength": service.limits.characters}
    pair: Schema = {"anyOf": [text, {"type": "null"}], "description": "The second text, for tasks about two."}
    # No schema can limit the sum of their lengths, so it tells of so many of a usual length.
    characters, usual = service.limits.characters, min(31, service.limits.characters)
    token: Schema = {"type": "string", "pattern": "[!-~]", "maxLength": usual}
    tokens: Schema = {"type": "array", "items": token, "maxItems": max(1, characters // (usual + 1))}
    ways = {"text": {"text": text, "tokens": {"type": "null"}}, "tokens": {"text": {"type": "null"}, "tokens": tokens}}
    return {
        "anyOf": [
            {"type": "object", "required": [name], "properties": {**fields, "text_pair": pair}}
            for name, fields in ways.items()
        ]
    }


def _limited(schema: dict[str, Any], model: ServedModel | None, service: Service) -> dict[str, Any]:
    """Write the limits of this server, and the words of this model, into a body's schema."""
    text = {"type": "string", "maxLength": service.limits.characters}
    texts = {"type": "array", "items": text, "maxItems": service.limits.texts}
    properties = schema["properties"]
    if "texts" in properties:
        schema.pop("$defs")
        properties["texts"].update({**texts, "items": {"anyOf": [text, _row(service)]}})
    if "input" in properties:
        properties["input"]["anyOf"] = [text, texts]
        properties["dimensions"]["anyOf"] = [{"const": model.width if model else 1}, {"type": "null"}]
        if len(service.models.names) > 1:
            properties["model"]["enum"] = ["", *service.models.names]
    if "inputs" in properties:
        pair = {"type": "array", "items": text, "minItems": 1, "maxItems": 2}
        embeds = "normalize" in properties
        properties["inputs"]["anyOf"] = (
            [text, texts] if embeds else [text, pair, {**texts, "items": pair, "minItems": 1}]
        )
    if "tasks" in properties and model is not None:
        properties["tasks"]["anyOf"][0]["items"] = {"enum": list(model.predictor.tasks)}
    return schema
