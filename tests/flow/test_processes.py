"""Gradients over two processes are those of one that has all rows."""

import json
import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

WORDS = ["goal", "soup", "team", "bread", "coach"]
KINDS = [
    "fixed {}",
    "geometric {}",
    "gradnorm {}",
    "pcgrad {}",
    "config {}",
    'mgda {"at": "parameters"}',
]
SCRIPT = """
import json, sys
from pathlib import Path
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from safetensors.torch import save_file
from polyhead.data.dataset import load_dataset
from polyhead.data.order import Draw
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import parse_recipe
from polyhead.training.comparing import Comparison
from polyhead.training.gradients import Gradients
from polyhead.training.steps import BatchMaker
import numpy as np

torch.set_num_threads(1)
folder, kinds = Path(sys.argv[1]), json.loads(sys.argv[2])
document = json.loads((folder / "recipe.json").read_text())
recipe = parse_recipe(document, folder=folder, source="test")
data = load_dataset(recipe)
accelerator = Accelerator(cpu=True, kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
rank, world = accelerator.process_index, accelerator.num_processes


def run(kind: str, accumulate: int) -> None:
    word, settings = kind.split(" ", 1)
    balancing = {"kind": word, **json.loads(settings)}
    recipe = parse_recipe({**document, "balancing": balancing}, folder=folder, source="test").with_tasks(data.tasks)
    model = MultiTaskModel.build(recipe, tasks=data.tasks, texts=())
    for part in model.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    batches = BatchMaker(data.train, data.tasks, tokenizer=model.tokenizer, swapper=None, limit=4096, seed=0)
    draws = [Draw(rows, tuple(data.tasks)) for rows in np.array_split(np.arange(len(data.train)), accumulate)]
    gradients = Gradients(model, wrapped, recipe=recipe, accelerator=accelerator)
    compared = {}
    for step in range(2):
        optimizer.zero_grad()
        parts = [batches.make(draw, epoch=0, rank=rank, world=world) for draw in draws]
        for place in ("representation", "parameters"):
            comparison = Comparison(model, recipe=recipe, accelerator=accelerator, place=place)
            compared[place] = comparison.inner_products(parts, step=step)[1]
        losses = gradients.compute(parts, step=step)
        gradients.learn(parts, step=step)
    found = {name: w.grad for name, w in model.named_parameters() if w.grad is not None}
    found["losses"] = torch.tensor([losses[name] for name in sorted(losses)])
    found |= {f"gramian.{place}": gramian for place, gramian in compared.items()}
    if rank == 0:
        target = folder / f"{word}-{accumulate}-{world}.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in found.items()}, target)


for kind in kinds:
    for accumulate in (1, 2):
        run(kind, accumulate)
accelerator.wait_for_everyone()
accelerator.end_training()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(folder: Path, kinds: list[str], *, world: int) -> None:
    common = {**os.environ, "OMP_NUM_THREADS": "1"}
    if world > 1:
        common |= {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        common |= {"ACCELERATE_USE_CPU": "true", "LOCAL_WORLD_SIZE": str(world)}
    command = [sys.executable, "-c", SCRIPT, str(folder), json.dumps(kinds)]
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} if world > 1 else {} for rank in range(world)]
    running = [
        subprocess.Popen(command, env={**common, **rank}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in ranks
    ]
    for process in running:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors


@pytest.fixture
def folder(tmp_path: Path, bert_folder: Path) -> Path:
    lines = []
    for number in range(10):
        text = f"Milo likes the {WORDS[number % 5]} of day {number}" + " again" * (number % 3)
        row: dict[str, object] = {"text": text}
        if number % 3 != 1:
            row["topic"] = ("sport", "food")[number % 2]
        # The second of two processes has no row of this task.
        if number % 2 == 0:
            row["people"] = [{"start": 0, "end": 4, "label": "PERSON"}]
        lines.append(json.dumps(row))
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    document = {
        "encoder": {"name": str(bert_folder)},
        "tasks": {"topic": {"kind": "classification", "weight": 0.5}, "people": {"kind": "entities"}},
        "data": {"train": [{"path": "train.jsonl"}]},
    }
    (tmp_path / "recipe.json").write_text(json.dumps(document))
    return tmp_path


@pytest.mark.slow
def test_two_processes_find_the_gradients_of_one_whatever_is_accumulated(folder: Path) -> None:
    kinds = KINDS if find_spec("torchjd") else KINDS[:3]
    for world in (1, 2):
        run(folder, kinds, world=world)
    for kind in (kind.split()[0] for kind in kinds):
        alone = load_file(folder / f"{kind}-1-1.safetensors")
        for accumulate, world in ((2, 1), (1, 2), (2, 2)):
            found = load_file(folder / f"{kind}-{accumulate}-{world}.safetensors")
            assert found.keys() == alone.keys()
            for name, expected in alone.items():
                assert torch.allclose(found[name], expected, rtol=1e-3, atol=1e-5), (kind, name, accumulate, world)


def test_a_still_encoder_is_trained_on_by_processes_of_which_one_has_no_labels(tmp_path: Path) -> None:
    """One row a batch: the second process has nothing to learn from, and waits for the first all the same."""
    rows = [{"text": f"the {WORDS[number % 5]} of day {number}", "topic": "ab"[number % 2]} for number in range(9)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    document = """
        [encoder]
        name = "compact"
        [tasks.topic]
        kind = "classification"
        [[data.train]]
        path = "train.jsonl"
        [[data.dev]]
        path = "dev.jsonl"
        [training]
        freeze = "all"
        epochs = 2
        batch_tokens = 8
    """
    (tmp_path / "recipe.toml").write_text(document)
    (tmp_path / "run.py").write_text("from polyhead.cli.app import main\n\nmain()\n")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    finished = subprocess.run(
        [*launch, "run.py", "train", "recipe.toml", "--output", "model"],
        cwd=tmp_path,
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    assert "Error" not in finished.stderr
    assert json.loads((tmp_path / "model" / "history.json").read_text())[-1]["epoch"] == 2
