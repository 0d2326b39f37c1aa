"""The DAG follows the configuration, and stays portable."""

import json
import re

import pytest
import yaml
from tfx.dsl.compiler import compiler
from tfx.orchestration import data_types
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from tfx_distill.pipeline import graph
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.config.teacher_source import TeacherSource
from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.errors import ModelError

REGISTRY = "registry.url=http://registry"
EVERYTHING = ("ensemble.size=2", "assistant={}", "control=true", "seeds=2", REGISTRY)
DATA = [
    "TfdsExampleGen",
    "ModelCheck",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "AnomalyGate",
]


def _pipeline(*overrides, **options):
    return graph.create_pipeline(load_config("smoke", overrides), **options)


def _ids(*overrides, **options):
    return [node.id for node in _pipeline(*overrides, **options).components]


def test_without_options_there_is_one_node_for_each_task():
    rest = ["Teacher", "TeacherLogits", "DistillationTrainer", "Evaluator"]
    last = ["ServabilityValidator", "LiteConverter", "Pusher"]
    assert sorted(_ids()) == sorted([*DATA, *rest, *last])


def test_the_pusher_waits_for_both_gates():
    nodes = {node.id: node for node in _pipeline().components}
    given = nodes["Pusher"].inputs
    assert given["model_blessing"] == nodes["Evaluator"].outputs["blessing"]
    assert given["infra_blessing"] == nodes["ServabilityValidator"].outputs["blessing"]


def test_with_a_registry_the_registration_follows_the_push():
    nodes = {n.id: n for n in _pipeline(REGISTRY).components}
    node = nodes["ModelRegistration"]
    assert node.inputs["pushed_model"] == nodes["Pusher"].outputs["pushed_model"]
    assert json.loads(node.exec_properties["registry"])["model"] == "smoke-digits"


def test_litert_files_go_to_the_pusher():
    nodes = {node.id: node for node in _pipeline().components}
    files = nodes["LiteConverter"].outputs["lite_models"]
    assert nodes["Pusher"].inputs["lite_models"] == files


def test_without_a_litert_flavour_there_is_no_converter():
    pipeline = _pipeline("lite.flavours=[]")
    nodes = {node.id: node for node in pipeline.components}
    assert "LiteConverter" not in nodes
    assert "lite_models" not in nodes["Pusher"].inputs


def test_teachers_are_joined_to_an_ensemble():
    added = set(_ids("ensemble.size=3")) - set(_ids())
    assert added == {"Teacher2", "Teacher3", "TeacherEnsemble"}


def test_an_assistant_stands_between_teacher_and_student():
    pipeline = _pipeline("assistant={}")
    nodes = {node.id: node for node in pipeline.components}
    assert (
        nodes["DistillationTrainer"].inputs["teacher_model"]
        == (nodes["Assistant"].outputs["model"])
    )
    assert (
        nodes["Evaluator"].inputs["baseline_model"]
        == (nodes["Teacher"].outputs["model"])
    )


def test_controls_are_trained_for_every_seed():
    added = set(_ids("control=true", "seeds=2")) - set(_ids())
    assert added == {"Control", "Control2", "DistillationTrainer2", "ControlComparison"}


def test_a_control_shows_the_headroom_before_a_student_is_trained():
    ids = _ids("control=true")
    assert ids.index("Control") + 1 == ids.index("DistillationTrainer")


def test_the_first_part_can_stand_alone():
    assert set(_ids(until="AnomalyGate")) == set(DATA)


def test_node_ids_are_valid_on_kubeflow():
    ids = _ids(*EVERYTHING)
    assert all(re.fullmatch(r"[a-zA-Z][-a-zA-Z0-9]*", node_id) for node_id in ids)


def test_tfx_compiles_the_whole_dag_for_kubeflow(tmp_path):
    settings = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="example/image:1", use_pipeline_spec_2_1=True
    )
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        settings, output_dir=str(tmp_path), output_filename="pipeline.yaml"
    ).run(_pipeline(*EVERYTHING))
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    assert set(spec["root"]["dag"]["tasks"]) == set(_ids(*EVERYTHING))


def test_on_kubeflow_what_serves_is_a_parameter_of_the_run(tmp_path):
    parameter = data_types.RuntimeParameter("served-model", ptype=str, default="")
    settings = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image="example/image:1", use_pipeline_spec_2_1=True
    )
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        settings, output_dir=str(tmp_path), output_filename="pipeline.yaml"
    ).run(_pipeline(served_model=parameter))
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    assert "served-model" in spec["root"]["inputDefinitions"]["parameters"]
    task = spec["root"]["dag"]["tasks"]["Evaluator"]["inputs"]["parameters"]
    assert task["served_model"] == {"componentInputParameter": "served-model"}


