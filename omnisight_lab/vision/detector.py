"""Finds people, vehicles, bicycles and animals in a picture: ONNX weights on one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from omnisight_lab.errors import ModelError, UnknownName
from omnisight_lab.types import Boxes, Image
from omnisight_lab.vision.boxes import Floats, Region, suppress
from omnisight_lab.vision.families import FAMILIES, Family, Graph

WEIGHTS = Path(__file__).parent / "weights" / "ssd_mobilenet_v2_oidv4.onnx"
LABELS = WEIGHTS.with_name("oidv4_labelmap.txt")

GROUPS = {
    "person": ("person", "pedestrian", "man", "woman", "boy", "girl", "people"),
    "vehicle": ("vehicle", "car", "truck", "bus", "van", "motorcycle", "motorbike", "train", "boat", "taxi"),
    "bicycle": ("bicycle", "bike"),
    "animal": (
        *("animal", "bird", "cat", "dog", "cattle", "cow", "horse", "sheep", "goat", "pig", "deer", "fox"),
        *("bear", "elephant", "zebra", "giraffe"),
    ),
}
"""The four labels of OmniSight Lab, and what detectors call them."""

EDGE = 0.04  # share of a crop's side within which a box counts as cut by the crop's edge


class Detector:
    """Made by `load`. `threshold` is the confidence that begins an object; `floor` the least that is returned."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        family: Family,
        groups: Mapping[str, npt.NDArray[np.intp]],
        model: Mapping[str, str],
        threshold: float,
    ) -> None:
        self._session = session
        self._family = family
        self._groups = groups
        self.model = model
        self.threshold = threshold
        self.floor = threshold / 2
        self.calls = 0
        self._outputs = [output.name for output in session.get_outputs()]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self._groups)

    def detect(self, image: Image, crops: Sequence[Region] = (), *, whole: bool = True) -> Boxes:
        """Objects in a BGR frame, seen as a whole and, where `crops` are given, closer too.

        Down to `floor`, because a tracker can use weak boxes where it expects an object; what starts an object
        must reach `threshold`. Overlapping boxes of one label are merged over all views.
        """
        height, width = image.shape[:2]
        views: list[Region] = [(0, 0, width, height)] if whole else []
        views += [crop for crop in crops if crop not in views]
        found = [self._look(image, view) for view in views]
        if not found:
            return Boxes.none()
        corners, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return self._merge(corners, scores, width, height)

    def _look(self, image: Image, view: Region) -> tuple[Floats, Floats]:
        """Boxes (N, 4) in pixels of the frame and scores (N, L) a kept label, of one view; nothing below `floor`."""
        x1, y1, x2, y2 = view
        part = image[y1:y2, x1:x2]
        self.calls += 1
        values = self._session.run(self._outputs, self._family.feed(part))
        raw = self._family.read(dict(zip(self._outputs, values, strict=True)), part)
        scores = np.stack([raw.scores[:, columns].max(axis=1) for columns in self._groups.values()], axis=1)
        kept = np.isfinite(raw.xyxy).all(axis=1) & (scores.max(axis=1) >= self.floor)
        corners = raw.xyxy[kept] + np.array([x1, y1, x1, y1], np.float32)
        whole = ~_cut(corners, view, (0, 0, image.shape[1], image.shape[0]))
        return corners[whole], scores[kept][whole]

    def _merge(self, corners: Floats, scores: Floats, width: int, height: int) -> Boxes:
        corners = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
        kept: list[tuple[float, int, str]] = []
        for column, label in enumerate(self._groups):
            own = np.flatnonzero(scores[:, column] >= self.floor)
            kept += [
                (float(scores[index, column]), int(index), label)
                for index in own[suppress(corners[own], scores[own, column])]
            ]
        kept.sort(reverse=True)
        rows = [index for _, index, _ in kept]
        confidence = np.array([score for score, _, _ in kept], np.float32)
        return Boxes(corners[rows].reshape(-1, 4), confidence, tuple(label for _, _, label in kept))


def load(
    path: Path | None = None,
    family: str = "ssd",
    labels: Path | None = None,
    threshold: float = 0.4,
    keep: Iterable[str] = (),
) -> Detector:
    """The detector of ONNX weights at `path` (None: those that come along), on one thread.

    `labels` is a text file with one name a line, in the order of the weights' classes. `keep` names what is
    reported: labels of OmniSight Lab, or of the weights; empty keeps person, vehicle, bicycle and animal, or all
    of weights that know none of these. Raises ModelError, or UnknownName for a family or label.
    """
    if family not in FAMILIES:
        raise UnknownName("detector family", family, FAMILIES)
    if path is not None and labels is None:
        raise ModelError(f"the weights {path} need a label file, one name a line")
    path = path or WEIGHTS
    names = _read_labels(labels or LABELS)
    session = _open(path)
    reader = FAMILIES[family](Graph.of(session), len(names))
    model = {"name": path.stem, "version": family, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return Detector(session, reader, _groups(names, tuple(keep)), model, threshold)


def _read_labels(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the label file {path} can't be read") from error
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ModelError(f"the label file {path} is empty")
    return [line.strip() for line in lines]


def _open(path: Path) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(f"there are no weights at {path}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class but this
        raise ModelError(f"the weights {path} are no ONNX graph that can be run") from error


def _groups(names: Sequence[str], keep: Sequence[str]) -> dict[str, npt.NDArray[np.intp]]:
    """Which of the weights' classes make up each label that is reported."""
    ours = {alias: label for label, aliases in GROUPS.items() for alias in aliases}
    mapped: dict[str, list[int]] = {}
    others: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        label = ours.get(name.lower())
        (mapped.setdefault(label, []) if label else others.setdefault(name.lower(), [])).append(index)
    known = {**others, **mapped}
    for name in keep:
        if ours.get(name.lower(), name.lower()) not in known:
            raise UnknownName("label", name, known)
    wanted = [ours.get(name.lower(), name.lower()) for name in keep] or mapped or others
    return {label: np.array(known[label]) for label in dict.fromkeys(wanted)}


def _cut(corners: Floats, view: Region, frame: Region) -> npt.NDArray[np.bool_]:
    """Which boxes end at an edge of `view` that is not an edge of the `frame`: parts of objects."""
    margin = EDGE * (view[2] - view[0])
    cut = np.zeros(len(corners), bool)
    for side in range(4):
        if view[side] != frame[side]:
            inwards = (corners[:, side] - view[side]) * (1 if side < 2 else -1)
            cut |= inwards < margin
    return cut
