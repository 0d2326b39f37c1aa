"""What must hold of a place after something disturbed a run there."""

import os
import pathlib

from tfx_distill.components.pusher import versions
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.inspection import gc, summaries
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.trainer.export import saved_model_files


def _config(place):
    return load_config("smoke", [f"pipeline.root={place.folder}"])


def digest(folder):
    """Of the weights: a graph names its functions by what its process traced before."""
    return saved_model_files.folder_digest(os.path.join(str(folder), "variables"))


def require_whole_versions(place, expected):
    """Every version that a server sees is the student of an undisturbed run."""
    serving = versions.at(str(place.serving_dir))
    for number in serving.numbers():
        assert digest(serving.folder(number)) == expected


def states(place):
    """The states of all runs, the newest first."""
    graph = read_only_store.open_store(_config(place)).everything()
    runs = sorted(graph.runs.values(), key=lambda run: -run.id)
    return [summary.state for summary in summaries.summarize(graph, runs)]


def require_continued(place, last, expected):
    """The last run trained and pushed the student of an undisturbed run, once."""
    assert digest(last["student"]["path"]) == digest(last["pushed"]) == expected
    assert place.versions() == [os.path.basename(last["pushed"])]
    _require_no_rest(place)


def _require_no_rest(place):
    """After `gc`, there is nothing but what ML Metadata knows as whole."""
    config = _config(place)
    gc.delete(config, keep=1)
    graph = read_only_store.open_store(config).everything()
    live = {a.uri for a in graph.artifacts.values() if a.state == "LIVE"}
    outputs = config.artifacts_dir.glob("*/[!.]*/*")
    assert {str(path) for path in outputs} <= live
    hidden = [p for p in pathlib.Path(config.serving_dir).iterdir() if p.is_dir()]
    assert [path.name for path in hidden] == place.versions()
