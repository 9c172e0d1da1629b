"""Adds graphs to a model folder, so that whoever reads it meets the folder before or the folder after."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from polyhead.folder import sha256_of
from polyhead.manifest import MANIFEST, Manifest
from polyhead.runtime.names import GRAPHS
from polyhead.staging import fsync_tree


def add_graphs(folder: Path, staged: Path, *, manifest: Manifest, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Move staged graphs into a model folder and write them into its manifest.

    A crash on the way leaves a model without these graphs, never one whose manifest does not fit them.
    What was measured on a graph that is replaced is forgotten.

    Args:
        folder: the model folder.
        staged: a folder on the same file system that holds the graphs by their paths in the model folder.
        manifest: of the model folder, as it is.
        records: what the manifest tells of each graph, by the word for its engine.
    """
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    hashes = {name: sha256_of(staged / name) for name in names}
    fsync_tree(staged)
    others = {name: sha256 for name, sha256 in manifest.files.items() if name not in names}
    if len(others) < len(manifest.files):
        _write(replace(manifest, files=others), folder, staged)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (staged / name).replace(folder / name)
        fsync_tree((folder / name).parent, deep=False)
    exports = {engine: record for engine, record in manifest.exports.items() if GRAPHS.get(engine) not in names}
    _write(replace(manifest, files={**others, **hashes}, exports={**exports, **records}), folder, staged)


def _write(manifest: Manifest, folder: Path, staged: Path) -> None:
    path = staged / MANIFEST
    path.write_text(json.dumps(manifest.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fsync_tree(staged)
    path.replace(folder / MANIFEST)
    fsync_tree(folder, deep=False)
