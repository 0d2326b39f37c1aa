"""The image, built from nothing; the pipeline rehearsed and the tests run inside it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest
from cluster import Cluster

pytestmark = pytest.mark.slow
PROJECT = pathlib.Path(__file__).resolve().parents[2]
BASE, CHROOT = "localhost/debian-trixie", ("--isolation", "chroot")
TRUSTED = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
LOCK = PROJECT / "requirements" / "tfx-1.21.lock"
STORAGE = '[storage]\ndriver="overlay"\nrunroot="{0}/run"\ngraphroot="{0}/graph"'


@pytest.fixture(scope="module")
def image():
    """The image's name, in a storage of its own."""
    missing = [tool for tool in ("buildah", "debootstrap") if not shutil.which(tool)]
    if os.getuid() != 0 or missing:
        pytest.skip(f"missing: {', '.join(missing) or 'root, for debootstrap'}")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        storage, base = pathlib.Path(folder, "conf"), pathlib.Path(folder, "base")
        storage.write_text(STORAGE.format(folder))
        patch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
        options = "--variant=minbase", "--include=ca-certificates"
        _run("debootstrap", *options, "trixie", str(base))
        # The build trusts what this machine does, a proxy's certificate perhaps.
        shutil.copy(TRUSTED, base / TRUSTED.relative_to("/"))
        container = _run("buildah", "from", "scratch")
        _run("buildah", "add", "--quiet", container, str(base), "/")
        _run("buildah", "commit", "--quiet", "--rm", container, BASE)
        name, build = "localhost/tfx-distill:test", f"buildah bud {' '.join(CHROOT)}"
        args = f"--build-arg BASE_IMAGE={BASE} --build-arg PIP_CERT={TRUSTED}"
        _run("make", "image", f"IMAGE={name}", f"IMAGE_BUILD={build}", f"ARGS={args}")
        yield name


def _run(*words):
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout.strip()


def _run_inside(image, own, *command, options=()):
    """Runs a command in a fresh container, whose /tmp is the folder `own`."""
    _run("install", "-d", "-m", "777", str(own))  # the image's user is another
    container = _run("buildah", "from", "--pull-never", image)
    volume = "--volume", f"{own}:/tmp", "--workingdir", "/tmp"
    return _run("buildah", "run", *CHROOT, *volume, *options, container, "--", *command)


def test_a_rehearsals_student_is_that_of_a_run_in_the_image(image, tmp_path):
    cluster = Cluster(tmp_path, image)
    assert cluster.compile().returncode == 0
    process = cluster.rehearse("--image", "--json")
    assert process.returncode == 0, process.stderr
    command = "distill", "run", "--config", "smoke", "--json"
    local = json.loads(_run_inside(image, tmp_path / "own", *command))["student"]
    accuracy = cluster.accuracy(json.loads(process.stdout))
    assert accuracy == pytest.approx(local["accuracy"], abs=0.002)


def test_the_fast_tests_pass_in_the_image(image, tmp_path):
    uv = _run(sys.executable, "bin/setup_env.py", "--uv")
    pins = "--python-version", "3.13", "--constraint", str(LOCK)
    _run(
        uv,
        "pip",
        "install",
        "--quiet",
        "--target",
        f"{tmp_path}/tools",
        *pins,
        "pytest",
    )
    options = (
        "--volume",
        f"{PROJECT}:/src:ro",
        "--volume",
        f"{tmp_path}/tools:/tools:ro",
    )
    options += "--env", "PYTHONPATH=/tools", "--env", "PYTHONDONTWRITEBYTECODE=1"
    # All but those of the set-up, which wants the compiler that no image has.
    ignored = "--ignore=tests/test_setup_env.py"
    tests = f"cd /src && python -m pytest -q -p no:cacheprovider {ignored}"
    own = tmp_path / "own"
    assert " passed" in _run_inside(image, own, "sh", "-c", tests, options=options)