def test_nothing_trains_before_data_and_models_are_checked():
    ir = compiler.Compiler().compile(_pipeline("ensemble.size=2"))
    nodes = {n.pipeline_node.node_info.id: n.pipeline_node for n in ir.nodes}
    for teacher in ("Teacher", "Teacher2"):
        assert {"AnomalyGate", "ModelCheck"} <= set(nodes[teacher].upstream_nodes)


def test_every_model_is_tried_as_it_will_be_trained():
    nodes = _nodes(
        "hyperparameters=3", "ensemble.size=2", "assistant={}",
        hyperparameters_dir="/somewhere",
    )  # fmt: skip
    check = nodes["ModelCheck"]
    given = nodes["Hyperparameters"].outputs["result"]
    assert check.inputs["hyperparameters"] == given
    # Teachers that differ in their seed are one model.
    models = json.loads(check.exec_properties["models"])
    assert (len(models["teachers"]), models["assistant"]["options"]) == (1, {})


def test_an_unknown_architecture_is_refused_before_anything_runs():
    with pytest.raises(
        ModelError,
        match="No model function tfx_distill.trainer.models.architectures.studnet",
    ):
        _pipeline("student.model=tfx_distill.trainer.models.architectures.studnet")


def _nodes(*overrides, **options):
    return {node.id: node for node in _pipeline(*overrides, **options).components}


def test_a_search_feeds_every_student_and_control():
    nodes = _nodes("tuning={}", "control=true", "seeds=2")
    best = nodes["DistillationTuner"].outputs["best_hyperparameters"]
    for name in ("DistillationTrainer", "Control"):
        for node_id in (name, f"{name}2"):
            assert nodes[node_id].inputs["hyperparameters"] == best


def test_a_search_learns_from_the_assistant():
    nodes = _nodes("tuning={}", "assistant={}")
    tuner = nodes["DistillationTuner"]
    logits = nodes["AssistantLogits"].outputs["teacher_logits"]
    assert tuner.inputs["teacher_logits"] == logits
    assert "hyperparameters" not in nodes["Assistant"].inputs


def test_a_search_can_stand_alone():
    ids = _ids("tuning={}", until="DistillationTuner")
    assert "DistillationTuner" in ids
    assert "DistillationTrainer" not in ids


def test_a_frozen_result_is_imported_for_every_student():
    nodes = _nodes("hyperparameters=3", hyperparameters_dir="/somewhere")
    given = nodes["Hyperparameters"].outputs["result"]
    assert nodes["DistillationTrainer"].inputs["hyperparameters"] == given
    assert "DistillationTuner" not in nodes


def test_a_frozen_result_is_never_left_out_in_silence():
    with pytest.raises(ValueError, match="Resolve config.hyperparameters"):
        _pipeline("hyperparameters=3")


def test_an_option_that_the_architecture_lacks_is_refused_before_anything_runs():
    space = "tuning.space={student.options.depth: {min: 1, max: 3}}"
    with pytest.raises(ModelError, match="has no option depth. Its options: widths"):
        _pipeline(space)


FILES = TeacherSource("/somewhere/teacher.keras", ImportedConfig(), digest="abc")


def test_an_imported_teacher_is_not_trained_and_not_tried():
    nodes = _nodes("teacher.from=teacher.keras", teacher_sources=[FILES])
    assert type(nodes["Teacher"]).__name__ == "ImportedTeacher"
    source = nodes["TeacherSource"].outputs["result"]
    assert nodes["Teacher"].inputs["source"] == source
    assert source.additional_custom_properties == {"content_digest": "abc"}
    models = json.loads(nodes["ModelCheck"].exec_properties["models"])
    assert models["teachers"] == []


def test_an_ensemble_mixes_trained_and_imported_teachers():
    members = "ensemble.members=[{epochs: 2}, {from: teacher.keras}]"
    nodes = _nodes(members, teacher_sources=[None, FILES])
    assert type(nodes["Teacher"]).__name__ == "Trainer"
    assert type(nodes["Teacher2"]).__name__ == "ImportedTeacher"
    assert {"TeacherSource2", "TeacherEnsemble"} < set(nodes)


def test_an_imported_teacher_is_never_trained_in_silence():
    with pytest.raises(ValueError, match="Resolve teacher.from"):
        _pipeline("teacher.from=teacher.keras")
