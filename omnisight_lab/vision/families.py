"""The output families of ONNX detectors: how a picture becomes the graph's input, and its outputs become boxes.

A family is chosen by name, never guessed; it checks the graph's inputs and outputs against itself and the labels
when it is made, so that a wrong choice is one sentence at start and not nonsense boxes at night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from omnisight_lab.errors import ModelError
from omnisight_lab.types import Image
from omnisight_lab.vision.boxes import Floats

Array = npt.NDArray[Any]
Outputs = Mapping[str, Array]
Shape = tuple[int | None, ...]

DEFAULT_SIDE = 640  # input side of a graph that leaves its height and width open


class Raw(NamedTuple):
    """Candidates of one picture: `xyxy` (N, 4) in its pixels, `scores` (N, C) a class, C as in the labels."""

    xyxy: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class Port:
    """Name, shape (None where the graph leaves a dimension open) and element type of an input or output."""

    name: str
    shape: Shape
    type: str


@dataclass(frozen=True, slots=True)
class Graph:
    """What the loaded weights say of themselves."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @classmethod
    def of(cls, session: Any) -> Graph:
        """Inputs and outputs of an onnxruntime session."""
        return cls(_ports(session.get_inputs()), _ports(session.get_outputs()))


def _ports(values: Sequence[Any]) -> tuple[Port, ...]:
    return tuple(
        Port(value.name, tuple(size if isinstance(size, int) else None for size in value.shape), value.type)
        for value in values
    )


class Family(Protocol):
    """Made as `family(graph, number_of_labels)`; raises ModelError where they do not fit."""

    def feed(self, image: Image) -> dict[str, Array]:
        """The graph's inputs for a BGR picture of any size."""
        ...

    def read(self, outputs: Outputs, image: Image) -> Raw:
        """Candidates, in pixels of the same picture."""
        ...


class Ssd:
    """TensorFlow's SSD without its post-processing: RGB in -1 to 1, box encodings and class logits out.

    Anchors as in TensorFlow's `ssd_anchor_generator`: six layers, scales 0.2 to 0.95, three boxes a cell in the
    lowest layer and six in the others. The first label is the background.
    """

    def __init__(self, graph: Graph, labels: int) -> None:
        self._input, self._height, self._width, self._planar = _picture_input(graph, "ssd")
        boxes = _output(graph, "ssd", (1, None, 4))
        scores = _output(graph, "ssd", (1, None, labels), other_than=boxes)
        self._boxes, self._scores = boxes.name, scores.name
        self._anchors = ssd_anchors(self._height, self._width)
        if boxes.shape[1] not in (None, len(self._anchors)):
            raise ModelError(
                f"the weights give {boxes.shape[1]} boxes, family ssd expects {len(self._anchors)} "
                f"for {self._width}x{self._height}"
            )

    def feed(self, image: Image) -> dict[str, Array]:
        rgb = _stretch(image, self._width, self._height)[..., ::-1]
        return {self._input.name: _tensor(rgb * np.float32(1 / 127.5) - 1, self._input, self._planar)}

    def read(self, outputs: Outputs, image: Image) -> Raw:
        code = outputs[self._boxes][0].astype(np.float32)
        anchor = self._anchors
        centre = code[:, :2] / 10 * anchor[:, 2:] + anchor[:, :2]
        size = np.exp(np.minimum(code[:, 2:] / 5, 10)) * anchor[:, 2:]
        yxyx = np.hstack([centre - size / 2, centre + size / 2])
        scores = _sigmoid(outputs[self._scores][0])
        scores[:, 0] = 0
        return Raw(yxyx[:, [1, 0, 3, 2]] * _scale(image), scores)


