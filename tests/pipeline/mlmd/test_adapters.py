"""Stores of earlier versions: their names of types and components are today's."""

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.mlmd import adapters, read_only_store


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("Model", "Model"),
        ("tfx.Model", "Model"),
        ("tfx_distill.LiteModels", "tfx_distill.LiteModels"),
        ("distill_artifacts.TeacherLogits", "tfx_distill.TeacherLogits"),
    ],
)
def test_artifact_types_have_the_names_of_this_version(recorded, now):
    assert adapters.artifact_type(recorded) == now


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("components.pusher.component.Pusher",
         "tfx_distill.components.pusher.component.Pusher"),
        ("components.servability.component.ServabilityValidator",
         "tfx_distill.components.servability_validator.component"
         ".ServabilityValidator"),
        ("tfx.components.statistics_gen.component.StatisticsGen",) * 2,
    ],
)  # fmt: skip
def test_components_have_the_names_of_this_version(recorded, now):
    assert adapters.execution_type(recorded) == now


@pytest.fixture
def old(tmp_path):
    """A store as the version before the move wrote it, and a LiteRT artifact in it."""
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    writer.distill("run-1")
    folder = tmp_path / "lite"
    folder.mkdir()
    (folder / "scores.json").write_text('{"int8": {"accuracy": 0.9}}')
    lite = writer.artifact("distill_artifacts.LiteModels", folder)
    writer.execute(
        "lite_converter.component.LiteConverter", [], [("lite_models", lite)]
    )
    return writer, lite


def test_artifacts_of_an_old_store_are_read_as_todays(old):
    writer, lite = old
    store = read_only_store.open_store(None, str(writer.path))
    graph = store.everything()
    assert graph.artifacts[lite].type == "tfx_distill.LiteModels"
    assert graph.latest("run-1", "LiteModels").id == lite
    types = {execution.type for execution in graph.executions.values()}
    assert all(name.startswith("tfx_distill.components.") for name in types)


@pytest.mark.parametrize(
    "asked",
    ["LiteModels", "tfx_distill.LiteModels", "distill_artifacts.LiteModels"],
)
def test_artifacts_are_found_by_old_and_new_names(old, asked):
    writer, lite = old
    store = read_only_store.open_store(None, str(writer.path))
    assert set(store.artifacts(asked).artifacts) == {lite}


def test_files_of_an_old_type_are_shown(old):
    writer, lite = old
    arguments = ["show", str(lite), "--metadata", str(writer.path)]
    output = CliRunner().invoke(cli.cli, arguments).output
    assert "int8" in output and "0.9000" in output
