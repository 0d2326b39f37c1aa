"""Files of artifacts in an object store, over a socket."""

import base64
import json

import metadata_stores
import pytest
import s3_stub
from click.testing import CliRunner

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.inspection import object_stores
from tfx_distill.pipeline.inspection.object_stores import NotReadable, ObjectStores
from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.trainer.errors import ConfigError

BIG = b"0" * 5_000_000


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    yield
    object_stores.use(None)


@pytest.fixture
def bucket(tmp_path):
    """A store that has a blessing's verdict and a model."""
    metadata_stores.verdict(tmp_path, blessed=True)
    objects = {
        ("mlpipeline", "run/blessing/verdict.json"): (
            tmp_path / "verdict.json"
        ).read_bytes(),
        ("mlpipeline", "run/model/Format-Serving/assets.extra/model_card.json"): (
            b'{"num_parameters": 12}'
        ),
        ("mlpipeline", "run/model/Format-Serving/saved_model.pb"): BIG,
    }
    with s3_stub.serving(objects) as server:
        yield server


def _artifact(key="blessing", scheme="minio", **parameters):
    session = json.dumps({"Provider": "minio", "Params": parameters})
    return ArtifactRecord(
        id=1,
        type="ModelBlessing",
        uri=f"{scheme}://mlpipeline/run/{key}",
        properties={"store_session_info": session} if parameters else {},
    )


def _session(bucket, **more):
    endpoint = bucket.url.removeprefix("http://")
    return {"endpoint": endpoint, "disableSSL": "true", **more}


def _invoke(path, *arguments):
    arguments = [*arguments, "--metadata", str(path)]
    result = CliRunner().invoke(cli.cli, arguments, env={"COLUMNS": "200"})
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def run(tmp_path):
    """A run whose files are in the bucket; its store, and its artifacts."""
    writer = metadata_stores.Writer(tmp_path / "m.sqlite", kubeflow=True)
    writer.run("run-1")
    made = {
        key: writer.artifact(kind, f"minio://mlpipeline/run/{key}", **values)
        for key, kind, values in (
            ("model", "Model", {}), ("blessing", "ModelBlessing", {"blessed": 1}),
        )
    }  # fmt: skip
    writer.execute("Student", [], [("model", made["model"])])
    writer.execute(
        "Evaluator", [("model", made["model"])], [("blessing", made["blessing"])]
    )
    return writer.path, made


def test_a_verdict_in_a_bucket_explains_the_run(bucket, run):
    text = _invoke(run[0], "explain", "--artifacts", bucket.url)
    assert "blessed, 2 of 2 bounds passed" in text
    assert "12 parameters" in text
    (told,) = json.loads(_invoke(run[0], "runs", "--json", "--artifacts", bucket.url))
    assert told["student_accuracy"] == 0.99


def test_a_model_in_a_bucket_is_shown_and_not_fetched(bucket, run):
    path, made = run
    options = ["--json", "--artifacts", bucket.url]
    shown = json.loads(_invoke(path, "show", str(made["model"]), *options))
    assert shown["payload"]["kind"] == "model"
    assert shown["payload"]["facts"]["bytes"] == len(BIG) + 22
    assert not [p for m, p in bucket.requests if m == "GET" and p.endswith(".pb")]


def test_the_address_is_the_one_that_was_recorded(bucket):
    content = ObjectStores().read(_artifact(**_session(bucket)), "verdict.json")
    assert json.loads(content)["blessed"] is True


def test_credentials_are_of_the_secret_that_was_recorded(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    user = base64.b64encode(b"user").decode()
    data = {"accesskey": user, "secretkey": user}
    asked = []
    monkeypatch.setattr(
        "tfx_distill.pipeline.runners.kubeflow.client.kubernetes_access.secret",
        lambda name: asked.append(name) or data,
    )
    session = _session(
        bucket, secretName="store", accessKeyKey="accesskey", secretKeyKey="secretkey"
    )
    assert ObjectStores().read(_artifact(**session), "verdict.json")
    assert asked == ["store"]


def _denied(bucket, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    return _artifact(**_session(bucket))


def _without_credentials(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    return _artifact(**_session(bucket, secretName="store"))


@pytest.mark.parametrize(
    ("artifact", "reason"),
    [
        (_denied, "ACCESS_DENIED"),
        (_without_credentials, "no credentials for 127.0.0.1:.*AWS_ACCESS_KEY_ID"),
        (lambda *_: _artifact(), "its store is not recorded.*--artifacts"),
        (lambda b, _: _artifact("none", **_session(b)), "does not exist"),
        (
            lambda *_: _artifact(endpoint="127.0.0.1:9", disableSSL="true"),
            "cannot connect to 127.0.0.1:9.*--artifacts",
        ),
        (lambda *_: _artifact(scheme="hdfs"), "hdfs:// is none of s3, minio, gs"),
    ],
)
def test_why_a_file_is_not_readable_is_one_line(bucket, monkeypatch, artifact, reason):
    with pytest.raises(NotReadable, match=reason) as raised:
        ObjectStores().read(artifact(bucket, monkeypatch), "verdict.json")
    assert "\n" not in str(raised.value)


def test_a_store_that_does_not_answer_is_asked_once(monkeypatch):
    stores, artifact = ObjectStores("http://127.0.0.1:9"), _artifact()
    with pytest.raises(NotReadable, match="cannot connect"):
        stores.read(artifact, "verdict.json")
    monkeypatch.setattr(ObjectStores, "_open", None)
    stores._opened.clear()
    with pytest.raises(NotReadable, match="cannot connect"):
        stores.read(artifact, "verdict.json")


def test_show_says_that_files_are_not_readable(run):
    path, made = run
    text = _invoke(path, "show", str(made["model"]))
    assert "Its files are not readable here: its store is not recorded." in text


@pytest.mark.parametrize("endpoint", ["localhost:9000", "s3://bucket"])
def test_an_endpoint_that_is_no_url_is_refused(run, endpoint):
    with pytest.raises(ConfigError, match="--artifacts: received"):
        _invoke(run[0], "runs", "--artifacts", endpoint)
