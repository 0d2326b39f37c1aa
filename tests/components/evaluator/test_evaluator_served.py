"""Against what serves now: who that is, and what the comparison decides."""

import dataclasses
import os
import shutil

import digit_models
import evaluations
import ml_metadata
import pytest
from evaluations import GATE, PAIRED
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import data_types
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_artifacts

from tfx_distill.components.evaluator import driver, inference
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import saved_model_files


@pytest.fixture(scope="module")
def split(examples):
    spec = DataSpec.load(examples.uri)
    return example_reader.load_split(examples.uri, "test", spec)


def _pushed(model, folder):
    """A version in a serving folder."""
    shutil.copytree(digit_models.serving_path(model), folder)
    return str(folder)


@pytest.fixture(scope="module")
def worse(examples, student_model, tmp_path_factory):
    """A student that surely is worse than `student`, whatever the stack."""
    model = digit_models.with_last_layer(student_model, digit_models.a_little_worse)
    folder = tmp_path_factory.mktemp("worse")
    return digit_models.artifact(model, DataSpec.load(examples.uri), "student", folder)


@pytest.mark.parametrize(
    ("rule", "margin", "blessed"),
    [
        ("report", None, True),
        ("must_not_be_worse", 0.2, True),
        ("must_not_be_worse", 0.011, False),
        ("must_be_better", None, False),
    ],
)
def test_the_rule_decides(
    examples, worse, student, teacher, split, tmp_path, rule, margin, blessed
):
    uri = _pushed(student, tmp_path / "7")
    gate = PAIRED.replace(against_served=rule, served_margin=margin)
    evaluated = evaluations.evaluate(
        tmp_path, examples, worse, [teacher], gate, served_model=uri
    )
    served, answers = evaluated.verdict.served, evaluated.answers
    assert (served.version, served.artifact_id, served.uri) == ("7", None, uri)
    accuracy = (answers.served.argmax(1) == split.labels).mean()
    assert served.accuracy == pytest.approx(accuracy)
    assert served.low < served.difference < served.high
    assert -0.15 < served.difference < -0.02
    assert served.only_student - served.only_served == pytest.approx(
        served.difference * len(split)
    )
    assert evaluated.verdict.blessed == blessed
    if not blessed:
        assert evaluated.verdict.reasons[0].startswith("gate.against_served: ")


def test_a_served_model_of_other_data_refuses_unless_it_is_only_reported(
    examples, student, teacher, student_model, tmp_path
):
    spec = dataclasses.replace(
        DataSpec.load(examples.uri), class_names=tuple("abcdefghij")
    )
    other = digit_models.artifact(student_model, spec, "student", tmp_path / "other")
    uri = digit_models.serving_path(other)
    person = {"decided_by": "Ada", "reason": "ten new classes"}
    for rule, blessed in (("report", True), ("must_not_be_worse", False)):
        gate = GATE.replace(against_served=rule, **person)
        folder = tmp_path / rule
        evaluated = evaluations.evaluate(
            folder, examples, student, [teacher], gate, served_model=uri
        )
        assert "it is a model of other data" in evaluated.verdict.served.problem
        assert evaluated.verdict.blessed == blessed
        assert evaluated.answers.served is None
        recorded = evaluated.blessing.get_string_custom_property
        assert (recorded("decided_by"), recorded("decision_reason")) == (
            *person.values(),
        )
        told = evaluated.verdict.notes[-1]
        assert ("by decision of Ada: ten new classes" in told) == blessed or not blessed


def test_latest_without_a_driver_is_a_problem_and_nothing_served_is_none():
    unresolved = inference.served_of({"served_model": "latest"}, "must_not_be_worse")
    assert "no driver ran" in unresolved.problem
    resolved = {"served_model": "latest", "served_model_uri": ""}
    assert inference.served_of(resolved, "report") is None
    assert inference.served_of({}, "report") is None


