"""The component that brings a TensorFlow Datasets data set into the pipeline."""

from __future__ import annotations

from tfx_distill.components.example_gen.base_component import ExampleGen


class TfdsExampleGen(ExampleGen):
    """An ExampleGen over any TFDS data set of images with one class each.

    See `ExampleGen` for the output. Records keep the data set's order.
    """