def ssd_anchors(height: int, width: int) -> Floats:
    """Anchors (N, 4) as cy, cx, h, w in fractions of the picture, for an input of that size."""
    scales = [*np.linspace(0.2, 0.95, 6), 1.0]
    rows, columns = -(-height // 16), -(-width // 16)
    layers = []
    for layer in range(6):
        scale, following = scales[layer], scales[layer + 1]
        shapes = [(scale, ratio) for ratio in (1, 2, 0.5, 3, 1 / 3)] + [(float(np.sqrt(scale * following)), 1)]
        if layer == 0:
            shapes = [(0.1, 1), (scale, 2), (scale, 0.5)]
        sizes = np.array([(side / np.sqrt(ratio), side * np.sqrt(ratio)) for side, ratio in shapes])
        y, x = np.mgrid[0:rows, 0:columns]
        centres = np.stack([(y + 0.5) / rows, (x + 0.5) / columns], axis=-1).reshape(-1, 1, 2)
        cells = np.broadcast_to(centres, (rows * columns, len(sizes), 2))
        layers.append(np.concatenate([cells, np.broadcast_to(sizes, cells.shape)], axis=-1).reshape(-1, 4))
        rows, columns = -(-rows // 2), -(-columns // 2)
    return np.concatenate(layers).astype(np.float32)


class YoloX:
    """YOLOX as its `export_onnx` writes it: BGR 0 to 255, padded with 114 at the right and below; raw grid out."""

    def __init__(self, graph: Graph, labels: int) -> None:
        self._input, self._height, self._width, self._planar = _picture_input(graph, "yolox")
        output = _output(graph, "yolox", (1, None, 5 + labels))
        self._output = output.name
        self._grid, self._stride = _grid(self._height, self._width)
        if output.shape[1] not in (None, len(self._grid)):
            raise ModelError(
                f"the weights give {output.shape[1]} boxes, family yolox expects {len(self._grid)} "
                f"for {self._width}x{self._height}"
            )

    def feed(self, image: Image) -> dict[str, Array]:
        canvas = _letterbox(image, self._width, self._height, centred=False)
        return {self._input.name: _tensor(canvas.astype(np.float32), self._input, self._planar)}

    def read(self, outputs: Outputs, image: Image) -> Raw:
        rows = outputs[self._output][0].astype(np.float32)
        centre = (rows[:, :2] + self._grid) * self._stride
        size = np.exp(np.minimum(rows[:, 2:4], 20)) * self._stride
        scale, offset = _letterbox_place(image, self._width, self._height, centred=False)
        return Raw((_corners(centre, size) - offset) / scale, rows[:, 4:5] * rows[:, 5:])


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    cells, strides = [], []
    for stride in (8, 16, 32):
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


class DetrWithSizes:
    """D-FINE, RT-DETR and DEIM exports: RGB 0 to 1 and `orig_target_sizes` in; labels, boxes and scores out."""

    def __init__(self, graph: Graph, labels: int) -> None:
        self._input, self._height, self._width, self._planar = _picture_input(graph, "dfine")
        sizes = [port for port in graph.inputs if port.name == "orig_target_sizes"]
        names = {port.name for port in graph.outputs}
        if not sizes or not {"labels", "boxes", "scores"} <= names:
            raise ModelError(
                "families dfine, rtdetr and deim need the input orig_target_sizes and the outputs labels, boxes "
                f"and scores; the weights have {_describe(graph)}"
            )
        self._sizes, self._labels = sizes[0], labels

    def feed(self, image: Image) -> dict[str, Array]:
        rgb = _stretch(image, self._width, self._height)[..., ::-1]
        kind = np.int32 if "int32" in self._sizes.type else np.int64
        height, width = image.shape[:2]
        return {
            self._input.name: _tensor(rgb * np.float32(1 / 255), self._input, self._planar),
            self._sizes.name: np.array([[width, height]], kind),
        }

    def read(self, outputs: Outputs, image: Image) -> Raw:
        return Raw(
            outputs["boxes"][0].astype(np.float32),
            _one_hot(outputs["labels"][0], outputs["scores"][0], self._labels),
        )


class RfDetr:
    """RF-DETR: RGB by ImageNet's mean and deviation in; `dets` (cx, cy, w, h in fractions), `labels` logits out."""

    MEAN = np.array([0.485, 0.456, 0.406], np.float32)
    DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

    def __init__(self, graph: Graph, labels: int) -> None:
        self._input, self._height, self._width, self._planar = _picture_input(graph, "rfdetr")
        shapes = {port.name: port.shape for port in graph.outputs}
        if not {"dets", "labels"} <= shapes.keys() or shapes["dets"][-1] not in (None, 4):
            raise ModelError(f"family rfdetr needs the outputs dets and labels; the weights have {_describe(graph)}")
        # RF-DETR keeps one class more than it was trained for, and never uses the last.
        if shapes["labels"][-1] not in (None, labels, labels + 1):
            raise ModelError(f"the label file has {labels} labels, the weights have {shapes['labels'][-1]} classes")
        self._labels = labels

    def feed(self, image: Image) -> dict[str, Array]:
        rgb = _stretch(image, self._width, self._height)[..., ::-1] * np.float32(1 / 255)
        return {self._input.name: _tensor((rgb - self.MEAN) / self.DEVIATION, self._input, self._planar)}

    def read(self, outputs: Outputs, image: Image) -> Raw:
        boxes = outputs["dets"][0].astype(np.float32)
        scores = _sigmoid(outputs["labels"][0])[:, : self._labels]
        return Raw(_corners(boxes[:, :2], boxes[:, 2:]) * _scale(image), scores)


class Yolo:
    """YOLO heads: RGB 0 to 1, padded with 114 all around.

    Out come either `[1, 4 + C, N]` (cx, cy, w, h, a score a class), or `[1, N, 6]` (x1, y1, x2, y2, score, class).
    """

    def __init__(self, graph: Graph, labels: int) -> None:
        self._input, self._height, self._width, self._planar = _picture_input(graph, "yolo")
        shapes = [port.shape for port in graph.outputs]
        if len(shapes) != 1 or len(shapes[0]) != 3:
            raise ModelError(f"family yolo needs one output of three dimensions; the weights have {_describe(graph)}")
        self._output, self._labels = graph.outputs[0].name, labels
        self._finished = shapes[0][2] == 6 and shapes[0][1] != 4 + labels
        if not self._finished and shapes[0][1] != 4 + labels:
            raise ModelError(
                f"family yolo with {labels} labels needs an output [1, {4 + labels}, N] or [1, N, 6]; "
                f"the weights have {_describe(graph)}"
            )

    def feed(self, image: Image) -> dict[str, Array]:
        canvas = _letterbox(image, self._width, self._height, centred=True)
        rgb = canvas[..., ::-1] * np.float32(1 / 255)
        return {self._input.name: _tensor(rgb, self._input, self._planar)}

    def read(self, outputs: Outputs, image: Image) -> Raw:
        rows = outputs[self._output][0].astype(np.float32)
        if self._finished:
            corners, scores = rows[:, :4], _one_hot(rows[:, 5], rows[:, 4], self._labels)
        else:
            rows = rows.T
            corners, scores = _corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:]
        scale, offset = _letterbox_place(image, self._width, self._height, centred=True)
        return Raw((corners - offset) / scale, scores)


FAMILIES: dict[str, type[Ssd] | type[YoloX] | type[DetrWithSizes] | type[RfDetr] | type[Yolo]] = {
    "ssd": Ssd,
    "yolox": YoloX,
    "dfine": DetrWithSizes,
    "rtdetr": DetrWithSizes,
    "deim": DetrWithSizes,
    "rfdetr": RfDetr,
    "yolo": Yolo,
}


def _picture_input(graph: Graph, family: str) -> tuple[Port, int, int, bool]:
    """The input that takes the picture, its height and width, and whether its channels come first."""
    pictures = [port for port in graph.inputs if len(port.shape) == 4]
    if len(pictures) != 1 or 3 not in (pictures[0].shape[1], pictures[0].shape[3]):
        raise ModelError(
            f"family {family} needs one picture input with 3 channels; the weights have {_describe(graph)}"
        )
    port = pictures[0]
    planar = port.shape[1] == 3
    height, width = (port.shape[2], port.shape[3]) if planar else (port.shape[1], port.shape[2])
    return port, height or DEFAULT_SIDE, width or DEFAULT_SIDE, planar


def _output(graph: Graph, family: str, wanted: Shape, other_than: Port | None = None) -> Port:
    """The first output of the `wanted` shape (None fits every size)."""
    for port in graph.outputs:
        if (
            port != other_than
            and len(port.shape) == len(wanted)
            and all(have is None or want is None or have == want for have, want in zip(port.shape, wanted, strict=True))
        ):
            return port
    shape = ", ".join("N" if size is None else str(size) for size in wanted)
    raise ModelError(
        f"family {family} needs an output [{shape}] for this label file; the weights have {_describe(graph)}"
    )


def _describe(graph: Graph) -> str:
    def text(ports: Sequence[Port]) -> str:
        return ", ".join(
            f"{port.name} [{', '.join('N' if size is None else str(size) for size in port.shape)}]" for port in ports
        )

    return f"inputs {text(graph.inputs)} and outputs {text(graph.outputs)}"


def _tensor(picture: Floats, port: Port, planar: bool) -> Array:
    """One (H, W, 3) picture as the batch of one that the graph takes."""
    kind = np.float16 if "float16" in port.type else np.float32
    ordered = picture.transpose(2, 0, 1) if planar else picture
    return np.ascontiguousarray(ordered[None], dtype=kind)


def _stretch(image: Image, width: int, height: int) -> Array:
    # Averaging keeps small people that plain interpolation would step over; enlarging needs interpolation.
    smaller = image.shape[1] > width and image.shape[0] > height
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def _letterbox_place(image: Image, width: int, height: int, *, centred: bool) -> tuple[float, Floats]:
    """Scale of the picture on the canvas, and the offset (4,) of its boxes there."""
    scale = min(width / image.shape[1], height / image.shape[0])
    left, top = width - round(image.shape[1] * scale), height - round(image.shape[0] * scale)
    share = 2 if centred else width + height + 1  # 0 at the top left
    return scale, np.array([left // share, top // share] * 2, np.float32)


def _letterbox(image: Image, width: int, height: int, *, centred: bool) -> Array:
    """The picture, as large as it fits, on a canvas of 114."""
    scale, offset = _letterbox_place(image, width, height, centred=centred)
    inner = _stretch(image, round(image.shape[1] * scale), round(image.shape[0] * scale))
    canvas = np.full((height, width, 3), 114, np.uint8)
    left, top = int(offset[0]), int(offset[1])
    canvas[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return canvas


def _scale(image: Image) -> Floats:
    height, width = image.shape[:2]
    return np.array([width, height, width, height], np.float32)


def _corners(centre: Floats, size: Floats) -> Floats:
    return np.hstack([centre - size / 2, centre + size / 2])


def _one_hot(labels: Array, scores: Array, count: int) -> Floats:
    table = np.zeros((len(labels), count), np.float32)
    known = (labels >= 0) & (labels < count)
    table[np.flatnonzero(known), labels[known].astype(int)] = scores[known]
    return table


def _sigmoid(logits: Array) -> Floats:
    return (1 / (1 + np.exp(-logits.astype(np.float32)))).astype(np.float32)
