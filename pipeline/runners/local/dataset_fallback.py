"""What a local run does when MNIST cannot be had: it goes on with `digits`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.schema import PipelineConfig

SUBSTITUTE = "digits"
_SUBSTITUTED = "mnist"


def available(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
) -> tuple[PipelineConfig, str]:
    """Prepares the data set, or that of the substitute.

    Args:
        config: The configuration that was asked for.
        file: What `config` was loaded from.
        overrides: As `file`.

    Returns:
        The configuration to run and a notice for the person; it is empty when
        the configuration is the one that was asked for.

    Raises:
        DataError: If there is no data set and none may take its place.
    """
    try:
        dataset_source.prepare(config.data)
        return config, ""
    except dataset_source.DataUnavailable as error:
        if (
            config.data.dataset.split(":")[0] != _SUBSTITUTED
            or not config.data.substitute
        ):
            raise
        reason = str(error)
    config = load_config(file, overrides, dataset=SUBSTITUTE)
    dataset_source.prepare(config.data)
    notice = (
        f"MNIST is not available. {reason}\n"
        "Going on with `digits`: 1,797 real handwritten digits from scikit-learn, in "
        "MNIST's format. Its numbers are NOT MNIST's.\n"
        "--set data.substitute=false forbids this."
    )
    return config, notice
