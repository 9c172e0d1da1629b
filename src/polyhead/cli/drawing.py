"""The architecture of a model as an SVG picture: the encoder, how the embedding is made, a box for each head."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from polyhead.model.describe import Description, TaskDescription

MARGIN, GAP, COLUMN_GAP, BEND = 24, 22, 160, 28
LINE_HEIGHT, PADDING, CHARACTER = 18, 12, 7.8
"""Pixels of a line of text, around a box's text, and of one character."""

SHARED, EMBEDDING, HEAD = "#dbe8f8", "#e3f2df", "#fdebd3"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with lines of text, the first of them bold; pixels from the upper left."""

    left: float
    top: float
    width: float
    lines: tuple[str, ...]
    colour: str

    @property
    def height(self) -> float:
        """Return how high the lines make it."""
        return len(self.lines) * LINE_HEIGHT + 2 * PADDING

    @property
    def right(self) -> float:
        """Return where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Return where it ends."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """Return where arrows meet it."""
        return self.top + self.height / 2


def architecture(description: "Description") -> str:
    """Draw a model: data flows from left to right, shapes stand at the arrows.

    Returns:
        An SVG document.
    """
    readers_of_text = [task for task in description.tasks if task.level == "text"]
    readers_of_words = [task for task in description.tasks if task.level != "text"]
    encoder = _encoder_box(description)
    embedding = _embedding_box(description, left=encoder.right + COLUMN_GAP)
    heads = _head_boxes((*readers_of_text, *readers_of_words), left=embedding.right + COLUMN_GAP)
    height = max(encoder.bottom, embedding.bottom, *(head.bottom for head in heads)) + MARGIN
    width = max(head.right for head in heads) + MARGIN
    picture = _canvas(width, height)
    _arrow(picture, encoder, embedding, label=f"(batch, tokens, {description.width})")
    for task, head in zip((*readers_of_text, *readers_of_words), heads, strict=True):
        if task.level == "text":
            _arrow(picture, embedding, head, label=f"(batch, {description.embedding_width})")
        else:
            _arrow_below(picture, encoder, head, label=f"(batch, tokens, {description.width})")
    for box in (encoder, embedding, *heads):
        _draw(picture, box)
    return ET.tostring(picture, encoding="unicode", xml_declaration=False) + "\n"


def _encoder_box(description: "Description") -> Box:
    lines = (
        description.encoder,
        f"up to {description.max_tokens} tokens",
        f"width {description.width}",
        f"{description.shared:,} parameters",
        "shared by all tasks",
    )
    return Box(MARGIN, MARGIN, _width(lines), lines, SHARED)


def _embedding_box(description: "Description", *, left: float) -> Box:
    projected = description.embedding_width != description.width
    step = (f"projection: Linear({description.width}, {description.embedding_width})",) if projected else ()
    lines = ("sentence embedding", f"pooling: {description.pooling}", *step)
    return Box(left, MARGIN, _width(lines), lines, EMBEDDING)


def _head_boxes(tasks: Sequence["TaskDescription"], *, left: float) -> list[Box]:
    boxes: list[Box] = []
    top = float(MARGIN)
    texts = [_head_lines(task) for task in tasks]
    width = max(_width(lines) for lines in texts)
    for task, lines in zip(tasks, texts, strict=True):
        # The arrow to the readers of words passes under the embedding.
        if task.level != "text" and (not boxes or top < MARGIN + 5 * LINE_HEIGHT + 2 * PADDING):
            top = max(top, MARGIN + 5.0 * LINE_HEIGHT)
        boxes.append(Box(left, top, width, lines, HEAD))
        top = boxes[-1].bottom + GAP
    return boxes


def _head_lines(task: "TaskDescription") -> tuple[str, ...]:
    outputs = re.findall(r"Linear\(\d+, (\d+)\)", task.head)
    axes = "batch" if task.level == "text" else "batch, tokens"
    shape = (f"logits ({axes}, {outputs[-1]})",) if outputs else ()
    layers = re.split(r", (?=[A-Z])", task.head)
    return (task.name, task.kind, *layers, *shape)


def _width(lines: Sequence[str]) -> float:
    return max(map(len, lines)) * CHARACTER + 2 * PADDING


def _canvas(width: float, height: float) -> ET.Element:
    size = {"width": f"{width:g}", "height": f"{height:g}", "viewBox": f"0 0 {width:g} {height:g}"}
    style = {"font-family": "DejaVu Sans, Arial, sans-serif", "font-size": "12"}
    picture = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size, **style})
    ET.SubElement(picture, "title").text = "Architecture of a Polyhead model"
    ET.SubElement(picture, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    return picture


def _draw(picture: ET.Element, box: Box) -> None:
    place = {"x": f"{box.left:g}", "y": f"{box.top:g}", "width": f"{box.width:g}", "height": f"{box.height:g}"}
    ET.SubElement(picture, "rect", {**place, "rx": "8", "fill": box.colour, "stroke": "#555555"})
    for number, line in enumerate(box.lines):
        baseline = box.top + PADDING + (number + 0.75) * LINE_HEIGHT
        weight = {"font-weight": "bold"} if number == 0 else {}
        text = {"x": f"{box.left + PADDING:g}", "y": f"{baseline:g}", **weight}
        ET.SubElement(picture, "text", text).text = line


def _arrow(picture: ET.Element, begin: Box, end: Box, *, label: str) -> None:
    _line(picture, begin.right, begin.middle, end=end, bend=begin.right + BEND, label=label)


def _arrow_below(picture: ET.Element, begin: Box, end: Box, *, label: str) -> None:
    _line(picture, begin.right, begin.bottom - PADDING, end=end, bend=begin.right + BEND / 2, label=label)


def _line(picture: ET.Element, left: float, top: float, *, end: Box, bend: float, label: str) -> None:
    path = f"M {left:g} {top:g} H {bend:g} V {end.middle:g} H {end.left:g}"
    ET.SubElement(picture, "path", {"d": path, "fill": "none", "stroke": "#555555"})
    tip = f"{end.left:g},{end.middle:g} {end.left - 8:g},{end.middle - 4:g} {end.left - 8:g},{end.middle + 4:g}"
    ET.SubElement(picture, "polygon", {"points": tip, "fill": "#555555"})
    place = {"x": f"{end.left - 12:g}", "y": f"{end.middle - 6:g}", "text-anchor": "end", "fill": "#555555"}
    ET.SubElement(picture, "text", {**place, "font-size": "11"}).text = label
