"""`polyhead serve`: models behind HTTP, and a page to try them."""
# ruff: noqa: ARG001  the limits among the options are read from the context, by the names that their record gives them

import os
from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polyhead.errors import MissingExtraError, UsageError
from polyhead.serving.limits import Limits

if TYPE_CHECKING:
    from polyhead.serving.app import Access
    from polyhead.serving.server import Server

PACKAGES = ("fastapi", "uvicorn", "prometheus_client")
DEFAULT = Limits()
BATCH_TOKENS = 512
"""Padded tokens of a batch: small batches keep a processor's activations in its cache."""

COLLECT_BYTES = 64 * 1024 * 1024


SECONDS = ("queue", "request", "header", "body", "idle", "drain")
LEAST_SECONDS = 0.001

BOUNDS: Mapping[str, tuple[float, float | None]] = {
    "--port": (0, 65535),
    "--workers": (1, None),
    "--batch-tokens": (1, None),
    "--collect-below": (0, 1),
    "--collect-bytes": (1, None),
    "--drain-notice": (0, None),
    **dict.fromkeys(("--max-body-bytes", "--max-stream-bytes", "--max-texts", "--max-characters"), (1, None)),
    **dict.fromkeys(("--queue-texts", "--max-connections"), (1, None)),
    **dict.fromkeys((f"--{name}-seconds" for name in SECONDS), (LEAST_SECONDS, None)),
}
"""The least and the highest value of an option."""


def option(name: str, text: str) -> Any:  # noqa: ANN401  what Typer calls an option has no public type
    """Name an option of the command, and say what it is for."""
    least, most = BOUNDS.get(name, (None, None))
    return typer.Option(name, help=text, min=least, max=most)


