"""Rollback, gc and the gates read versions in object stores as in folders."""

import os
import pathlib

import forking_pusher
import polling_reader
import pytest
import recorded_pushes
import store_servers

from tfx_distill.components.pusher import store_versions, versions
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.inspection import gc
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.pipeline.serving import rollback
from tfx_distill.trainer import file_system, store_files
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files

pytestmark = pytest.mark.attack


@pytest.fixture
def config(store, tmp_path):
    places = [f"pipeline.root={tmp_path}", f"pusher.directory={store.folder}/"]
    config = load_config("smoke", places)
    config.pipeline_dir.mkdir()
    return config


@pytest.fixture
def metadata(config):
    return recorded_pushes.new_store(config)


@pytest.fixture
def push(config, metadata):
    """A function that pushes a content, as a run would; returns the version."""

    def run(content):
        archive = config.artifacts_dir / content
        digest = forking_pusher.make_version(archive, content)
        version = forking_pusher.push(config.serving_dir, content)
        digests = {
            "manifest_digest": digest,
            "model_digest": saved_model_files.content_digest(str(archive)),
        }
        folder = versions.at(config.serving_dir).folder(version)
        recorded_pushes.record(metadata, folder, str(archive), digests)
        return version

    return run


def _back(config, version=None):
    return rollback.roll_back(config, version, reason="it errs", by="ada")


def test_the_one_before_the_newest_comes_back_under_a_higher_number(config, push):
    old, new = push("old"), push("new")
    done = _back(config)
    assert (done.rolled_back_to, done.rolled_back_from) == (old, new)
    assert done.pushed == f"{config.serving_dir}/{done.version}"
    assert versions.at(config.serving_dir).newest() == done.pushed
    assert polling_reader.changes(done.pushed) == []
    assert versions.have_same_content(f"{config.serving_dir}/{old}", done.pushed)


def test_a_version_that_was_changed_does_not_come_back(config, push):
    old, new = push("old"), push("new")
    store_files.write(f"{config.serving_dir}/{old}/saved_model.pb", b"edited")
    with pytest.raises(
        DistillError, match=f"/{old} have changed since the push: saved"
    ):
        _back(config)
    assert versions.at(config.serving_dir).numbers() == [old, new]


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_rollback_that_was_killed_before_its_last_step_is_completed(
    config, push, monkeypatch
):
    push("old"), push("new")

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        # As if the process were gone: nothing is cleaned up either.
        patched.setattr(store_versions.StoreFolder, "_settle", die)
        _back(config)
    assert len(versions.at(config.serving_dir).numbers()) == 2
    done = _back(config)
    assert versions.at(config.serving_dir).newest() == done.pushed
    assert polling_reader.changes(done.pushed) == []


def test_what_is_served_is_kept_and_a_store_out_of_reach_keeps_all(
    config, push, monkeypatch
):
    push("old")
    assert gc.find(config, keep=0).artifacts == ()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    store_files.opened.cache_clear()
    with pytest.raises(DistillError, match="cannot be used"):
        gc.find(config, keep=0)


def test_a_model_is_read_where_it_is_served(config, push, tmp_path):
    folder = f"{config.serving_dir}/{push('old')}"
    with file_system.folder_read_locally(folder) as local:
        assert versions.have_same_content(local, folder)
        assert local != folder
    assert not os.path.exists(local)
    there, copied = saved_model_files.folder_digest, config.artifacts_dir / "old"
    assert there(folder) == there(str(copied))


def test_a_run_tries_the_store_before_anything_else(config, store, monkeypatch):
    run_folders.make_run_dir(config)
    assert file_system.names(f"{store.folder}/.pushes") == []
    elsewhere = config.pusher.replace(directory=f"{store.folder[:5]}no-such-bucket/x")
    with pytest.raises(DistillError, match="create it, then run again") as caught:
        run_folders.make_run_dir(config.replace(pusher=elsewhere))
    assert store_servers.SECRET not in str(caught.value)


def test_no_secret_is_in_what_a_push_leaves(config, push, store):
    push("old")
    paths = [path for path in pathlib.Path(config.pipeline_dir).rglob("*")]
    local = [path.read_bytes() for path in paths if path.is_file()]
    remote = [store_files.read(path) for _, path in file_system.files(store.folder)]
    assert remote and not any(
        store_servers.SECRET.encode() in c for c in local + remote
    )
