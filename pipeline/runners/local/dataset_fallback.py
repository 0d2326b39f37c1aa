"""Local runs fall back to the data set `digits` when MNIST is unavailable."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.pipeline.config.loader import load_fallback
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.data import image_listing


def available(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
) -> tuple[PipelineConfig, str]:
    """Prepares the data set or, if it is MNIST and unavailable, its substitute.

    Args:
        config: The requested configuration.
        file: File from which `config` was loaded.
        overrides: `KEY=VALUE` settings with which `config` was loaded.

    Returns:
        The configuration to run, and a notice for the user, empty unless the
        substitute is used.

    Raises:
        DataError: If the data set is unavailable and may not be replaced.
    """
    if config.data.images is not None:
        image_listing.find(config.data)
        return config, ""
    try:
        dataset_source.prepare(config.data)
        return config, ""
    except dataset_source.DataUnavailable as error:
        fallback = load_fallback(config, file, overrides)
        if fallback is None:
            raise
        reason = str(error)
    dataset_source.prepare(fallback.data)
    notice = (
        f"MNIST is not available. {reason}\n"
        "Falling back to `digits`: 1,797 real handwritten digits from scikit-learn, in "
        "MNIST's format. Its numbers are NOT MNIST's.\n"
        "Use --set data.substitute=false to fail instead."
    )
    return fallback, notice
