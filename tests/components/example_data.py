"""Small real data for the tests of components: a TFDS data set, and readers."""

import gzip
import hashlib
import io
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download.checksums import UrlInfo
from tfx.types import standard_artifacts

from tfx_distill.components.example_gen import executor
from tfx_distill.trainer.config.data_config import DataConfig, SplitsConfig

_TINY_URL = "http://tiny.invalid/tiny-images.gz"
SIDE = 4  # pixels of an image of the data set `tiny`


class Tiny(tfds.core.GeneratorBasedBuilder):
    """Grey images from one original file, under feature names that are not ours."""

    VERSION = tfds.core.Version("1.0.0")
    URL = _TINY_URL
    url_infos = {}  # of `register`

    def _info(self):
        features = {
            "id": tfds.features.Text(),
            "picture": tfds.features.Image(shape=(SIDE, SIDE, 1)),
            "kind": tfds.features.ClassLabel(names=["cat", "dog"]),
        }
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("picture", "kind"),
        )

    def _split_generators(self, dl_manager):
        path = pathlib.Path(dl_manager.download_and_extract(self.URL))
        pixels = np.frombuffer(path.read_bytes(), np.uint8)
        return {"train": self._generate_examples(pixels.reshape(-1, SIDE, SIDE, 1))}

    def _generate_examples(self, images):
        for i, image in enumerate(images):
            yield i, {"id": str(i), "picture": image, "kind": i % 2}


def tiny_config(folder, *, pixel=7, received=None):
    """Registers an original file of four grey images and puts it into `folder`.

    Args:
        folder: Gets the folders `data` and `manual`.
        pixel: Grey of all images: another one makes another file.
        received: Bytes of the file in their place.
    """
    original = gzip.compress(bytes([pixel]) * (4 * SIDE * SIDE), mtime=0)
    Tiny.url_infos.clear()
    register(_TINY_URL, "tiny-images.gz", original)
    manual_dir = folder / "manual"
    manual_dir.mkdir(exist_ok=True)
    (manual_dir / "tiny-images.gz").write_bytes(received or original)
    return DataConfig(
        dataset="tiny",
        data_dir=str(folder / "data"),
        manual_dir=str(manual_dir),
        splits=SplitsConfig(train="train[:50%]", eval="train[50%:]", test="train"),
        allow_overlap=True,
        allow_conflicts=True,
    )


def register(url, name, original):
    """Tells TFDS what the file at `url` must hold."""
    checksum = hashlib.sha256(original).hexdigest()
    Tiny.url_infos[url] = UrlInfo(len(original), checksum, name)


def raw_records(*paths):
    """The serialized records of TFRecord files, in order."""
    paths = list(map(str, paths))
    compression = "GZIP" if paths[0].endswith(".gz") else ""
    batches = tf.data.TFRecordDataset(paths, compression).batch(512)
    return [record for batch in batches.as_numpy_iterator() for record in batch]


def example(image, label, image_key="image", label_key="label"):
    """A serialized `tf.train.Example`."""
    message = tf.train.Example()
    message.features.feature[image_key].bytes_list.value.append(image)
    message.features.feature[label_key].int64_list.value.append(label)
    return message.SerializeToString()


def picture(*, side=28, mode="L", kind="PNG"):
    """An encoded image."""
    file = io.BytesIO()
    Image.new(mode, (side, side)).save(file, kind)
    return file.getvalue()


def generate(data, folder, beam_pipeline_args=None):
    """Runs ExampleGen's real executor; returns the artifact that it filled."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    context = executor.Executor.Context(beam_pipeline_args=beam_pipeline_args)
    run = executor.Executor(context if beam_pipeline_args else None)
    run.Do({}, {"examples": [artifact]}, {"data": data.to_json()})
    return artifact
