from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from omnisight_lab.errors import ModelError, UnknownName
from omnisight_lab.sim.scenes import Scene
from omnisight_lab.vision import detector
from omnisight_lab.vision.boxes import crops_around, iou
from tests.vision.test_families import dfine, label_file


@pytest.fixture(scope="module")
def seeing() -> detector.Detector:
    return detector.load()


def test_the_default_model_is_named_and_maps_to_our_labels(seeing: detector.Detector) -> None:
    assert seeing.model == {
        "name": "ssd_mobilenet_v2_oidv4",
        "version": "ssd",
        "sha256": hashlib.sha256(detector.WEIGHTS.read_bytes()).hexdigest(),
    }
    assert set(seeing.labels) == {"person", "vehicle", "bicycle", "animal"}
    assert seeing.model["sha256"] in detector.WEIGHTS.with_name("README.md").read_text()


@pytest.mark.parametrize(("place", "second"), [("yard", 25.0), ("car_park", 4.0), ("car_park", 20.0)])
def test_drawn_people_and_cars_are_found_where_they_are(seeing: detector.Detector, place: str, second: float) -> None:
    scene = Scene(place)
    truth = scene.truth(second)
    boxes = [(t.box.x, t.box.y, t.box.x + t.box.width, t.box.y + t.box.height) for t in truth]
    found = seeing.detect(scene.picture(second), crops_around(boxes, 768, 432))
    overlap = iou(np.array(boxes, np.float32), found.xyxy)
    assert len(truth) >= 2
    for index, one in enumerate(truth):
        best = int(overlap[index].argmax())
        assert overlap[index, best] > 0.6
        assert found.labels[best] == one.label
        assert found.confidence[best] >= 0.3


def test_nothing_is_found_in_an_empty_yard_or_in_noise(seeing: detector.Detector) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (432, 768, 3), np.uint8)
    for picture in (Scene("yard").picture(40.0), noise):
        assert not (seeing.detect(picture).confidence >= seeing.threshold).any()


def test_a_crop_that_cuts_an_object_does_not_add_a_second_one(seeing: detector.Detector) -> None:
    scene, second = Scene("car_park"), 4.0
    car = next(t.box for t in scene.truth(second) if t.id == 2)
    middle = int(car.x + car.width / 2)
    picture = scene.picture(second)
    cut = (middle - 240, 150, middle, 390) if middle >= 240 else (middle, 150, middle + 240, 390)
    assert len(seeing.detect(picture, [cut])) == len(seeing.detect(picture))


def test_labels_to_keep(seeing: detector.Detector) -> None:
    assert detector.load(keep=["Car"]).labels == ("vehicle",)
    assert detector.load(keep=["laptop", "person"]).labels == ("laptop", "person")
    with pytest.raises(UnknownName, match="person"):
        detector.load(keep=["persn"])


def test_weights_with_their_own_labels_keep_them_all(tmp_path: Path) -> None:
    own = detector.load(dfine(tmp_path), "dfine", label_file(tmp_path, ("forklift", "pallet")))
    assert own.labels == ("forklift", "pallet")


def test_weights_that_cannot_be_used_are_refused_in_one_sentence(tmp_path: Path) -> None:
    labels = label_file(tmp_path, ("person",))
    (tmp_path / "text.onnx").write_text("no graph")
    for arguments, word in [
        ((tmp_path / "none.onnx", "yolo", labels), "no weights"),
        ((tmp_path / "text.onnx", "yolo", labels), "no ONNX graph"),
        ((dfine(tmp_path), "dfine", tmp_path / "none.txt"), "can't be read"),
        ((dfine(tmp_path), "dfine", None), "need a label file"),
    ]:
        with pytest.raises(ModelError, match=word) as caught:
            detector.load(*arguments)
        assert "\n" not in str(caught.value)
