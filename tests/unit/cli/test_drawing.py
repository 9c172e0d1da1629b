import re
from xml.etree import ElementTree as ET

import pytest

from polyhead.cli.drawing import architecture
from polyhead.model.describe import Description, TaskDescription

TOPIC = TaskDescription("topic", "classification", "text", 4, "Linear(64, 32), ReLU, Dropout(0.1), Linear(32, 4)", 2212)
TONE = TaskDescription("tone", "classification", "text", 3, "Dropout(0.1), Linear(64, 3)", 195)
NAMES = TaskDescription("names", "entities", "words", 4, "Dropout(0.1), Linear(48, 9)", 441)
SVG = "{http://www.w3.org/2000/svg}"


def description(*tasks: TaskDescription, embedding_width: int = 64) -> Description:
    return Description("BertModel", 48, embedding_width, "mean", 512, tasks, 123_456)


def texts_of(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("tasks", [(TOPIC,), (NAMES,), (TOPIC, NAMES), (NAMES, TOPIC, TONE), (NAMES, NAMES, TONE)])
def test_it_is_well_formed_and_every_task_has_a_box(tasks: tuple[TaskDescription, ...]) -> None:
    picture = ET.fromstring(architecture(description(*tasks)))
    assert picture.tag == f"{SVG}svg"
    # The paper, the encoder, the embedding, and a box a task.
    assert len(list(picture.iter(f"{SVG}rect"))) == 3 + len(tasks)


def test_shapes_and_numbers_are_written() -> None:
    texts = texts_of(architecture(description(TOPIC, NAMES)))
    for wanted in (
        "BertModel",
        "123,456 parameters",
        "pooling: mean",
        "projection: Linear(48, 64)",
        "(batch, 64)",
        "(batch, tokens, 48)",
        "logits (batch, 4)",
        "logits (batch, tokens, 9)",
        "Linear(64, 32)",
        "ReLU",
    ):
        assert wanted in texts


def test_no_projection_is_drawn_where_there_is_none() -> None:
    texts = texts_of(architecture(description(TOPIC, embedding_width=48)))
    assert not any("projection" in text for text in texts)


def test_names_that_mean_something_in_xml_are_text() -> None:
    task = TaskDescription("a<b>&c", "classification", "text", 2, "Linear(64, 2)", 130)
    assert "a<b>&c" in texts_of(architecture(description(task)))


def test_nothing_leaves_the_paper_and_no_boxes_overlap() -> None:
    picture = ET.fromstring(architecture(description(TOPIC, TONE, NAMES)))
    width, height = (float(picture.attrib[name]) for name in ("width", "height"))
    boxes = []
    for rect in list(picture.iter(f"{SVG}rect"))[1:]:
        left, top, wide, high = (float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        assert left + wide <= width
        assert top + high <= height
        boxes.append((left, top, left + wide, top + high))
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_arrows_end_at_the_heads() -> None:
    picture = architecture(description(TOPIC, NAMES))
    ends = {re.split(r"[ H]+", path.attrib["d"])[-1] for path in ET.fromstring(picture).iter(f"{SVG}path")}
    lefts = {rect.attrib["x"] for rect in ET.fromstring(picture).iter(f"{SVG}rect") if "x" in rect.attrib}
    assert ends <= lefts
