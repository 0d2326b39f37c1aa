"""What is installed: one import name, which nothing else in an environment hides."""

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = ("components", "pipeline", "trainer")
BUILD = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names of all files in the wheel, built from what git holds."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    copy = ["tar", "--null", "--files-from=-", "-cf", str(source / "all.tar")]
    subprocess.run(copy, cwd=ROOT, input=files, check=True)
    subprocess.run(["tar", "-xf", "all.tar"], cwd=source, check=True)
    command = [sys.executable, "-c", BUILD, str(built)]
    subprocess.run(command, cwd=source, capture_output=True, check=True)
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path).namelist()


def test_the_wheel_has_one_import_name(wheel):
    top = {name.split("/")[0] for name in wheel}
    assert {name for name in top if not name.endswith(".dist-info")} == {"tfx_distill"}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_wheel_has_every_file_of_a_layer(wheel, layer):
    here = {
        f"tfx_distill/{path.relative_to(ROOT)}"
        for path in (ROOT / layer).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here == {n for n in wheel if n.startswith(f"tfx_distill/{layer}/")}


def test_modules_of_a_user_with_our_folders_names_hide_nothing(tmp_path):
    for name in (*LAYERS, "kubeflow", "distill_artifacts"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')")
    distill = os.path.join(os.path.dirname(sys.executable), "distill")
    done = subprocess.run(
        [distill, "config"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
