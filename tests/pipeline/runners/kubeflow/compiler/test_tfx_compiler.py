"""What TFX compiles would fail on Kubeflow Pipelines; what we make of it would not."""

import json
import re

import pytest
from tfx.components import (
    CsvExampleGen,
    InfraValidator,
    Pusher,
    SchemaGen,
    StatisticsGen,
    Trainer,
)
from tfx.dsl.components.common import importer, resolver
from tfx.dsl.experimental.conditionals import conditional
from tfx.dsl.input_resolution.strategies import latest_blessed_model_strategy
from tfx.orchestration import data_types
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.proto import example_gen_pb2, infra_validator_pb2, pusher_pb2, trainer_pb2
from tfx.types import channel, standard_artifacts

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.kubeflow import pipeline_package
from tfx_distill.pipeline.runners.kubeflow.compiler import (
    compilation,
    server_checks,
)
from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import (
    CompileError,
)

IMAGE = "registry.example.org/tfx-distill:1.0"


def _dag(*nodes, name="digits"):
    return tfx_pipeline.Pipeline(
        pipeline_name=name, pipeline_root="/pipeline/root", components=list(nodes)
    )


def _tfx(dag, tmp_path, filename="pipeline.yaml", schema_2_1=True):
    settings = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
        default_image=IMAGE, use_pipeline_spec_2_1=schema_2_1
    )
    kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        settings, output_dir=str(tmp_path), output_filename=filename
    ).run(dag)
    return tmp_path / filename


def _ours(dag):
    config = load_config("smoke").kubeflow
    compiled = compilation.compile_pipeline(dag, IMAGE, config, {}, {})
    compilation.validate(compiled)
    return compiled


def _channel(kind):
    return channel.Channel(type=kind)


def _data():
    examples = CsvExampleGen(input_base="s3://bucket/csv")
    statistics = StatisticsGen(examples=examples.outputs["examples"])
    return examples, statistics


def test_a_json_file_of_tfx_is_a_job_which_kubeflow_does_not_take(tmp_path):
    path = _tfx(_dag(*_data()), tmp_path, "pipeline.json")
    assert "pipelineSpec" in json.loads(path.read_text())
    with pytest.raises(
        CompileError, match="for Vertex AI; Kubeflow Pipelines does not"
    ):
        pipeline_package.read(path)


def test_tfx_by_itself_writes_a_schema_that_the_server_refuses(tmp_path):
    path = _tfx(_dag(*_data()), tmp_path, schema_2_1=False)
    with pytest.raises(CompileError, match="The schema version is 2.0.0"):
        server_checks.check(pipeline_package.read(path))
    assert _ours(_dag(*_data())).spec["schemaVersion"] == "2.1.0"


def _with_parameter(default):
    examples, statistics = _data()
    parameter = data_types.RuntimeParameter(name="infer", default=default, ptype=int)
    schema = SchemaGen(
        statistics=statistics.outputs["statistics"], infer_feature_shape=parameter
    )
    return _dag(examples, statistics, schema)


def test_tfx_loses_the_defaults_of_run_parameters(tmp_path):
    with pytest.raises(CompileError, match="infer is required but has no default"):
        server_checks.check(pipeline_package.read(_tfx(_with_parameter(1), tmp_path)))
    assert _ours(_with_parameter(1)).parameters == {
        "infer": {"parameterType": "NUMBER_INTEGER", "defaultValue": 1}
    }
    with pytest.raises(CompileError, match="The run parameter infer has no default"):
        _ours(_with_parameter(None))


@pytest.mark.parametrize("name", ["Examples.first", "my_examples", "2nd"])
def test_tfx_takes_names_that_argo_refuses(tmp_path, name):
    def dag():
        return _dag(CsvExampleGen(input_base="s3://bucket/csv").with_id(name))

    assert name in pipeline_package.read(_tfx(dag(), tmp_path)).tasks
    with pytest.raises(CompileError, match=f"The node ID {name} is invalid"):
        _ours(dag())


def test_tfx_compiles_drivers_that_nobody_runs(tmp_path):
    def lifecycle(compiled):
        return compiled.executor("CsvExampleGen")["container"].get("lifecycle")

    path = _tfx(_dag(*_data()), tmp_path)
    assert "preCacheCheck" in lifecycle(pipeline_package.read(path))
    assert lifecycle(_ours(_dag(*_data()))) is None


def _importer(kind, node_id):
    return importer.Importer("gs://bucket/x", kind).with_id(node_id)


def _conditional():
    model = _importer(standard_artifacts.Model, "Model")
    blessing = _importer(standard_artifacts.ModelBlessing, "Blessing")
    blessed = blessing.outputs["result"].future()[0].custom_property("blessed") == 1
    with conditional.Cond(blessed):
        pusher = Pusher(
            model=model.outputs["result"],
            model_blessing=blessing.outputs["result"],
            push_destination=pusher_pb2.PushDestination(),
        )
    return _dag(model, blessing, pusher)


def test_tfx_names_an_input_that_the_task_does_not_have(tmp_path):
    def missing(compiled):
        task = compiled.tasks["Pusher"]
        condition = task["triggerPolicy"]["condition"]
        named = set(re.findall(r"artifacts\['(.*?)'\]", condition))
        assert named
        return named - set(task["inputs"]["artifacts"])

    theirs = pipeline_package.read(_tfx(_conditional(), tmp_path))
    assert missing(theirs) == {"_Blessing.result"}
    assert missing(_ours(_conditional())) == set()


def _trainer(**arguments):
    return Trainer(
        examples=_channel(standard_artifacts.Examples),
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        **arguments,
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda tmp_path: resolver.Resolver(
                strategy_class=latest_blessed_model_strategy.LatestBlessedModelStrategy,
                model=_channel(standard_artifacts.Model),
                model_blessing=_channel(standard_artifacts.ModelBlessing),
            ),
            "is a Resolver.*with an Importer",
        ),
        (
            lambda tmp_path: InfraValidator(
                model=_channel(standard_artifacts.Model),
                serving_spec=infra_validator_pb2.ServingSpec(),
            ),
            "is an InfraValidator.*in a component of your own",
        ),
        (
            lambda tmp_path: _trainer(module_file=str(tmp_path / "module.py")),
            "has a module.*run_fn='package.module.run_fn'",
        ),
        (
            lambda tmp_path: importer.Importer("/models/1", standard_artifacts.Model),
            "imports /models/1, which pods do not have",
        ),
        (
            lambda tmp_path: CsvExampleGen(input_base="/csv"),
            "names /csv, a folder of this",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_the_alternative(tmp_path, make, message):
    (tmp_path / "module.py").write_text("def run_fn(fn_args): pass\n")
    with pytest.raises(CompileError, match=message):
        _ours(_dag(make(tmp_path)))


def test_a_span_that_only_a_driver_resolves_is_refused():
    split = example_gen_pb2.Input.Split(name="train", pattern="{SPAN}/*")
    config = example_gen_pb2.Input(splits=[split])
    node = CsvExampleGen(input_base="s3://bucket/csv", input_config=config)
    with pytest.raises(CompileError, match=r"reads \{SPAN\}"):
        _ours(_dag(node))


def test_what_tfx_itself_refuses_is_one_line():
    with pytest.raises(
        CompileError, match="TFX cannot compile this for Kubeflow: User "
    ):
        _ours(_dag(*_data(), name="My Digits"))
