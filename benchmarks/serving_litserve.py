"""Rivals for `benchmarks/serving.py`: LitServe with batches of 32: `serving_litserve.py onnx|torch MODEL PORT`.

`onnx` holds our own predictor, which plans batches of its own; `torch` holds the same model as most would write it:
transformers' encoder over texts that are padded to the longest, and the heads.
"""

# LitServe is installed only to be compared with.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false
import os
import sys
from typing import Any

import litserve
import torch
import transformers

import polyhead

BATCH_TEXTS = 32
BATCH_WAIT_SECONDS = 0.005
LONGEST = 512
TASKS = ("topic", "mood", "names")
Json = dict[str, Any]


class Batching(litserve.LitAPI):
    """Batches requests by their number."""

    def decode_request(self, request: Json) -> str:
        return request["texts"][0]

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def unbatch(self, output: list[Json]) -> list[Json]:
        return output

    def encode_response(self, output: Json) -> Json:
        return {"answers": [output]}


class OurPredictor(Batching):
    """Answers with our own predictor."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe gives it
        self.predictor = polyhead.load(os.environ["SERVED_MODEL"])

    def predict(self, texts: list[str]) -> list[Json]:
        return [answer.to_json() for answer in self.predictor.predict(texts)]


class SameModel(Batching):
    """Answers with the same encoder and heads in torch."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe gives it
        torch.set_num_threads(os.cpu_count() or 1)
        folder = os.environ["SERVED_MODEL"]
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.encoder = transformers.AutoModel.from_pretrained(folder).eval()
        self.model = polyhead.MultiTaskModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def predict(self, texts: list[str]) -> list[Json]:
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        hidden = self.encoder(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).float()
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        found = {name: self.model.head(name)(hidden if name == "names" else pooled).softmax(-1) for name in TASKS}
        return [
            {name: [row.argmax(-1).tolist(), row.amax(-1).tolist()] for name, row in zip(found, rows, strict=True)}
            for rows in zip(*found.values(), strict=True)
        ]


if __name__ == "__main__":
    os.environ["SERVED_MODEL"] = sys.argv[2]
    api = {"onnx": OurPredictor, "torch": SameModel}[sys.argv[1]]
    server = litserve.LitServer(
        api(max_batch_size=BATCH_TEXTS, batch_timeout=BATCH_WAIT_SECONDS), accelerator="cpu", workers_per_device=1
    )
    server.run(host="127.0.0.1", port=int(sys.argv[3]), generate_client_file=False, log_level="error")
