"""ExampleGen over image files: what it writes, and when it runs again."""

import json
import pathlib

import example_data
import numpy as np
import pytest
import tensorflow as tf
from photo_files import encoded, noise, orientation, plain, write_folder
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner

from tfx_distill.components.image_example_gen.component import ImageExampleGen
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError

TWO_WORKERS = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]


@pytest.fixture
def photos(tmp_path):
    """Two classes, 20 images for training and 6 for testing each."""
    root = tmp_path / "photos"
    seed = write_folder(root / "train", {"cat": 20, "dog": 20})
    write_folder(root / "test", {"cat": 6, "dog": 6}, first=seed)
    return root


def _data(photos, **settings):
    return DataConfig(images=str(photos), eval_share=0.3, **settings)


def _files(folder):
    root = pathlib.Path(folder)
    return {
        str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()
    }


def test_examples_are_the_files_and_their_classes(photos, tmp_path):
    artifact = example_data.generate(_data(photos), tmp_path / "out")
    spec = DataSpec.load(artifact.uri)
    assert (spec.dataset, spec.version, spec.fit) == ("photos", "", "crop")
    assert spec.class_names == ("cat", "dog") and spec.image_shape == (8, 8, 3)
    written = {}
    for split in ("train", "eval", "test"):
        files = example_reader.split_files(artifact.uri, split, spec)
        records = example_data.raw_records(*files)
        assert len(records) == spec.num_examples[split]
        for record in records:
            features = tf.train.Example.FromString(record).features.feature
            (image,) = features["image"].bytes_list.value
            written[image] = (split == "test", *features["label"].int64_list.value)
    assert written == {
        path.read_bytes(): (path.parts[-3] == "test", path.parts[-2] == "dog")
        for path in photos.rglob("*.png")
    }


def test_odd_photos_become_examples_of_one_form(photos, tmp_path):
    half = np.concatenate([plain((250, 0, 0), 4, 8), plain((0, 0, 0), 4, 8)])
    turned = encoded(half, exif=orientation(3))
    (photos / "test" / "cat" / "turned.png").write_bytes(turned)
    (photos / "test" / "dog" / "grey.jpg").write_bytes(
        encoded(plain(9, 50, 20), "JPEG")
    )
    (photos / "test" / "dog" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    artifact = example_data.generate(_data(photos, max_bad_share=0.1), tmp_path / "out")
    spec = DataSpec.load(artifact.uri)
    split = example_reader.load_split(artifact.uri, "test", spec)
    images = {image.tobytes() for image in split.images[:]}
    assert {half[::-1].tobytes(), plain((9, 9, 9)).tobytes()} <= images
    properties = artifact.mlmd_artifact.custom_properties
    assert json.loads(properties["conversions"].string_value) == {
        "fitted to another size": 1, "grey to colour": 1, "turned upright": 1,
    }  # fmt: skip
    assert properties["skipped"].string_value == "1"
    report = DataReport.load(artifact.uri)
    assert [name for name, _ in report.bad] == ["test/dog/broken.jpg"]


def test_workers_and_chunks_do_not_change_the_records(photos, tmp_path, monkeypatch):
    whole = example_data.generate(_data(photos), tmp_path / "out")
    monkeypatch.setattr("tfx_distill.trainer.data.image_source._MAX_CHUNK_IMAGES", 7)
    parts = example_data.generate(_data(photos), tmp_path / "parts")
    spec = DataSpec.load(whole.uri)
    for split in spec.num_examples:
        first, second = (
            example_data.raw_records(
                *example_reader.split_files(artifact.uri, split, spec)
            )
            for artifact in (whole, parts)
        )
        assert first == second


@pytest.mark.slow
def test_two_worker_processes_write_the_same_bytes(photos, tmp_path):
    one = example_data.generate(_data(photos), tmp_path / "one")
    two = example_data.generate(_data(photos), tmp_path / "two", TWO_WORKERS)
    assert _files(one.uri) == _files(two.uri)


def test_overlap_is_refused_before_anything_is_trained(photos, tmp_path):
    copy = (photos / "train" / "cat" / "0.png").read_bytes()
    (photos / "test" / "cat" / "copy.png").write_bytes(copy)
    with pytest.raises(DataError, match="same image is in two splits"):
        example_data.generate(_data(photos), tmp_path / "out")


def test_component_needs_images():
    with pytest.raises(ValueError, match=r"data\.images"):
        ImageExampleGen(DataConfig())


def test_a_changed_image_is_read_again(photos, tmp_path):
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "mlmd"))

    def states():
        made = pipeline.Pipeline(
            pipeline_name="test",
            pipeline_root=str(tmp_path / "root"),
            components=[ImageExampleGen(_data(photos))],
            enable_cache=True,
            metadata_connection_config=connection,
        )
        local_dag_runner.LocalDagRunner().run(made)
        with metadata.Metadata(connection) as handle:
            executions = handle.store.get_executions()
        return sorted(execution.last_known_state for execution in executions)

    complete, cached = 3, 5
    states()
    assert states() == [complete, cached]
    (photos / "train" / "cat" / "0.png").write_bytes(encoded(noise(999)))
    assert states() == [complete, complete, cached]