def serve(  # noqa: PLR0913  one parameter an option
    context: typer.Context,
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Model folders, each as FOLDER or NAME=FOLDER.")
    ],
    *,
    host: Annotated[str, option("--host", "Address; another one needs a key or --insecure.")] = "127.0.0.1",
    port: Annotated[int, option("--port", "Port; 0 takes a free one, which the log tells.")] = 8000,
    insecure: Annotated[bool, option("--insecure", "Let in everyone who can reach the address.")] = False,
    api_key_file: Annotated[Path | None, option("--api-key-file", "API keys, one a line, or their hashes.")] = None,
    admin_key_file: Annotated[Path | None, option("--admin-key-file", "Keys that may also reload models.")] = None,
    cors_origin: Annotated[list[str] | None, option("--cors-origin", "Site whose pages may ask; repeatable.")] = None,
    allow_host: Annotated[list[str] | None, option("--allow-host", "Name that `Host` may give; repeatable.")] = None,
    engine: Annotated[str | None, option("--engine", "What runs the models. Default: the best.")] = None,
    workers: Annotated[int | None, option("--workers", "Inference threads. Default: one a core.")] = None,
    batch_tokens: Annotated[int, option("--batch-tokens", "Tokens of a batch, padding included.")] = BATCH_TOKENS,
    collect: Annotated[Path | None, option("--collect", "Append uncertain texts to this file.")] = None,
    collect_below: Annotated[float, option("--collect-below", "Confidence under which they are.")] = 0.5,
    collect_bytes: Annotated[int, option("--collect-bytes", "How long that file may grow.")] = COLLECT_BYTES,
    drain_notice: Annotated[float, option("--drain-notice", "Seconds of service after SIGTERM, not ready.")] = 0.0,
    body_bytes: Annotated[int, option("--max-body-bytes", "Longest body or line.")] = DEFAULT.body_bytes,
    stream_bytes: Annotated[int, option("--max-stream-bytes", "Longest stream of lines.")] = DEFAULT.stream_bytes,
    texts: Annotated[int, option("--max-texts", "Texts of a request.")] = DEFAULT.texts,
    characters: Annotated[int, option("--max-characters", "Characters of a text.")] = DEFAULT.characters,
    queue_texts: Annotated[int, option("--queue-texts", "Texts that may wait.")] = DEFAULT.queue_texts,
    queue_seconds: Annotated[float, option("--queue-seconds", "Longest wait.")] = DEFAULT.queue_seconds,
    request_seconds: Annotated[float, option("--request-seconds", "Slowest answer.")] = DEFAULT.request_seconds,
    header_seconds: Annotated[float, option("--header-seconds", "Slowest head.")] = DEFAULT.header_seconds,
    body_seconds: Annotated[float, option("--body-seconds", "Slowest body.")] = DEFAULT.body_seconds,
    idle_seconds: Annotated[float, option("--idle-seconds", "Longest pause.")] = DEFAULT.idle_seconds,
    connections: Annotated[int, option("--max-connections", "Open connections.")] = DEFAULT.connections,
    drain_seconds: Annotated[float, option("--drain-seconds", "Time to finish.")] = DEFAULT.drain_seconds,
) -> None:
    """Serve models over HTTP, with a page to try them.

    SIGHUP opens the models again; SIGTERM finishes what is in flight, and leaves.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            what, extra = "serve", "serve"
            raise MissingExtraError(what, package, extra)
    _server(context.params).serve_until_stopped()


def _server(options: Mapping[str, Any]) -> "Server":
    """Build the server of the command's options, each by its parameter's name."""
    from polyhead.runtime.workers import usable_cores  # noqa: PLC0415  the help needs no server

    access = _access(options)
    workers = options["workers"] or usable_cores()
    # Libraries read these when they are loaded: a worker keeps one core busy, and threads within a pass would fight.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from polyhead.loading import load  # noqa: PLC0415
    from polyhead.serving.app import create_app  # noqa: PLC0415
    from polyhead.serving.batcher import Batcher  # noqa: PLC0415
    from polyhead.serving.collect import Collector  # noqa: PLC0415
    from polyhead.serving.journal import log_to_stderr  # noqa: PLC0415
    from polyhead.serving.metrics import Meter  # noqa: PLC0415
    from polyhead.serving.models import Models, named_folders  # noqa: PLC0415
    from polyhead.serving.server import Server  # noqa: PLC0415
    from polyhead.serving.service import Service  # noqa: PLC0415

    limits = Limits(**{field.name: options[field.name] for field in fields(Limits)})
    folders = named_folders(options["models"])
    models = Models(folders, lambda folder: load(folder, engine=options["engine"], threads=1))
    path, below, longest = options["collect"], options["collect_below"], options["collect_bytes"]
    collector = None if path is None else Collector(path, below=below, longest=longest)
    meter = Meter()
    batcher = Batcher(workers=workers, budget=options["batch_tokens"], limits=limits, meter=meter)
    service = Service(models, batcher, limits, meter, collector)
    log_to_stderr()
    app = create_app(service, access)
    return Server(app, service, host=options["host"], port=options["port"], notice_seconds=options["drain_notice"])


def _access(options: Mapping[str, Any]) -> "Access":
    """Decide who may ask.

    Raises:
        UsageError: others could reach the address and nothing keeps them out.
    """
    from polyhead.serving.app import LOCAL_HOSTS, Access  # noqa: PLC0415  the help needs no server
    from polyhead.serving.keys import Keys, read_keys  # noqa: PLC0415

    users, admins = (read_keys(path) if path else () for path in (options["api_key_file"], options["admin_key_file"]))
    local = _is_loopback(options["host"])
    if not local and not users and not options["insecure"]:
        message = (
            f"`--host` must be 127.0.0.1 where no key is needed: others could reach {options['host']}. "
            "Give keys with --api-key-file, or open it to everyone with --insecure."
        )
        raise UsageError(message)
    named = frozenset(name.lower() for name in options["allow_host"] or ())
    hosts = LOCAL_HOSTS | named if local else named or None
    return Access(keys=Keys(users, admins), hosts=hosts, origins=frozenset(options["cors_origin"] or ()))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
