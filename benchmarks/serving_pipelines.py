"""A rival for `benchmarks/serving.py`: three `pipeline`s, one request at a time: `serving_pipelines.py MODEL PORT`."""

import sys
from typing import Any

import fastapi
import transformers
import uvicorn


def serve_pipelines(model: str, port: int) -> None:
    """Serve three `pipeline`s of three models of the same shape, one request at a time."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    of: dict[Any, Any] = {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "token-classification": transformers.AutoModelForTokenClassification,
    }
    kinds: list[Any] = ["text-classification", "text-classification", "token-classification"]
    pipelines = [
        transformers.pipeline(kind, model=of[kind].from_pretrained(model, num_labels=count), tokenizer=tokenizer)
        for kind, count in zip(kinds, (4, 3, 9), strict=True)
    ]
    app = fastapi.FastAPI()

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {}

    @app.post("/predict")
    async def predict(body: dict[str, Any]) -> dict[str, Any]:
        return {"answers": [str(pipeline(body["texts"][0])) for pipeline in pipelines]}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    serve_pipelines(sys.argv[1], int(sys.argv[2]))
