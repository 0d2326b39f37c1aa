"""The component that stops a pipeline on anomalous data."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from tfx_distill.components.anomaly_gate import executor


class AnomalyGateSpec(types.ComponentSpec):
    """No output: nodes that must wait for the gate name it as an upstream node."""

    PARAMETERS: dict[str, component_spec.ExecutionParameter] = {}
    INPUTS = {
        executor.ANOMALIES_KEY: component_spec.ChannelParameter(
            type=standard_artifacts.ExampleAnomalies
        ),
    }
    OUTPUTS: dict[str, component_spec.ChannelParameter] = {}


class AnomalyGate(base_component.BaseComponent):
    """Fails if ExampleValidator found an anomaly in any split.

    ExampleValidator writes its findings and succeeds, so later nodes would train on bad
    data. Call `add_upstream_node(gate)` on those that must wait.
    """

    SPEC_CLASS = AnomalyGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, anomalies: types.BaseChannel) -> None:
        """Makes the component.

        Args:
            anomalies: `ExampleAnomalies`, from ExampleValidator.
        """
        super().__init__(AnomalyGateSpec(**{executor.ANOMALIES_KEY: anomalies}))
