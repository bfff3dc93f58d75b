"""Each family reads a small graph that has its inputs and outputs, and whose boxes are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from omnisight_lab.errors import ModelError, UnknownName
from omnisight_lab.vision import detector
from omnisight_lab.vision.families import ssd_anchors

WIDTH, HEIGHT = 320, 160  # of the picture
CAR = (80.0, 40.0, 240.0, 120.0)  # where every graph sees its car, in pixels of the picture
LABELS = ("person", "car", "dog")


def graph(path: Path, inputs: dict[str, tuple[Any, list[int]]], outputs: dict[str, np.ndarray]) -> Path:
    """Weights that take `inputs` (type, shape) and give `outputs` whatever comes in, so long as it has their shape."""
    nodes = [
        helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind(value), value.shape, value))
        for name, value in outputs.items()
    ]
    taken = [helper.make_tensor_value_info(name, *spec) for name, spec in inputs.items()]
    given = [helper.make_tensor_value_info(name, kind(value), value.shape) for name, value in outputs.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", taken, given), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def kind(value: np.ndarray) -> int:
    return TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def ssd(folder: Path) -> Path:
    anchors = ssd_anchors(300, 300)
    cell = int(np.argmin(np.abs(anchors - [0.5, 0.5, 0.5, 0.5]).sum(axis=1)))
    codes, logits = np.zeros((1, len(anchors), 4), np.float32), np.full((1, len(anchors), 4), -9, np.float32)
    cy, cx, h, w = anchors[cell]
    codes[0, cell] = [(0.5 - cy) / h * 10, (0.5 - cx) / w * 10, np.log(0.5 / h) * 5, np.log(0.5 / w) * 5]
    logits[0, cell, 2] = logit(0.8)
    return graph(
        folder / "ssd.onnx", {"image": (TensorProto.FLOAT, [1, 300, 300, 3])}, {"boxes": codes, "classes": logits}
    )


def yolox(folder: Path) -> Path:
    # The picture becomes 64x32 at the top left of 64x64; its car is at 16..48, 8..24 there.
    rows = np.zeros((1, 64 + 16 + 4, 8), np.float32)
    cell = 2 * 8 + 4  # stride 8: row 2, column 4
    rows[0, cell] = [32 / 8 - 4, 16 / 8 - 2, np.log(32 / 8), np.log(16 / 8), 0.9, 0.1, 0.9, 0]
    return graph(folder / "yolox.onnx", {"images": (TensorProto.FLOAT, [1, 3, 64, 64])}, {"output": rows})


def dfine(folder: Path) -> Path:
    return graph(
        folder / "dfine.onnx",
        {"images": (TensorProto.FLOAT, [1, 3, 64, 64]), "orig_target_sizes": (TensorProto.INT64, [1, 2])},
        {
            "labels": np.array([[1, 0]], np.int64),
            "boxes": np.array([[CAR, (0, 0, 9, 9)]], np.float32),
            "scores": np.array([[0.81, 0.01]], np.float32),
        },
    )


def rfdetr(folder: Path) -> Path:
    return graph(
        folder / "rfdetr.onnx",
        {"input": (TensorProto.FLOAT, [1, 3, 56, 56])},
        {
            "dets": np.array([[(0.5, 0.5, 0.5, 0.5)]], np.float32),
            "labels": np.array([[(-9, logit(0.81), -9, 9)]], np.float32),  # the last class is never used
        },
    )


def yolo_raw(folder: Path) -> Path:
    # 64x32 in the middle of 64x64: 16 pixels of padding above.
    rows = np.array([[32, 32, 32, 16, 0, 0.81, 0]], np.float32)
    return graph(folder / "yolo.onnx", {"images": (TensorProto.FLOAT, [1, 3, 64, 64])}, {"o": rows.T[None].copy()})


def yolo_finished(folder: Path) -> Path:
    rows = np.array([[[16, 24, 48, 40, 0.81, 1]]], np.float32)
    return graph(folder / "yolo6.onnx", {"images": (TensorProto.FLOAT, [1, 3, 64, 64])}, {"o": rows})


WEIGHTS = [
    ("ssd", ssd, ("???", *LABELS)),
    ("yolox", yolox, LABELS),
    ("dfine", dfine, LABELS),
    ("rtdetr", dfine, LABELS),
    ("deim", dfine, LABELS),
    ("rfdetr", rfdetr, LABELS),
    ("yolo", yolo_raw, LABELS),
    ("yolo", yolo_finished, LABELS),
]


def label_file(folder: Path, names: tuple[str, ...]) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(names) + "\n")
    return path


@pytest.mark.parametrize(("family", "make", "names"), WEIGHTS, ids=lambda value: getattr(value, "__name__", None))
def test_every_family_finds_its_car(tmp_path: Path, family: str, make: Any, names: tuple[str, ...]) -> None:
    seeing = detector.load(make(tmp_path), family, label_file(tmp_path, names))
    found = seeing.detect(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    assert found.labels == ("vehicle",)
    assert found.xyxy[0] == pytest.approx(CAR, abs=0.6)
    assert found.confidence[0] == pytest.approx(0.81, abs=0.02)


@pytest.mark.parametrize("family", ["ssd", "yolox", "dfine", "rfdetr", "yolo"])
def test_a_wrong_family_is_refused_in_one_sentence(tmp_path: Path, family: str) -> None:
    wrong = {"ssd": yolo_raw, "yolox": dfine, "dfine": rfdetr, "rfdetr": ssd, "yolo": dfine}[family](tmp_path)
    with pytest.raises(ModelError) as caught:
        detector.load(wrong, family, label_file(tmp_path, LABELS))
    assert family in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("family", "make"), [("yolo", yolo_raw), ("yolox", yolox), ("ssd", ssd), ("rfdetr", rfdetr)])
def test_labels_that_do_not_fit_the_classes_are_refused(tmp_path: Path, family: str, make: Any) -> None:
    with pytest.raises(ModelError):
        detector.load(make(tmp_path), family, label_file(tmp_path, ("person", "car")))


def test_an_unknown_family_gets_a_hint() -> None:
    with pytest.raises(UnknownName, match="did you mean 'yolox'"):
        detector.load(None, "yolo-x")
