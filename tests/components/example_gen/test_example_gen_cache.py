"""When ExampleGen runs again, and when TFX's cache spares it."""

import shutil

import example_data
import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import data_types

from tfx_distill.components.example_gen import driver
from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.components.tfds_example_gen.component import TfdsExampleGen
from tfx_distill.trainer.errors import DataError


@pytest.fixture
def run(tmp_path):
    """A function that runs ExampleGen in a pipeline; returns its states so far."""
    connection = metadata.sqlite_metadata_connection_config(
        str(tmp_path / "mlmd.sqlite")
    )

    def once(data, error=None):
        made = pipeline.Pipeline(
            pipeline_name="test",
            pipeline_root=str(tmp_path / "root"),
            components=[TfdsExampleGen(data)],
            enable_cache=True,
            metadata_connection_config=connection,
        )
        if error is None:
            local_dag_runner.LocalDagRunner().run(made)
        else:
            with pytest.raises(error):
                local_dag_runner.LocalDagRunner().run(made)
        with metadata.Metadata(connection) as handle:
            executions = sorted(handle.store.get_executions(), key=lambda e: e.id)
        name = metadata_store_pb2.Execution.State.Name
        return [name(execution.last_known_state) for execution in executions]

    return once


def test_equal_data_are_cached(run, digits):
    run(digits)
    assert run(digits) == ["COMPLETE", "CACHED"]


def test_changed_data_are_not_cached(run, digits, damaged):
    run(damaged("test", lambda records: None))
    changed = damaged("test", lambda records: records.reverse())
    assert run(changed) == ["COMPLETE", "COMPLETE"]


def test_data_prepared_anew_are_cached(run, tmp_path):
    data = example_data.tiny_config(tmp_path)
    run(data)
    shutil.rmtree(dataset_source.prepare(data).data_dir)
    assert run(data) == ["COMPLETE", "CACHED"]


def test_manual_folder_does_not_decide_on_the_cache(run, digits, tmp_path):
    run(digits)
    elsewhere = digits.replace(manual_dir=str(tmp_path))
    assert run(elsewhere) == ["COMPLETE", "CACHED"]


def test_other_splits_are_not_cached(run, digits):
    run(digits)
    splits = digits.splits.replace(eval="train[95%:]")
    other = digits.replace(splits=splits)
    assert run(other) == ["COMPLETE", "COMPLETE"]


def test_data_that_cannot_be_prepared_fail_the_execution(run, digits):
    unknown = digits.replace(dataset="no_such_data_set")
    assert run(unknown, DataError) == ["FAILED"]


def test_data_that_were_lost_are_not_served_from_the_cache(run, digits, damaged):
    data = damaged("test", lambda records: None)
    run(data)
    for path in dataset_source.prepare(data).data_path.glob("*.tfrecord*"):
        path.unlink()
    assert run(data, DataError) == ["COMPLETE", "FAILED"]


def test_data_that_cannot_be_hashed_get_a_key_of_their_own(tmp_path):
    data = example_data.tiny_config(tmp_path, received=b"not it")
    info = data_types.ExecutionInfo(exec_properties={"data": data.to_json()})
    keys = [str(driver.Driver(None).run(info).exec_properties) for _ in range(2)]
    assert keys[0] != keys[1]
