"""TFX's own MNIST example pipeline, on given images, with TFX's own local runner.

Reads images and labels from the `.npz` file that is its first argument, writes into the
folder that is its second, and prints JSON: seconds of each node by its id. The pipeline is
the one that TFX installs as `tfx.examples.mnist`: it trains one small dense model and
distills nothing.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

from measurement import node_times


def main(arrays: str, folder: str) -> None:
    from tfx.examples.mnist import mnist_pipeline_native_keras as example
    from tfx.examples.mnist import mnist_utils_native_keras as module
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    _write_records(arrays, os.path.join(folder, "data"))
    pipeline = example._create_pipeline(
        pipeline_name="mnist",
        pipeline_root=os.path.join(folder, "artifacts"),
        data_root=os.path.join(folder, "data"),
        module_file=module.__file__,
        serving_model_dir=os.path.join(folder, "serving"),
        metadata_path=os.path.join(folder, "metadata.sqlite"),
        beam_pipeline_args=[],
    )
    LocalDagRunner().run(pipeline)
    times = node_times(pathlib.Path(folder))
    print(json.dumps({node: last - first for node, first, last in times}))


def _write_records(arrays: str, folder: str) -> None:
    """Writes all images as floats in [-0.5, 0.5], as the example has them."""
    import numpy as np
    import tensorflow as tf

    os.makedirs(folder)
    with np.load(arrays) as data:
        images = np.concatenate([data["train_images"], data["test_images"]])
        labels = np.concatenate([data["train_labels"], data["test_labels"]])
    path = os.path.join(folder, "images.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for image, label in zip(images, labels, strict=True):
            example = tf.train.Example()
            feature = example.features.feature
            floats = image.reshape(-1) / 255 - 0.5
            feature["image_floats"].float_list.value.extend(floats)
            feature["image_class"].int64_list.value.append(int(label))
            writer.write(example.SerializeToString())


if __name__ == "__main__":
    main(*sys.argv[1:])
