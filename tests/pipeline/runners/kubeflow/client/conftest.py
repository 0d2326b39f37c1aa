"""A stub of a Kubeflow server, and the commands that talk to it."""

import sys

import kfp_stub
import pytest

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.inspection import object_stores


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """No server, no secret and no configuration but the test's own."""
    for name in ("ENDPOINT", "TOKEN", "COOKIES", "SA_TOKEN_PATH"):
        monkeypatch.delenv(f"KF_PIPELINES_{name}", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(
        "tfx_distill.pipeline.runners.kubeflow.client.runs_client.POLL_S", 0.001
    )
    context = "kfp.client.Client._LOCAL_KFP_CONTEXT"
    monkeypatch.setattr(context, str(tmp_path / "none"))


@pytest.fixture
def server():
    with kfp_stub.running() as running:
        yield running
    assert running.stub.wrong == []


@pytest.fixture
def stub(server, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    return server.stub


@pytest.fixture
def store_credentials(monkeypatch):
    """Of the object store; afterwards, no command's `--artifacts` is left."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    yield
    object_stores.use(None)


@pytest.fixture
def distill(monkeypatch, capfd):
    """Runs a command; returns its exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["distill", "kubeflow", *map(str, arguments)])
        for name in ("stdout", "stderr"):  # which the command replaces
            monkeypatch.setattr(sys, name, getattr(sys, name))
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capfd.readouterr()

    return run
