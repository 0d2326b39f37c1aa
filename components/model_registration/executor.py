"""Tells a model registry of a pushed student: its place, its metrics and its lineage."""

from __future__ import annotations

import logging
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from tfx_distill.components import property_names
from tfx_distill.components.checks import OVERALL
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.model_registration import model_registry
from tfx_distill.components.model_registration.model_registry import Property, Version
from tfx_distill.components.servability_validator.servability import Servability
from tfx_distill.trainer import file_system
from tfx_distill.trainer.config import secret_reference
from tfx_distill.trainer.config.registry_config import RegistryConfig
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.json_service import JsonService

logger = logging.getLogger(__name__)

REGISTRY_KEY = "registry"


class Executor(base_executor.BaseExecutor):
    """Inputs `pushed_model`, `model_blessing`, `infra_blessing`; no output."""

    def Do(self, input_dict, output_dict, exec_properties) -> None:
        config = RegistryConfig.from_json(exec_properties[REGISTRY_KEY])
        given = {
            key: artifact_utils.get_single_instance(artifacts)
            for key, artifacts in input_dict.items()
        }
        if not given["pushed_model"].get_int_custom_property(property_names.PUSHED):
            logger.info("Nothing was pushed, so nothing is registered")
            return
        version = _version(config.model, given)
        number = _registered(config, version)
        logger.info("Registered as %s %s, id %s", config.model, version.name, number)


def _registered(config: RegistryConfig, version: Version) -> str:
    try:
        return model_registry.register(_service(config), version)
    except DistillError as error:
        raise DistillError(
            f"Version {version.name} is pushed to {version.uri}, and not registered: "
            f"{error} To register it, run the same again."
        ) from error


def _service(config: RegistryConfig) -> JsonService:
    token = config.token and secret_reference.read(config.token, "registry.token")
    return JsonService(str(config.url), token, name=f"The model registry {config.url}")


def _version(model: str, given: dict[str, types.Artifact]) -> Version:
    pushed = given["pushed_model"]
    uri = pushed.get_string_custom_property(property_names.REMOTE_URI)
    folder = pushed.get_string_custom_property(property_names.PUSHED_DESTINATION)
    # Without a volume, the folder is lost with the pod, and the artifact is the copy.
    place = uri if folder == pushed.uri else folder
    return Version(
        model=model,
        name=pushed.get_string_custom_property(property_names.PUSHED_VERSION),
        uri=file_system.as_uri(place),
        properties={**_metrics(given), **_lineage(pushed)},
        run=_run(pushed),
    )


def _run(pushed: types.Artifact) -> str:
    """The run that pushed it.

    TFX names artifacts PIPELINE:RUN:NODE:KEY:NUMBER. Kubeflow Pipelines does not; there,
    a URI is ROOT/PIPELINE/RUN/NODE/UUID/KEY.
    """
    uri = pushed.get_string_custom_property(property_names.REMOTE_URI)
    if uri:
        return uri.split("/")[-4]
    parts = pushed.name.split(":")
    return parts[-4] if len(parts) > 3 else ""


def _metrics(given: dict[str, types.Artifact]) -> dict[str, Property]:
    """What both gates measured, without what they did not."""
    verdict = Verdict.load(given["model_blessing"].uri)
    servability = Servability.load(given["infra_blessing"].uri)
    paired = verdict.paired.get(OVERALL, {})
    single = servability.student.latency.get("1", {})
    values: dict[str, Any] = {
        "accuracy": verdict.student.get(OVERALL, {}).get("accuracy"),
        "teacher_accuracy": verdict.teacher.get(OVERALL, {}).get("accuracy"),
        "difference_to_teacher": paired.get("difference"),
        "difference_to_teacher_low": paired.get("low"),
        "agreement": verdict.agreement,
        "num_test_examples": verdict.num_examples,
        "num_parameters": servability.student.parameters,
        "size_bytes": servability.student.bytes,
        "latency_1_median_ms": single.get("median_ms"),
        "latency_1_p95_ms": single.get("p95_ms"),
    }
    return {name: float(value) for name, value in values.items() if value is not None}


def _lineage(pushed: types.Artifact) -> dict[str, Property]:
    uri = pushed.get_string_custom_property(property_names.REMOTE_URI) or pushed.uri
    digest = pushed.get_string_custom_property(property_names.MODEL_DIGEST)
    values = {
        "artifact_uri": uri,
        property_names.MODEL_DIGEST: digest,
        "run": _run(pushed),
    }
    card = saved_model_files.read_card(pushed.uri)
    if card is not None:
        values[property_names.DATASET] = card.spec.dataset
        values[property_names.DATA_FINGERPRINT] = card.spec.fingerprint
        values.update({f"{name}_version": text for name, text in card.versions.items()})
    return {name: value for name, value in values.items() if value}
