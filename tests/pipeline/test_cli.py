"""The command as a person types it: quick, one line for an error, exit statuses."""

import json
import pathlib
import subprocess
import sys
import time

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2

HEAVY = (
    "tensorflow",
    "tfx",
    "keras",
    "kfp",
    "apache_beam",
    "tensorflow_datasets",
    "pydantic",
)
COMMANDS = ("run", "tune", "samples", "predict", "config")


def distill(
    *arguments, code="from tfx_distill.pipeline.cli import main; main()", **options
):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


KUBEFLOW_COMMANDS = (("kubeflow", "compile"), ("kubeflow", "rehearse"))


LOADED = f"""
import sys, atexit
heavy = {HEAVY!r}
atexit.register(lambda: print('loaded', [m for m in heavy if m in sys.modules]))
from tfx_distill.pipeline.cli import main; main()
"""


@pytest.mark.parametrize(
    "command", [(), *((name,) for name in COMMANDS), *KUBEFLOW_COMMANDS]
)
def test_help_loads_nothing_heavy(command):
    start = time.monotonic()
    result = distill(*command, "--help", code=LOADED)
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")
    assert result.stdout.endswith("loaded []\n")
    assert time.monotonic() - start < 10  # a bound for a busy machine, not a timing


def test_listing_runs_loads_nothing_heavy(tmp_path):
    (tmp_path / "runs" / "mnist").mkdir(parents=True)
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(tmp_path / "runs/mnist/metadata.sqlite")
    connection.sqlite.connection_mode = 3  # READWRITE_OPENCREATE
    ml_metadata.MetadataStore(connection)
    result = distill("runs", code=LOADED, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("loaded []\n")


def test_version_names_the_stack():
    lines = distill("--version").stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == [
        "tfx-distill",
        "python",
        "tfx",
        "tensorflow",
    ]


def test_config_prints_the_resolved_configuration():
    result = distill("config", "--config", "smoke", "--set", "student.epochs=3")
    assert result.returncode == 0
    assert "  dataset: digits\n" in result.stdout
    assert "  epochs: 3\n" in result.stdout


def test_config_prints_the_schema_for_editors():
    schema = json.loads(distill("config", "--schema").stdout)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["seeds"] == {
        "default": 1,
        "description": "Number of times student and control are trained",
        "maximum": 9,
        "minimum": 1,
        "title": "Seeds",
        "type": "integer",
    }
    student = schema["$defs"]["StudentConfig"]["properties"]
    assert student["schedule"]["enum"] == ["cosine", "constant"]
    assert student["learning_rate"]["maximum"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--set", "student.epoch=3"],
         "Error: Unknown configuration key student.epoch. Did you mean student.epochs?\n"),
        (["run", "--config", "nowhere.yaml"], "Configuration file nowhere.yaml cannot be"),
        (["tune", "--set", "hyperparameters=3"],
         "hyperparameters must be null while tuning searches"),
        (["kubeflow", "compile"], "Error: An image is required. Give --image"),
        (["kubeflow", "compile", "--image", "a:1", "-o", "p.json"], "takes .yaml"),
        (["kubeflow", "rehearse", "nowhere.yaml"], "nowhere.yaml cannot be read (No such"),
        (["kubeflow", "rehearse", "p.yaml", "--param", "a"], "expected NAME=VALUE"),
        (["predict", "--index", "one"], "expected numbers such as 0,1,2"),
        (["predict", "a.png", "--index", "1"], "Give image files or --index, not both."),
        (["samples", "--split", "validation"], "'validation' is not one of"),
        (["config", "--schema", "--set", "a=1"], "the same for every configuration"),
        (["rnu"], "No such command 'rnu'"),
    ],
)  # fmt: skip
def test_wrong_usage_exits_with_2_and_says_what_is_wrong(arguments, message):
    result = distill(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_an_unwritable_folder_is_named_before_anything_loads(tmp_path):
    (tmp_path / "file").write_text("")
    result = distill("run", "--set", f"pipeline.root={tmp_path}/file/below")
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: Folder {tmp_path}/file")
    assert "Make it writable, or set pipeline.root" in result.stderr


@pytest.mark.attack
@pytest.mark.parametrize("command", ["config", "runs", "explain"])
def test_modules_in_the_current_folder_are_not_imported(tmp_path, command):
    for name in ("grpc_health", "sitecustomize", "yaml", "click", "six", "attr"):
        (tmp_path / f"{name}.py").write_text(f"open({name!r}, 'w')")
    program = [pathlib.Path(sys.executable).with_name("distill"), command]
    subprocess.run(program, cwd=tmp_path, capture_output=True, timeout=60)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".py"]


@pytest.mark.attack
@pytest.mark.parametrize(
    "arguments", [("runs", "--config", "\x1b[31m"), ("\x1b[31m",), ("runs", "\x1b[31m")]
)
def test_arguments_in_errors_do_not_steer_the_terminal(arguments):
    done = distill(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "\x1b" not in done.stderr
