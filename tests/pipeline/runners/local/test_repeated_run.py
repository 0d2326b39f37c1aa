"""A run whose results are all there already is told from every other one."""

import importlib
import os
import pathlib
import shutil
import site
import sys

import pytest
from metadata_stores import Writer

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.local import repeated_run, run_folders

FILES = {
    "my_student.py": "def tiny(image_shape, num_classes): ...",
    "pictures/cat/1.png": "a cat",
    "pictures/dog/1.png": "a dog",
    "weights.bin": "numbers",
    "site/keras-3.0.dist-info/METADATA": "",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in which a run of a model of the user's has ended, with what it read."""
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(tmp_path / "site")])
    for name in ("my_student", "__autograph_generated_file7"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    run_dir = run_folders.make_run_dir(_config())
    with repeated_run.recorded(_config(), run_dir):
        _run(run_dir.name)
    assert repeated_run.unchanged(_config()) == run_dir.name
    return tmp_path


def _config(*settings):
    own = "student.model=my_student.tiny", "student.files=[weights.bin]"
    return load_config("smoke", ["data.images=pictures", *own, *settings])


def _run(name):
    """What a run does: it loads code, writes artifacts, and records them."""
    importlib.import_module("my_student")
    # As TensorFlow does with functions that it turns into graphs.
    pathlib.Path("__autograph_generated_file7.py").write_text("")
    importlib.import_module("__autograph_generated_file7")
    own = _config().pipeline_dir
    version = own / "serving" / "1"
    for folder in (version, own / "artifacts" / "Teacher"):
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text("a model")
    writer = Writer(own / "metadata.sqlite")
    writer.run(name)
    pushed = writer.artifact("PushedModel", version, pushed=1, folder=str(version))
    writer.execute("Pusher", outputs=[("pushed_model", pushed)])


def _record_another(place):
    Writer(_config().pipeline_dir / "metadata.sqlite").run("another")


def _same_size_and_time(place):
    file = place / "pictures" / "cat" / "1.png"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text("a cow")
    os.utime(file, ns=times)


CHANGES = {
    "code": lambda place: (place / "my_student.py").write_text("def tiny(): ..."),
    "an image": _same_size_and_time,
    "another image": lambda place: (place / "pictures/cat/2.png").write_text("new"),
    "a file that is read": lambda place: (place / "weights.bin").write_text("others"),
    "a row of ML Metadata": _record_another,
    "an artifact": lambda place: shutil.rmtree(next(place.rglob("Teacher"))),
    "a pushed version": lambda place: shutil.rmtree(next(place.rglob("serving/1"))),
    "a library": lambda place: next(place.glob("site/*")).rename(place / "site/3.1"),
    "the record": lambda place: next(place.rglob("unchanged.json")).write_text("{"),
    "code that hides it": lambda place: _hide(place),
}


def _hide(place):
    package = place / "first" / "my_student"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("def tiny(): ...")
    sys.path.insert(0, str(place / "first"))  # put back by the fixture's monkeypatch
    del sys.modules["my_student"]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_makes_an_ordinary_run(place, change):
    change(place)
    assert repeated_run.unchanged(_config()) is None


@pytest.mark.parametrize(
    "setting",
    [
        "student.epochs=3",
        "gate.margin=0.2",
        "pipeline.cache=false",
        "webhook.url=https://example.org",
        "teacher.from=gs://bucket/teacher",
    ],
)
def test_other_settings_make_an_ordinary_run(place, setting):
    assert repeated_run.unchanged(_config(setting)) is None


def test_what_an_object_store_holds_is_not_known(place):
    config = _config("pusher.directory=s3://bucket/serving")
    with repeated_run.recorded(config, run_folders.make_run_dir(_config())):
        pass
    assert repeated_run.unchanged(config) is None


def test_what_changes_while_a_run_works_is_not_taken_for_what_it_read(place):
    run_dir = run_folders.make_run_dir(_config())
    with repeated_run.recorded(_config(), run_dir):
        (place / "pictures" / "dog" / "1.png").write_text("another dog")
    assert repeated_run.unchanged(_config()) is None
    run_dir = run_folders.make_run_dir(_config())
    with repeated_run.recorded(_config(), run_dir):
        (place / "my_student.py").write_text("def tiny(): ...  # changed")
    assert repeated_run.unchanged(_config()) is None


def test_another_folder_with_the_same_names_is_not_the_same(place, monkeypatch):
    other = shutil.copytree(place / "pictures", place / "other" / "pictures").parent
    config = _config(f"pipeline.root={place / 'runs'}")
    with repeated_run.recorded(config, run_folders.make_run_dir(config)):
        pass
    assert repeated_run.unchanged(config)
    monkeypatch.chdir(other)
    assert repeated_run.unchanged(config) is None