class Store:
    """A SQLite ML Metadata with pushed models of the pipeline `p`."""

    def __init__(self, folder):
        self.folder = folder
        self.connection = metadata.sqlite_metadata_connection_config(
            str(folder / "mlmd.sqlite")
        )
        self.store = ml_metadata.MetadataStore(self.connection)
        kind = metadata_store_pb2.ArtifactType(name="PushedModel")
        self._type = self.store.put_artifact_type(kind)
        kind = metadata_store_pb2.ContextType(name="pipeline")
        self._contexts = self.store.put_context_type(kind)

    def push(self, content, *, digest="", pushed=1, pipeline="p"):
        """Puts a folder with a file where the newest version lies; returns its id."""
        folder = self.folder / "serving" / str(len(self.store.get_artifacts()) + 1)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text(content)
        artifact = metadata_store_pb2.Artifact(type_id=self._type)
        artifact.custom_properties["pushed"].int_value = pushed
        artifact.custom_properties["pushed_destination"].string_value = str(folder)
        if digest:
            artifact.custom_properties["model_digest"].string_value = digest
        (id_,) = self.store.put_artifacts([artifact])
        context = metadata_store_pb2.Context(type_id=self._contexts, name=pipeline)
        known = self.store.get_context_by_type_and_name("pipeline", pipeline)
        context_id = known.id if known else self.store.put_contexts([context])[0]
        link = metadata_store_pb2.Attribution(artifact_id=id_, context_id=context_id)
        self.store.put_attributions_and_associations([link], [])
        return id_

    def tested(self, images, student):
        """Puts the blessing of a student that was tested in the pipeline `p`."""
        kind = metadata_store_pb2.ArtifactType(name="ModelBlessing")
        artifact = metadata_store_pb2.Artifact(
            type_id=self.store.put_artifact_type(kind)
        )
        artifact.custom_properties["test_images"].string_value = images
        artifact.custom_properties["model_digest"].string_value = student
        (id_,) = self.store.put_artifacts([artifact])
        context = self.store.get_context_by_type_and_name("pipeline", "p")
        link = metadata_store_pb2.Attribution(artifact_id=id_, context_id=context.id)
        self.store.put_attributions_and_associations([link], [])

    def version(self, id_):
        return self.folder / "serving" / str(id_)

    def served(self):
        """Uri and id, as the driver finds them for the student `student`."""
        found = self.found()
        return (
            found["served_model_uri"].string_value,
            found["served_artifact_id"].int_value,
        )

    def found(self, **properties):
        """What the driver adds for the student `student`."""
        model = standard_artifacts.Model()
        model.uri = str(self.folder / "model")
        os.makedirs(self.folder / "model" / "Format-Serving", exist_ok=True)
        file = self.folder / "model" / "Format-Serving" / "saved_model.pb"
        file.write_text("student")
        info = data_types.ExecutionInfo(
            input_dict={"model": [model]},
            exec_properties={"served_model": "latest", **properties},
            pipeline_info=pipeline_pb2.PipelineInfo(id="p"),
        )
        made = driver.Driver(metadata.Metadata(self.connection)).run(info)
        return made.exec_properties


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_without_a_push_nothing_serves(store):
    assert store.served() == ("", 0)


def test_the_newest_pushed_model_serves(store):
    store.push("old")
    new = store.push("new")
    store.push("refused", pushed=0)
    store.push("foreign", pipeline="another")
    assert store.served() == (str(store.version(new)), new)


def test_this_very_student_does_not_count(store):
    old = store.push("old")
    before = store.served()
    store.push("student")
    assert store.served() == before == (str(store.version(old)), old)


def test_a_rollback_does_not_make_the_student_be_judged_again(store):
    store.push("older")
    old = store.push("old")
    before = store.served()
    store.push("student")
    store.push("old")  # as `distill rollback` does
    assert store.served() == before == (str(store.version(old)), old)


def test_the_digest_that_was_noted_is_believed(store):
    old = store.push("old")
    model = store.folder / "same"
    model.mkdir()
    (model / "saved_model.pb").write_text("student")
    store.push("with LiteRT files", digest=saved_model_files.content_digest(str(model)))
    assert store.served() == (str(store.version(old)), old)


def test_a_version_whose_folder_is_gone_serves_nobody(store):
    old, new = store.push("old"), store.push("new")
    shutil.rmtree(store.version(new))
    assert store.served() == (str(store.version(old)), old)


def test_earlier_students_are_counted_only_where_they_matter(store):
    store.push("old")
    gate = GateConfig(attempts="corrected").to_json()
    for student in ("first", "second", "first"):
        store.tested("images", student)
    found = store.found(gate=gate)
    assert found["tested_before"].string_value == '{"images": 2}'
    assert "tested_before" not in store.found(gate=GateConfig().to_json())
    own = saved_model_files.content_digest(str(store.folder / "model/Format-Serving"))
    store.tested("images", own)
    store.tested("images", "third")
    # The same again is no further attempt, and so comes from the cache.
    assert store.found(gate=gate)["tested_before"].string_value == '{"images": 2}'


def test_a_model_given_by_uri_is_left_as_it_is(store):
    info = data_types.ExecutionInfo(exec_properties={"served_model": "gs://b/m/3"})
    made = driver.Driver(metadata.Metadata(store.connection)).run(info)
    assert not made.exec_properties
