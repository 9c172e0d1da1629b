"""A rival for `benchmarks/serving.py`: three `pipeline`s, one request at a time: `serving_pipelines.py MODEL PORT`."""

import sys

import fastapi
import transformers
import uvicorn


def serve_pipelines(model: str, port: int) -> None:
    """Serve three `pipeline`s of three models of the same shape, one request at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    of = {"text-classification": transformers.AutoModelForSequenceClassification}
    of["token-classification"] = transformers.AutoModelForTokenClassification
    pipelines = [
        transformers.pipeline(kind, model=of[kind].from_pretrained(model, num_labels=labels), tokenizer=tokenizer)
        for kind, labels in (("text-classification", 4), ("text-classification", 3), ("token-classification", 9))
    ]
    app = fastapi.FastAPI()

    @app.get("/health")
    async def health() -> dict:
        return {}

    @app.post("/predict")
    async def predict(body: dict) -> dict:
        return {"answers": [str(pipeline(body["texts"][0])) for pipeline in pipelines]}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    serve_pipelines(sys.argv[1], int(sys.argv[2]))
