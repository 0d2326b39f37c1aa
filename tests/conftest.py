"""What tests of several layers share."""

import pytest
import small_disks


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """The `DataConfig` of the data set `digits`, prepared once per session."""
    from tfx_distill.components.tfds_example_gen import dataset_source
    from tfx_distill.trainer.config.data_config import DataConfig

    data = DataConfig(
        dataset="digits", data_dir=str(tmp_path_factory.mktemp("tfds")), manual_dir=None
    )
    dataset_source.prepare(data)
    return data


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own in `tmp_path`."""
    with small_disks.mounted(tmp_path) as disk:
        yield disk
