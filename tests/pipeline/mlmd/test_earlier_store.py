"""A store and a serving folder of version 0.1 before its modules had one name.

Types were `distill_artifacts.…`, nodes `components.…`.
"""

import json
import shutil

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.pipeline.cli import cli

VERSION = "1795891890"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The folder `pipeline.root` of that run, moved here."""
    root = tmp_path_factory.mktemp("earlier")
    metadata_stores.extract_earlier(root)
    return root


@pytest.fixture
def distill(root):
    def call(command, *arguments):
        place = ("--config", "smoke", "--set", f"pipeline.root={root}")
        done = CliRunner().invoke(cli, [command, *place, *arguments])
        assert done.exception is None, done.output
        return done.output

    return call


def test_its_run_is_told_with_its_result(distill):
    (run,) = json.loads(distill("runs", "--json"))
    assert (run["blessed"], run["pushed_version"]) == (True, VERSION)
    assert run["student_accuracy"] == pytest.approx(0.9778, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("TeacherLogits", "num_views"),
        ("ControlComparison", "seeds"),
        ("LiteModels", "int8"),
    ],
)
def test_artifacts_of_its_types_are_found_and_read(distill, kind, content):
    (artifact,) = json.loads(distill("artifacts", "--type", kind, "--json"))
    assert content in distill("show", str(artifact["id"]))


def test_its_version_is_explained(distill):
    why = json.loads(distill("explain", VERSION, "--json"))
    assert [gate["blessed"] for gate in why["gates"]] == [True, True]


def test_nothing_of_it_is_garbage(distill):
    assert json.loads(distill("gc", "--json"))["artifacts"] == []


def test_its_version_is_rolled_back_to(distill, root):
    serving = root / "smoke-digits" / "serving"
    newer = serving / str(int(VERSION) + 1)
    shutil.copytree(serving / VERSION, newer)
    (newer / "saved_model.pb").write_bytes(b"another graph")
    distill("rollback", VERSION, "--reason", "the newer one is wrong")
    newest = max(int(path.name) for path in serving.glob("[0-9]*"))
    assert newest > int(VERSION) + 1
    weights = "variables/variables.data-00000-of-00001"
    restored, earlier = serving / str(newest) / weights, serving / VERSION / weights
    assert restored.read_bytes() == earlier.read_bytes()
