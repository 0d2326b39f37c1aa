"""The code of docs/python.md as a script, which then tells what its frames say."""

import pathlib
import re

import yaml

from tfx_distill.pipeline.config.loader import CONFIGS_DIR

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "python.md"
# What follows the code of the page.
FRAMES = """
import json
from tfx_distill.pipeline.prediction import dataset_images
test = dataset_images.open_split(run._config.data, "test").read(range(40))[0]
overall = accuracy.query("slice == 'overall' and model == 'student'").value.item()
assert len(run.bounds) and not len(run.bounds.query("not ok"))
assert set(run.history.node) >= {"Teacher", "DistillationTrainer"}
assert table.index[0] == warmer.name != run.name and same.name == run.name
assert run.report().is_file() and run.explain()["conclusion"]
states = dict(zip(warmer.lineage.node, warmer.lineage.state))
print(json.dumps({
    "cached": [node for node, state in states.items() if state == "CACHED"],
    "accuracy": [overall, (found.student == found.label).mean()],
    "model": str(run.model_dir()),
    "again": (run.predict(test).student == found.student[:40]).mean(),
    "lineage": list(dict.fromkeys(run.lineage.node)),
}))
"""


def write(script, place):
    """Writes the script; its `smoke` has the folders of a place."""
    config = yaml.safe_load((CONFIGS_DIR / "smoke.yaml").read_text())
    config["pipeline"]["root"] = str(place.folder)
    config["data"]["data_dir"] = str(place.folder / "tfds")
    file = script.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(config))
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    code = "\n".join(blocks).replace('"smoke"', repr(str(file)))
    script.write_text(code + FRAMES)
