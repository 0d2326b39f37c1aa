"""The report shows what the gate measured beside the accuracy."""

from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.pipeline.report.charts import robustness_chart
from tfx_distill.pipeline.report.collect import gate_results
from tfx_distill.trainer.evaluation.measured import Corruptions, Measured

F1 = Measured(student=0.8, student_low=0.7, student_high=0.9)
CORRUPTIONS = Corruptions(
    num_examples=60,
    mean=F1,
    clean=F1,
    student={"noise": (0.9, 0.7), "blur": (0.5, 0.5)},
    teacher={},
)


def test_metrics_and_slices_have_names_for_people():
    verdict = Verdict(
        blessed=True, reasons=(), metrics={"macro_f1": F1}, slices={"dark": F1}
    )
    assert gate_results.measured(verdict) == {
        "macro f1": F1,
        "accuracy of slice dark": F1,
    }


def test_corruptions_have_a_chart_of_their_means():
    chart = robustness_chart.robustness(CORRUPTIONS)
    assert ("student", "noise", "0.8000") in [row[:3] for row in chart.rows]


def test_verdicts_with_further_results_read_back(tmp_path):
    verdict = Verdict(
        blessed=True,
        reasons=(),
        metrics={"macro_f1": F1},
        corruptions=CORRUPTIONS,
        notes=("The gate, fitted",),
    )
    verdict.save(str(tmp_path))
    assert Verdict.load(str(tmp_path)) == verdict
