"""The documents that clients send: what they may hold, and how they are read without echoing a word of them."""

import asyncio
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, ValidationError
from starlette.requests import Request

from polyhead.errors import did_you_mean
from polyhead.serving.forms import AnswerForm
from polyhead.serving.intake import media_type
from polyhead.serving.refusals import RefusedError
from polyhead.text.passages import read_passage
from polyhead.text.tokenized import Passage

FAULTS_SHOWN = 5
LARGE = 128 * 1024
"""Bytes above which a body is read on a thread, so that other requests do not wait for it."""

Strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Lenient = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)
MOST_SCORES = 1_000_000


def _whole(value: object) -> object:
    """Take 3.0 for 3: JSON has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Share = Annotated[float, Field(ge=0, le=1)]
Number = Annotated[int, BeforeValidator(_whole)]
ScoreCount = Annotated[int, Field(ge=1, le=MOST_SCORES), BeforeValidator(_whole)]
Shape = TypeVar("Shape", bound=BaseModel)


class Options(BaseModel):
    """What is asked about texts; none of it changes the type of a field of an answer."""

    model_config = Strict

    tasks: list[str] | None = Field(None, description="Which tasks to answer; all when absent.")
    threshold: Share | None = Field(None, description="Leave out spans, labels and scores below it.")
    top_k: ScoreCount | None = Field(None, description="Only the highest scores of each task.")
    return_scores: bool = Field(True, description="Whether `scores` holds any.")  # noqa: FBT003
    return_embedding: bool = Field(False, description="Whether each answer holds the embedding.")  # noqa: FBT003

    def to_form(self) -> AnswerForm:
        """Return how the answers are to look."""
        return AnswerForm(
            threshold=self.threshold,
            top_k=self.top_k,
            return_scores=self.return_scores,
            return_embedding=self.return_embedding,
        )


class RowBody(BaseModel):
    """A row: a text, alone or with a second one or its tokens; its other fields, such as labels, are not read."""

    model_config = Lenient

    text: str | None = None
    text_pair: str | None = Field(None, description="The second text, for tasks about two.")
    tokens: list[str] | None = Field(None, description="The tokens that `tagging` answers; alone, they make the text.")

    def to_passage(self) -> str | Passage:
        """Return what the encoder reads.

        Raises:
            RefusedError: there is no text, or the tokens are not those of the text.
        """
        passage = read_passage(self.model_dump(), [])
        if passage is None:
            rule = "a row must hold a `text`, or `tokens` that are more than white space and follow each other in it."
            raise RefusedError(422, rule)
        return passage


TextOrRow = Annotated[
    Annotated[str, Tag("string")] | Annotated[RowBody, Tag("object")],
    Discriminator(lambda value: "object" if isinstance(value, dict) else "string"),
]


class PredictBody(Options):
    """Texts, and what is asked about them."""

    texts: list[TextOrRow] = Field(description="The texts, in any language, empty ones too; or rows.")

    def to_passages(self) -> list[str | Passage]:
        """Return what the encoder reads.

        Raises:
            RefusedError: a row holds no text, or tokens that are not those of its text.
        """
        return [text if isinstance(text, str) else text.to_passage() for text in self.texts]


class EmbeddingsBody(BaseModel):
    """OpenAI's shape for embeddings."""

    model_config = Lenient

    input: str | list[str] = Field(description="One text, or a list of them. Token ids are not taken.")
    model: str = Field("", description="A served model; ignored while there is only one.")
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Number | None = Field(None, description="Must be the model's own width.")
    user: str | None = None


class TeiEmbedBody(BaseModel):
    """The shape of text-embeddings-inference for embeddings."""

    model_config = Lenient

    inputs: str | list[str]
    normalize: bool = True
    truncate: bool = Field(False, description="Cut texts that are too long instead of refusing.")  # noqa: FBT003


class TeiPredictBody(BaseModel):
    """The shape of text-embeddings-inference for classification: a text, a pair, or a batch `[["a"], ["b"]]`."""

    model_config = Lenient

    inputs: str | list[list[str]] | list[str]
    truncate: bool = Field(False, description="Cut texts that are too long instead of refusing.")  # noqa: FBT003


async def read_body(request: Request, shape: type[Shape]) -> Shape:
    """Read the JSON document of a request.

    Raises:
        RefusedError: it is no JSON, or not what the route takes; the message tells where, not what was there.
    """
    kind = media_type(request.scope)
    if kind != b"application/json":
        raise RefusedError(415, "a body must be JSON. Send it with `Content-Type: application/json`.")
    content = await request.body()
    if len(content) > LARGE:
        return await asyncio.to_thread(parse, content, shape)
    return parse(content, shape)


def parse(content: bytes, shape: type[Shape]) -> Shape:
    """Turn bytes into a document, or say what is wrong with them."""
    try:
        return shape.model_validate_json(content)
    except ValidationError as error:
        raise _refusal(error, shape) from None


def read_query(request: Request, shape: type[Shape]) -> Shape:
    """Read the options of a stream from the query; `tasks` are names with commas between.

    Raises:
        RefusedError: an option is unknown or wrong.
    """
    given: dict[str, Any] = dict(request.query_params)
    if "tasks" in given:
        given["tasks"] = [name.strip() for name in given["tasks"].split(",") if name.strip()]
    try:
        return shape.model_validate(given, strict=False)
    except ValidationError as error:
        raise _refusal(error, shape) from None


def _refusal(error: ValidationError, shape: type[BaseModel]) -> RefusedError:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return RefusedError(400, "a body must be one JSON document in UTF-8, without NaN and lone surrogates.")
    known = tuple(shape.model_fields)
    return RefusedError(422, " ".join(_told(fault, known) for fault in faults[:FAULTS_SHOWN]))


def _told(fault: Any, known: tuple[str, ...]) -> str:  # noqa: ANN401  pydantic's own record
    if not fault["loc"]:
        return "a body must be a JSON object."
    first, *rest = fault["loc"]
    if first not in known:
        allowed = ", ".join(f"`{name}`" for name in known)
        return f"keys must be among {allowed}. Found another one{did_you_mean(str(first), known)}"
    # The names of a union's members stand in the path too; list positions and fields of rows help the caller.
    named = RowBody.model_fields.keys()
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" * (part in named) for part in rest)
    message = str(fault["msg"])
    return f"`{first}{place}`: {message[:1].lower()}{message[1:]}."
