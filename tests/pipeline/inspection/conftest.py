"""A pipeline of its own, and its store."""

import os

import metadata_stores
import pytest

from tfx_distill.pipeline.config.loader import load_config


@pytest.fixture
def config(tmp_path):
    config = load_config("smoke", [f"pipeline.root={tmp_path}"])
    for folder in (config.artifacts_dir, config.serving_dir):
        os.makedirs(folder)
    return config


@pytest.fixture
def writer(config):
    path = config.pipeline_dir / "metadata.sqlite"
    return metadata_stores.Writer(path, pipeline=config.pipeline_name)
