"""A run as it lies on disk and in ML Metadata, small and made by hand."""

import gzip
import io
import json
import pathlib
import struct

import ml_metadata
import numpy as np
from ml_metadata.proto import metadata_store_pb2 as pb
from PIL import Image
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.report.collect import report_collector

RUN = "20260101-000000-000000"
LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2])
TEACHER = np.array([0, 0, 0, 1, 1, 2, 2, 2])
STUDENT = np.array([0, 0, 1, 1, 1, 1, 2, 0])


def probabilities(answers, confidence=0.8, classes=3):
    rest = (1 - confidence) / (classes - 1)
    values = np.full((len(answers), classes), rest, np.float32)
    values[np.arange(len(answers)), answers] = confidence
    return values


class SmallRun:
    """Writes the run; every text in it contains `spice`."""

    labels, student, teacher, shape = LABELS, STUDENT, TEACHER, (4, 4, 1)

    def __init__(self, root: pathlib.Path, spice: str = "", name: str = RUN) -> None:
        self.config = load_config(
            None, [f"pipeline.root={root}", "pipeline.name=small"]
        )
        self.folder, self.spice, self.name = self.config.pipeline_dir, spice, name
        self.class_names = [f"c{label}{spice}" for label in range(3)]
        self.folder.mkdir(parents=True, exist_ok=True)
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = str(self.folder / "metadata.sqlite")
        connection.sqlite.connection_mode = 3
        self.store = ml_metadata.MetadataStore(connection)
        self.contexts = [
            self._context("pipeline", "small"),
            self._context("pipeline_run", name, tfx_distill_version=f"0.1{spice}"),
        ]
        self.run_dir = self.folder / "runs" / name
        self.run_dir.mkdir(parents=True)

    def write(self, *, blessed=True, state=pb.Execution.COMPLETE, answers=True):
        """A whole run of six steps; `state` is that of the last."""
        settings = {"data": {"dataset": f"small{self.spice}"}, f"k{self.spice}": 1}
        (self.run_dir / "config.yaml").write_text(json.dumps(settings))
        examples = self.artifact("Examples", note=f"n{self.spice}")
        self._examples(examples)
        self.execution("TfdsExampleGen", {}, {"examples": examples})
        statistics = self.artifact("ExampleStatistics")
        self._statistics(statistics)
        self.execution(
            "StatisticsGen", {"examples": examples}, {"statistics": statistics}
        )
        models = {role: self.artifact("Model") for role in ("teacher", "student")}
        for node, role in (("Teacher", "teacher"), ("DistillationTrainer", "student")):
            self._model(models[role], role)
            self.execution(node, {"examples": examples}, {"model": models[role]})
        evaluation, blessing = (
            self.artifact("ModelEvaluation"),
            self.artifact("ModelBlessing"),
        )
        self._verdict(blessing, blessed)
        if answers:
            classes = len(self.class_names)
            Predictions(
                labels=self.labels,
                student=probabilities(self.student, 0.8, classes),
                teacher=probabilities(self.teacher, 0.9, classes),
            ).save(evaluation.uri)
        read = {"model": models["student"], "baseline_model": models["teacher"]}
        written = {"evaluation": evaluation, "blessing": blessing}
        self.execution("Evaluator", {"examples": examples, **read}, written)
        pushed = self.artifact(
            "PushedModel", pushed=int(blessed), pushed_destination=f"/s/1{self.spice}"
        )
        self.execution(
            "Pusher", {"model_blessing": blessing}, {"pushed_model": pushed}, state
        )
        return self

    def artifact(self, kind, **properties):
        type_id = self.store.put_artifact_type(pb.ArtifactType(name=kind))
        message = pb.Artifact(type_id=type_id, state=pb.Artifact.LIVE)
        for name, value in properties.items():
            _set(message.custom_properties[f"{name}"], value)
        if self.spice:
            _set(message.custom_properties[f"p{self.spice}"], f"v{self.spice}")
        (message.id,) = self.store.put_artifacts([message])
        message.uri = str(self.folder / "artifacts" / kind / str(message.id))
        pathlib.Path(message.uri).mkdir(parents=True)
        self.store.put_artifacts([message])
        return message

    def execution(self, node, read, written, state=pb.Execution.COMPLETE):
        type_id = self.store.put_execution_type(pb.ExecutionType(name=f"tfx.{node}"))
        message = pb.Execution(type_id=type_id, last_known_state=state)
        _set(message.custom_properties["settings"], json.dumps({"a": f"b{self.spice}"}))
        node_context = self._context("node", f"small.{node}{self.spice}")
        pairs = [
            (artifact, _event(key, kind))
            for linked, kind in ((read, pb.Event.INPUT), (written, pb.Event.OUTPUT))
            for key, artifact in linked.items()
        ]
        self.store.put_execution(message, pairs, [*self.contexts, node_context])

    def _context(self, kind, name, **properties):
        type_id = self.store.put_context_type(pb.ContextType(name=kind))
        message = pb.Context(type_id=type_id, name=name)
        for key, value in properties.items():
            _set(message.custom_properties[key], value)
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            (message.id,) = self.store.put_contexts([message])
        return found or message

    def _examples(self, artifact):
        spec = {
            "class_names": self.class_names,
            "dataset": f"small{self.spice}",
            "fingerprint": f"f{self.spice}",
            "image_shape": self.shape,
            "num_examples": {"test": len(self.labels)},
            "version": f"1{self.spice}",
        }
        folder = pathlib.Path(artifact.uri)
        (folder / "data_spec.json").write_text(json.dumps(spec))
        (folder / "Split-test").mkdir()
        with gzip.open(folder / "Split-test" / "data_tfrecord-0.gz", "wb") as file:
            for place, label in enumerate(self.labels):
                record = example(self.image(place), int(label))
                file.write(struct.pack("<Q", len(record)) + b"0000" + record + b"0000")

    def _statistics(self, artifact):
        folder = pathlib.Path(artifact.uri, "Split-test")
        folder.mkdir()
        result = statistics_pb2.DatasetFeatureStatisticsList()
        dataset = result.datasets.add(num_examples=len(self.labels))
        feature = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
        feature.path.step.append("label")
        feature.num_stats.common_stats.num_non_missing = len(self.labels)
        feature.num_stats.max = len(self.class_names) - 1
        (folder / "FeatureStats.pb").write_bytes(result.SerializeToString())

    def _model(self, artifact, role):
        folder = pathlib.Path(artifact.uri, "Format-Serving", "assets.extra")
        folder.mkdir(parents=True)
        spec = json.loads(
            pathlib.Path(self._uri("Examples"), "data_spec.json").read_text()
        )
        card = {
            "role": role,
            "spec": spec,
            "num_parameters": 100 if role == "student" else 1000,
            "config": {role: {"model": f"models.{role}{self.spice}"}},
            "history": {"loss": [1.0, 0.5], "val_loss": [0.9, 0.6],
                        "val_accuracy": [0.5, 0.875]},
            "seconds": 1.5,
            "versions": {f"keras{self.spice}": f"3{self.spice}"},
        }  # fmt: skip
        (folder / "model_card.json").write_text(json.dumps(card))
        (folder.parent / "saved_model.pb").write_bytes(b"0" * 2000)

    def _uri(self, kind):
        return self.store.get_artifacts_by_type(kind)[-1].uri

    def image(self, place):
        return png(np.full((4, 4), 20 * place, np.uint8))

    def checks(self, blessed, student, teacher):
        return [{
            "name": f"gate.min_accuracy{self.spice}", "slice": "overall",
            "bound": 0.5 if blessed else 0.9, "value": 0.75, "ok": blessed,
        }]  # fmt: skip

    def _slices(self, answers):
        right = answers == self.labels
        groups = {"overall": right}
        for label, name in enumerate(self.class_names):
            groups[name] = right[label == self.labels]
        return {
            name: {"accuracy": float(mine.mean()), "num_examples": len(mine)}
            for name, mine in groups.items()
        }

    def _verdict(self, artifact, blessed):
        student, teacher = self._slices(self.student), self._slices(self.teacher)
        verdict = {
            "blessed": blessed,
            "reasons": [] if blessed else [f"its signatures do not agree{self.spice}"],
            "checks": self.checks(blessed, student, teacher),
            "split": "test",
            "num_examples": len(self.labels),
            "agreement": float(np.mean(self.student == self.teacher)),
            "student": student,
            "teacher": teacher,
            "written_by_a_later_version": 1,
        }
        write_json(artifact.uri, "verdict.json", verdict)


def write_json(folder, name, values):
    pathlib.Path(folder, name).write_text(json.dumps(values))


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def example(image, label):
    """A `tf.train.Example` byte by byte, as its format says."""
    images = _field(1, _field(1, image))
    labels = _field(3, _field(1, _varint(label)))
    features = [(b"image", images), (b"label", labels)]
    entries = [_field(1, _field(1, key) + _field(2, value)) for key, value in features]
    return _field(1, b"".join(entries))


def _field(number, content):
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value):
    low = []
    while value > 127:
        low.append(value & 127 | 128)
        value >>= 7
    return bytes([*low, value])


def _event(key, kind):
    event = pb.Event(type=kind)
    event.path.steps.add(key=key)
    event.path.steps.add(index=0)
    return event


def _set(value, content):
    if isinstance(content, int):
        value.int_value = content
    else:
        value.string_value = content


def collected(small):
    """What a report gathers of the run."""
    store = read_only_store.open_store(small.config)
    run = store.run(small.name)
    graph = store.graph_of_runs([run])
    return report_collector.collect(graph, run, "small", small.run_dir)
