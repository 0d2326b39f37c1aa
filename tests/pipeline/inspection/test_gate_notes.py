"""What the gate noted beside its bounds is told with its verdict."""

import dataclasses

from rich.console import Console

from tfx_distill.components.checks import Check
from tfx_distill.components.evaluator.verdict import Served, Verdict
from tfx_distill.pipeline.inspection import gates, render_explanations
from tfx_distill.pipeline.mlmd.records import ArtifactRecord

SERVED = Served(
    uri="serving/3", artifact_id=3, version="3", rule="report", accuracy=0.9,
    difference=-0.01, low=-0.02, high=0.0, churn=0.0125,
)  # fmt: skip


def _printed(verdict, folder):
    verdict.save(str(folder))
    fields = {field.name: None for field in dataclasses.fields(ArtifactRecord)}
    record = ArtifactRecord(
        **{
            **fields,
            "id": 7,
            "type": "ModelBlessing",
            "node": "Evaluator",
            "uri": str(folder),
            "properties": {},
        }
    )
    console = Console(width=100)
    with console.capture() as capture:
        for part in render_explanations._gate(gates._gate(record, gates.QUALITY)):
            console.print(part)
    return capture.get()


def test_lines_of_the_fitted_gate_and_churn_are_printed(tmp_path):
    bound = Check.of("gate.slices.dark.margin", "dark", -0.1, -0.05)
    verdict = Verdict(
        blessed=True,
        reasons=(),
        checks=(bound,),
        served=SERVED,
        notes=("The gate, fitted to 300 test images (auto):", "  gate.margin 0.1"),
    )
    text = _printed(verdict, tmp_path)
    assert "  The gate, fitted to 300 test images (auto):\n    gate.margin 0.1" in text
    assert "difference -0.0100 (-0.0200 to 0), churn 0.0125" in text
    assert "gate.slices.dark.margin  dark" in text
