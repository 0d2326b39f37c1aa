"""`distill teacher check` reads `eval` alone, and says what a run would do."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from tfx_distill.components.example_gen import sources
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection import teacher_checks
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.errors import ConfigError


class NearestMean(tf.Module):
    """Pixels in 0-1 to minus the squared distance to the mean image of each class."""

    def __init__(self, split):
        super().__init__()
        pixels = split.images.reshape(len(split), -1) / 255
        means = [pixels[split.labels == label].mean(axis=0) for label in range(10)]
        self.means = tf.Variable(np.stack(means), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1])])
    def serve(self, images):
        differences = tf.reshape(images, [-1, 1, 784]) - self.means
        return {"logits": -tf.reduce_sum(tf.square(differences), axis=-1)}


@pytest.fixture(scope="module")
def check(digits, tmp_path_factory):
    """A function that checks a good teacher of `digits` with some settings."""
    config = PipelineConfig(data=digits)
    _, split = teacher_checks._eval_split(sources.open_source(digits), config)
    folder, teacher = str(tmp_path_factory.mktemp("teacher")), NearestMean(split)
    tf.saved_model.save(teacher, folder, signatures=teacher.serve)

    def run(**imported):
        return teacher_checks.check(
            PipelineConfig.build(
                {
                    "data": dict(digits),
                    "teacher": {"from": folder, "imported": imported},
                }
            )
        )

    return run


def _text(found):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(teacher_checks.table(found))
    return console.export_text()


def test_a_good_teacher_is_used(check):
    found = check(pixel_range="0-1")
    assert not teacher_checks.refused(found)
    assert "a run would use this teacher" in _text(found)
    assert found[0].accuracy > 0.8


def test_a_wrong_order_is_refused_and_told(check):
    names = [str(number) for number in (1, 0, *range(2, 10))]
    found = check(pixel_range="0-1", classes=names)
    assert teacher_checks.refused(found)
    text = " ".join(_text(found).split())
    assert "another order of classes: with teacher.imported.classes: [0, 1, 2" in text


def test_json_has_every_teacher(check):
    found = check(pixel_range="0-1")
    content = json.loads(teacher_checks.to_json(found))
    assert content["teachers"][0]["accuracy"] == found[0].accuracy
    assert len(content["teachers"]) == 1


def test_without_an_imported_teacher_there_is_nothing_to_check():
    with pytest.raises(
        ConfigError, match="No teacher is imported: teacher.from is null"
    ):
        teacher_checks.check(PipelineConfig())


def test_of_a_split_that_is_cut_out_its_images_are_read(digits, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    for number, image in enumerate(images):
        folder = tmp_path / "photos" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    data = DataConfig(images=str(tmp_path / "photos"), eval_share=0.4)
    spec, split = teacher_checks._eval_split(
        sources.open_source(data), PipelineConfig(data=data)
    )
    assert 4 < len(split) < 30 and spec.class_names == ("a", "b")
    known = {image.tobytes() for image in images}
    assert {image.tobytes() for image in split.images} < known
