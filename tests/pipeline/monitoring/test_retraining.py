"""What a schedule does when `distill monitor` trips, in a shell as it would."""

import os
import pathlib
import subprocess
import sys

import kfp_stub
import pytest
import small_data
from served_world import ServedRun, write_files

pytestmark = pytest.mark.slow

# As in docs/kubeflow.md.
LINE = """
distill monitor --images "$1" "${@:3}"
[ $? -ne 3 ] || distill kubeflow submit "$2"
"""


@pytest.fixture
def server():
    with kfp_stub.running() as running:
        yield running
    assert running.stub.wrong == []


def test_drift_alone_submits_a_run(server, tmp_path):
    served = ServedRun(tmp_path / "runs").write()
    images = small_data.squares(250, seed=8).images
    usual = write_files(tmp_path / "usual", images)
    inverted = write_files(tmp_path / "inverted", 255 - images)
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **os.environ, "PATH": path, "KF_PIPELINES_ENDPOINT": server.url,
        "KUBECONFIG": str(tmp_path / "none"),
    }  # fmt: skip
    for folder, runs in ((usual, 0), (tmp_path / "nowhere", 0), (inverted, 1)):
        words = [str(folder), str(kfp_stub.PIPELINE), *served.options]
        command = ["bash", "-c", LINE, "monitor", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert len(server.stub.runs) == runs, done.stderr
