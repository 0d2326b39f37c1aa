"""The component as runners see it, and its benchmark."""

import json
import pathlib
import runpy

import pytest
import yaml
from tfx import components
from tfx.orchestration import pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from tfx_distill.components.anomaly_gate.component import AnomalyGate
from tfx_distill.components.tfds_example_gen.component import TfdsExampleGen
from tfx_distill.trainer.config.data_config import DataConfig

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_component_is_called_by_its_class():
    assert TfdsExampleGen(DataConfig()).id == "TfdsExampleGen"


def test_configuration_travels_as_one_string():
    data = DataConfig(dataset="cifar10", image_shape=(32, 32, 3))
    properties = TfdsExampleGen(data).exec_properties
    assert list(properties) == ["data"]
    assert DataConfig.from_json(properties["data"]) == data


@pytest.fixture(scope="module")
def kubeflow_spec(tmp_path_factory):
    """What Kubeflow is given of ExampleGen, the gate and what lies between."""
    folder = tmp_path_factory.mktemp("kubeflow")
    gen = TfdsExampleGen(DataConfig())
    statistics = components.StatisticsGen(examples=gen.outputs["examples"])
    schema = components.SchemaGen(statistics=statistics.outputs["statistics"])
    validator = components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    gate = AnomalyGate(validator.outputs["anomalies"])
    nodes = [gen, statistics, schema, validator, gate]
    made = pipeline.Pipeline("test", str(folder), components=nodes)
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="image", use_pipeline_spec_2_1=True
    )
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config, output_dir=str(folder), output_filename="spec.yaml"
    ).run(made)
    return yaml.safe_load((folder / "spec.yaml").read_text())


def test_kubeflow_carries_the_configuration_as_a_string(kubeflow_spec):
    definitions = kubeflow_spec["components"]["TfdsExampleGen"]["inputDefinitions"]
    assert definitions == {"parameters": {"data": {"parameterType": "STRING"}}}


def test_kubeflow_takes_a_gate_without_outputs(kubeflow_spec):
    assert "outputDefinitions" not in kubeflow_spec["components"]["AnomalyGate"]
    task = kubeflow_spec["root"]["dag"]["tasks"]["AnomalyGate"]
    assert task["dependentTasks"] == ["ExampleValidator"]


def test_benchmark_counts_every_image(digits, capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "example_gen.py"))
    script["main"](["--smoke", "--data-dir", digits.data_dir])
    result = json.loads(capsys.readouterr().out)
    assert result["images"] == 1797
    assert result["images_per_s"] == max(result["images_per_s_of_each_run"])
    assert result["images_per_s"] * min(result["executor_s"]) == pytest.approx(
        1797, rel=0.05
    )
