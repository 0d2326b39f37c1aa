"""What makes TFX's cache hit for equal data, and miss for other data."""

from __future__ import annotations

import uuid

from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import driver_output_pb2

from tfx_distill.components import cache_driver, property_names
from tfx_distill.components.example_gen import sources
from tfx_distill.components.example_gen.executor import DATA_KEY
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.errors import DataError


class Driver(cache_driver.CacheDriver):
    """Adds the data set's fingerprint to what decides on the cache.

    Kubeflow runs no drivers: the executor does its work without this one.
    """

    def run(
        self, execution_info: data_types.ExecutionInfo
    ) -> driver_output_pb2.DriverOutput:
        """Prepares the data set, so that it can be hashed."""
        result = driver_output_pb2.DriverOutput()
        properties = result.exec_properties
        data = DataConfig.from_json(execution_info.exec_properties[DATA_KEY])
        try:
            fingerprint = sources.open_source(data).fingerprint()
        except DataError:
            # A driver that raises leaves its execution running for ever in ML
            # Metadata. So the executor is made to fail, and never a cache to hit.
            properties["attempt"].string_value = uuid.uuid4().hex
            return result
        properties[property_names.DATA_FINGERPRINT].string_value = fingerprint
        # Where prepared data came from must not decide whether to use them.
        settled = data.replace(manual_dir=None, substitute=True)
        properties[DATA_KEY].string_value = settled.to_json()
        return result
