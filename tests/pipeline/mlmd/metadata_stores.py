"""Writes real stores of ML Metadata as a local run, or as Kubeflow, would."""

import contextlib
import json
import pathlib
import sqlite3
from concurrent import futures

import earlier_store
import grpc
import ml_metadata
from ml_metadata.metadata_store.pywrap.metadata_store_extension import (
    metadata_store as serialized,
)
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service_pb2
from ml_metadata.proto import metadata_store_service_pb2_grpc as service_grpc


def connection(path):
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return config


class Writer:
    """Puts runs, executions and artifacts of one pipeline into a SQLite file."""

    def __init__(self, path, *, kubeflow=False, pipeline="demo"):
        self.path = pathlib.Path(path)
        self.store = ml_metadata.MetadataStore(connection(path))
        self.kubeflow, self.pipeline = kubeflow, pipeline
        self.run_id = None

    def run(self, name, **properties):
        kind = "system.PipelineRun" if self.kubeflow else "pipeline_run"
        self.run_id = self.context(kind, name, properties)
        return self.run_id

    def context(self, kind, name, properties=()):
        known = self.store.get_context_by_type_and_name(kind, name)
        if known:
            return known.id
        type_id = self.store.put_context_type(pb.ContextType(name=kind))
        message = pb.Context(type_id=type_id, name=name)
        _set(message.custom_properties, dict(properties))
        return self.store.put_contexts([message])[0]

    def execute(
        self, node, inputs=(), outputs=(), state="COMPLETE", cache=None, **properties
    ):
        """An execution of a node; both are lists of (key, artifact id)."""
        type_name, contexts = f"components.{node}", [self.run_id]
        if self.kubeflow:
            type_name = "system.ContainerExecution"
            properties = {**properties, "task_name": node}
            contexts.append(self.context("system.Pipeline", self.pipeline))
        else:
            contexts.append(self.context("pipeline", self.pipeline))
            contexts.append(self.context("node", f"{self.pipeline}.{node}"))
        if cache:
            contexts.append(self.context("execution_cache", cache))
        type_id = self.store.put_execution_type(pb.ExecutionType(name=type_name))
        message = pb.Execution(
            type_id=type_id, last_known_state=pb.Execution.State.Value(state)
        )
        _set(message.custom_properties, properties)
        (execution_id,) = self.store.put_executions([message])
        links = [
            pb.Association(execution_id=execution_id, context_id=c) for c in contexts
        ]
        self.store.put_attributions_and_associations([], links)
        kinds = ((pb.Event.INPUT, inputs), (pb.Event.OUTPUT, outputs))
        events = [
            _event(execution_id, artifact_id, kind, key)
            for kind, linked in kinds
            for key, artifact_id in linked
        ]
        self.store.put_events(events)
        return execution_id

    def artifact(self, type_name, uri="", typed=(), state=pb.Artifact.LIVE, **custom):
        name, typed = type_name, dict(typed)
        if self.kubeflow:
            name = type_name if "." in type_name else f"tfx.{type_name}"
            custom, typed = {**custom, **typed}, {}
            custom = {k: _as_double(v) for k, v in custom.items()}
        kind = pb.ArtifactType(name=name, properties=dict.fromkeys(typed, pb.STRING))
        type_id = self.store.put_artifact_type(kind, can_omit_fields=True)
        message = pb.Artifact(type_id=type_id, uri=str(uri), state=state)
        _set(message.properties, typed)
        _set(message.custom_properties, custom)
        return self.store.put_artifacts([message])[0]

    def distill(self, name, folder=None, *, blessed=1, pushed=1, **properties):
        """A whole small run: data, teacher, student, gate, pusher; its artifacts."""
        self.run(name, **properties)
        made = {}

        def make(key, type_name, **values):
            uri = ""
            if folder is not None:
                uri = pathlib.Path(folder) / key / name
                uri.mkdir(parents=True)
                (uri / "file").write_text("content")
            made[key] = self.artifact(type_name, uri, **values)
            return key, made[key]

        def read(*keys):
            return [(key, made[key]) for key in keys]

        examples = make(
            "examples", "Examples", typed={"split_names": '["test"]'}, dataset="digits",
            data_fingerprint="abc",
        )  # fmt: skip
        self.execute("ExampleGen", [], [examples])
        self.execute("Teacher", read("examples"), [make("teacher_model", "Model")])
        reads = read("examples", "teacher_model")
        self.execute("Student", reads, [make("model", "Model", num_parameters=12)])
        reads += read("model")
        blessing = make("blessing", "ModelBlessing", blessed=blessed)
        self.execute("Evaluator", reads, [blessing])
        values = {"pushed": pushed} | ({"pushed_version": "170"} if pushed else {})
        pushed_model = make("pushed_model", "PushedModel", **values)
        self.execute("Pusher", read("model", "blessing"), [pushed_model])
        return made


def verdict(folder, *, blessed, **fields):
    """Writes a gate's verdict into the folder of a blessing."""
    checks = [
        {"name": "gate.min_class_accuracy", "slice": "3", "bound": 0.5, "value": 0.6,
         "ok": True},
        {"name": "gate.min_accuracy", "slice": "overall", "bound": 0.98,
         "value": 0.99 if blessed else 0.91, "ok": blessed},
    ]  # fmt: skip
    content = {
        "blessed": blessed,
        "reasons": [] if blessed else ["its signatures do not agree"],
        "checks": checks,
        "student": {"overall": {"accuracy": 0.99 if blessed else 0.91}},
        "teacher": {"overall": {"accuracy": 0.995}},
        **fields,
    }
    pathlib.Path(folder, "verdict.json").write_text(json.dumps(content))


def _as_double(value):
    return float(value) if isinstance(value, int) else value


def _set(target, values):
    for name, value in values.items():
        if isinstance(value, dict):
            target[name].struct_value.update(value)
            continue
        kind = {int: "int_value", float: "double_value", str: "string_value"}
        setattr(target[name], kind[type(value)], value)


def _event(execution_id, artifact_id, kind, key):
    event = pb.Event(execution_id=execution_id, artifact_id=artifact_id, type=kind)
    event.path.steps.add().key = key
    return event


@contextlib.contextmanager
def served(path):
    """The store by gRPC: ml-metadata's own service over its own SQLite backend."""
    backend = ml_metadata.MetadataStore(connection(path))._metadata_store

    def delegate(name):
        def answer(self, request, context):
            method = getattr(serialized, name)
            content, message, code = method(backend, request.SerializeToString())
            if code:
                status = next(s for s in grpc.StatusCode if s.value[0] == code)
                context.abort(status, message.decode())
            return getattr(service_pb2, f"{name}Response").FromString(content)

        return answer

    methods = service_pb2.DESCRIPTOR.services_by_name["MetadataStoreService"].methods
    answers = {method.name: delegate(method.name) for method in methods}
    servicer = type("Servicer", (service_grpc.MetadataStoreServiceServicer,), answers)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    service_grpc.add_MetadataStoreServiceServicer_to_server(servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None)


def extract_earlier(root: pathlib.Path) -> None:
    """As `earlier_store.unpack`, with ML Metadata."""
    folder = earlier_store.unpack(root)
    with contextlib.closing(sqlite3.connect(folder / "metadata.sqlite")) as connection:
        connection.executescript((folder / "metadata.sql").read_text())
