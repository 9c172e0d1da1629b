"""A rival for `benchmarks/serving.py`: LitServe around the same predictor: `serving_litserve.py ENGINE MODEL PORT`."""

import os
import sys

import litserve

import polyhead

BATCH_TEXTS = 32
BATCH_WAIT_SECONDS = 0.005


class Api(litserve.LitAPI):
    """Answers with our own predictor; requests are batched by their number."""

    def setup(self, device: str) -> None:  # noqa: ARG002  LitServe gives it
        self.predictor = polyhead.load(os.environ["SERVED_MODEL"], engine=os.environ["SERVED_ENGINE"])

    def decode_request(self, request: dict) -> str:
        return request["texts"][0]

    def batch(self, inputs: list[str]) -> list[str]:
        return inputs

    def predict(self, texts: list[str]) -> list[dict]:
        return [answer.to_json() for answer in self.predictor.predict(texts)]

    def unbatch(self, output: list[dict]) -> list[dict]:
        return output

    def encode_response(self, output: dict) -> dict:
        return {"answers": [output]}


if __name__ == "__main__":
    os.environ["SERVED_ENGINE"], os.environ["SERVED_MODEL"] = sys.argv[1:3]
    server = litserve.LitServer(Api(max_batch_size=BATCH_TEXTS, batch_timeout=BATCH_WAIT_SECONDS), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[3]), generate_client_file=False, log_level="error")
