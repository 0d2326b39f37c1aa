"""Base of drivers, which run before TFX looks into its cache and may extend the key."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_driver
from tfx.orchestration.portable import base_driver as ir_base_driver


# TFX's compiler requires the first base, its launcher the second.
class CacheDriver(base_driver.BaseDriver, ir_base_driver.BaseDriver):
    """A driver whose `run` adds execution properties. Kubeflow runs no drivers."""

    def __init__(self, metadata_handle: Any) -> None:
        base_driver.BaseDriver.__init__(self, metadata_handle)
        ir_base_driver.BaseDriver.__init__(self, metadata_handle)
