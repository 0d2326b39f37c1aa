"""A cluster's stand-in: compiles and rehearses in a folder of its own."""

import json
import os
import pathlib
import subprocess

from runs import DISTILL

IMAGE = "registry.example.org/tfx-distill:1.0"
SETTINGS = (
    "kubeflow.volumes.data={claim: distill-data}",
    "kubeflow.volumes.serving={claim: distill-serving}",
    "kubeflow.cache_data=true",
)


class Cluster:
    """A rehearsal's folder, and the commands that compile and rehearse there.

    Attributes:
        environment: Variables that the commands have besides this process's.
        said: What they printed.
    """

    def __init__(self, folder: pathlib.Path, image: str = IMAGE) -> None:
        self.folder, self.image = folder, image
        self.environment: dict[str, str] = {}
        self.said: list[str] = []
        self.file, self.work = folder / "pipeline.yaml", folder / "work"

    def compile(self, *sets):
        options = [word for item in (*SETTINGS, *sets) for word in ("--set", item)]
        command = [*DISTILL, "kubeflow", "compile", "--config", "smoke", *options]
        return self._run([*command, "--image", self.image, "-o", str(self.file)])

    def rehearse(self, *options):
        command = [*DISTILL, "kubeflow", "rehearse", str(self.file)]
        return self._run([*command, "--workdir", str(self.work), *options])

    def _run(self, command):
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.said += [done.stdout, done.stderr]
        return done

    def accuracy(self, result):
        """The student's accuracy by the gate's verdict, as the bucket has it."""
        (blessing,) = of_kind(result, "tfx.ModelBlessing")
        verdict = json.loads((self.path(blessing["uri"]) / "verdict.json").read_text())
        checks = {check["name"]: check for check in verdict["checks"]}
        return checks["gate.min_accuracy"]["value"]

    def path(self, uri):
        return self.work / "bucket" / uri.replace("://", "/")


def of_kind(result, kind):
    """A rehearsal's artifacts of a type."""
    return [a for a in result["artifacts"].values() if a["type"] == kind]
