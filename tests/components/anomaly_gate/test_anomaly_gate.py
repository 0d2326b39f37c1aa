"""The gate, behind TFX's own ExampleValidator."""

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tfx.components.example_validator import executor as example_validator
from tfx.types import artifact_utils, standard_artifacts

from tfx_distill.components.anomaly_gate import executor
from tfx_distill.trainer.errors import DataError

GOOD = {"image": ["a", "b"], "label": [0, 9]}


def _validated(folder, **splits):
    """What ExampleValidator writes of `splits`, given the schema of `GOOD`."""
    statistics = standard_artifacts.ExampleStatistics()
    schema, anomalies = (
        standard_artifacts.Schema(),
        standard_artifacts.ExampleAnomalies(),
    )
    for artifact in (statistics, schema, anomalies):
        artifact.uri = str(folder / artifact.type_name)
    statistics.split_names = artifact_utils.encode_split_names(list(splits))
    for split, columns in splits.items():
        path = folder / "ExampleStatistics" / f"Split-{split}" / "FeatureStats.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(_statistics(columns).SerializeToString())
    (folder / "Schema").mkdir()
    tfdv.write_schema_text(
        tfdv.infer_schema(_statistics(GOOD)), str(folder / "Schema" / "schema.pbtxt")
    )
    example_validator.Executor().Do(
        {"statistics": [statistics], "schema": [schema]}, {"anomalies": [anomalies]}, {}
    )
    return anomalies


def _statistics(columns):
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns))


def _pass(anomalies):
    executor.Executor().Do({"anomalies": [anomalies]}, {}, {})


def test_data_as_their_schema_says_pass(tmp_path):
    assert _pass(_validated(tmp_path, train=GOOD, test=GOOD)) is None


def test_anomaly_names_split_feature_and_what_is_wrong(tmp_path):
    bad = {"image": ["a", "b"], "label": [0.5, 1.5]}
    with pytest.raises(DataError) as caught:
        _pass(_validated(tmp_path, train=GOOD, test=bad))
    assert str(caught.value) == (
        "The examples do not match their schema: split test, feature label: "
        "Unexpected data type (Expected data of type: INT but got FLOAT). Nothing was "
        "trained. Repair the data, or correct the schema if the data are right."
    )


def test_anomalies_of_all_splits_are_told(tmp_path):
    with pytest.raises(DataError) as caught:
        _pass(_validated(tmp_path, train={"image": ["a"]}, eval=GOOD | {"new": [1, 2]}))
    for text in (
        "split train, feature label: Column dropped (",
        "split eval, feature new",
    ):
        assert text in str(caught.value)


def test_many_anomalies_are_counted(tmp_path):
    many = GOOD | {f"new_{i}": [1, 2] for i in range(9)}
    with pytest.raises(DataError, match=r"feature new_4: .* And 4 more\. Nothing was"):
        _pass(_validated(tmp_path, train=many))


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_anomalies_that_cannot_be_read_do_not_pass(tmp_path, content):
    anomalies = _validated(tmp_path, train=GOOD)
    path = tmp_path / "ExampleAnomalies" / "Split-train" / "SchemaDiff.pb"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"Split train has no readable anomalies file.*SchemaDiff"
    ):
        _pass(anomalies)


def test_no_split_at_all_does_not_pass(tmp_path):
    with pytest.raises(DataError, match="name no split"):
        _pass(_validated(tmp_path))
