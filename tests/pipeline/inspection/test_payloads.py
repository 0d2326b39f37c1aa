"""What `distill show` reads of an artifact's files."""

import json

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from tfx_distill.pipeline.inspection import payloads
from tfx_distill.pipeline.mlmd.records import ArtifactRecord


@pytest.fixture
def read(tmp_path):
    def read(kind, **files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return payloads.read(ArtifactRecord(id=1, type=kind, uri=str(tmp_path)))

    return read


def test_a_schema(read):
    schema = schema_pb2.Schema()
    feature = schema.feature.add(name="label", type=schema_pb2.INT)
    feature.shape.dim.add(size=1)
    (table,) = read("Schema", schema_dot_pbtxt=str(schema).encode()).tables
    assert table.rows == (("label", "INT", "1", ""),)


def test_statistics_of_each_split(read):
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=7)
    dataset.features.add(name="label", type=0).num_stats.max = 9
    image = dataset.features.add(name="image", type=2).string_stats
    # The sketch that counts them may exceed their number.
    image.unique, image.common_stats.num_non_missing = 8, 6
    image.common_stats.num_missing = 1
    payload = read(
        "ExampleStatistics",
        Split_dot_x__FeatureStats_dot_pb=statistics.SerializeToString(),
    )
    assert payload.tables[0].rows == (
        ("Split.x", 7, "label", "INT", 0, None, 0, 0, 9),
        ("Split.x", 7, "image", "STRING", 1, 6, None, None, None),
    )


def test_anomalies_are_named(read):
    anomalies = anomalies_pb2.Anomalies()
    anomalies.anomaly_info["label"].description = "out of range"
    payload = read(
        "ExampleAnomalies", test__SchemaDiff_dot_pb=anomalies.SerializeToString()
    )
    assert payload.facts == {"splits": ["test"], "anomalies": 1}
    assert payload.tables[0].rows == (("test", "label", "out of range"),)


def test_a_model_shows_its_card(read):
    card = {
        "num_parameters": 12,
        "config": {"student": {"epochs": 2}},
        "history": {"loss": [2.0, 1.0]},
        "versions": {"keras": "3.12"},
    }
    content = json.dumps(card).encode()
    name = "Format-Serving__assets_dot_extra__model_card_dot_json"
    payload = read("Model", **{name: content})
    assert payload.facts["num_parameters"] == 12
    assert payload.facts["student.epochs"] == 2
    assert payload.facts["version.keras"] == "3.12"
    assert payload.tables[0].rows == ((1, 2.0), (2, 1.0))


def test_hyperparameters(read):
    values = json.dumps({"space": [], "values": {"student.epochs": 3}}).encode()
    payload = read("HyperParameters", best_hyperparameters_dot_txt=values)
    assert payload.facts == {"student.epochs": 3}


def test_trials_stand_by_their_accuracy(read):
    values = {"distillation.temperature": 2.5, "student.options.widths.0": 8}
    ran = {"status": "completed", "values": values, "seconds": 3.0, "reason": ""}
    trials = [
        {"id": "1", "objective": 0.5, "parameters": 90, **ran},
        {"id": "2", "objective": 0.9, "parameters": 80, **ran},
        {"id": "3", "objective": 0.9, "parameters": 70, **ran},
        {"id": "over-1", "status": "over budget", "values": values}
        | {"objective": None, "parameters": 9001, "seconds": 0.0, "reason": "too many"},
    ]
    content = {"algorithm": "random", "trials": trials}
    payload = read("TunerResults", trials_dot_json=json.dumps(content).encode())
    assert payload.facts == {"algorithm": "random"}
    tried = "temperature=2.5 widths.0=8"
    assert payload.tables[0].rows == (
        ("3", 0.9, 70, 3.0, tried),
        ("2", 0.9, 80, 3.0, tried),
        ("1", 0.5, 90, 3.0, tried),
        ("over-1", "over budget", 9001, 0.0, f"too many: {tried}"),
    )


def test_a_search_without_trials_is_told(read):
    payload = read("TunerResults", trials_dot_json=b'{"algorithm": "random"}')
    assert (payload.facts, payload.tables) == ({"algorithm": "random"}, ())


def test_scores_of_lite_files(read):
    scores = json.dumps({"int8": {"accuracy": 0.9, "input": {"dtype": "uint8"}}})
    payload = read("tfx_distill.LiteModels", scores_dot_json=scores.encode())
    assert payload.tables[0].columns == ("file", "accuracy")
    assert payload.tables[0].rows == (("int8", 0.9),)


def test_files_of_an_unknown_type_are_listed(read):
    payload = read("Novelty", a__b=b"123")
    assert payload.facts == {"files": 1, "bytes": 3}
    assert payload.tables[0].rows == (("a/b", 3),)
