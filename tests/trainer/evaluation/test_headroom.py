"""The teacher against controls: numbers, words, and what follows."""

import dataclasses

import numpy as np

from tfx_distill.trainer.evaluation import comparison, headroom

RNG = np.random.default_rng(0)
CONTROLS = RNG.random((3, 1000)) < 0.7
BETTER = RNG.random(1000) < 0.9


def test_answers_are_compared_with_labels_in_batches():
    teacher, labels = np.eye(3), np.array([0, 1, 0])
    targets = np.column_stack([labels, teacher])
    images = np.array([[0.0], [1.0], [2.0]])
    batches = [(images[:2], targets[:2]), (images[2:], targets[2:])]
    found = headroom.answers(lambda x: np.eye(3)[[1] * len(x)], batches)
    assert found["teacher"].tolist() == [True, True, False]
    assert found["control"].tolist() == [False, True, False]


def test_a_better_teacher_has_headroom():
    found = headroom.measure(BETTER, CONTROLS[:1])
    assert found.is_positive
    assert found.difference == BETTER.mean() - CONTROLS[0].mean()
    assert found.conclusion.startswith("The teacher is better than the control on eval")
    assert found.conclusion.endswith("Distillation can pay.")


def test_a_teacher_like_the_control_has_little_to_teach():
    found = headroom.measure(CONTROLS[0], CONTROLS[:1])
    assert not found.is_positive
    assert not dataclasses.replace(found, low=0.0).is_positive
    assert "not measurably better than the control" in found.conclusion
    assert "There is little to teach: use a better teacher" in found.conclusion


def test_the_headroom_of_several_controls_is_over_images_and_seeds(tmp_path):
    folders = [str(tmp_path / str(n)) for n in range(3)]
    for folder, control in zip(folders, CONTROLS, strict=True):
        (tmp_path / folder).mkdir()
        headroom.save(folder, {"teacher": BETTER, "control": control})
    found = headroom.load(folders)
    assert found == headroom.measure(BETTER, list(CONTROLS))
    assert "3 controls on eval" in found.conclusion
    assert "over images and seeds" in found.conclusion


def test_controls_of_earlier_versions_have_no_headroom(tmp_path):
    assert headroom.load([str(tmp_path)]) is None
    assert headroom.load([]) is None


def test_harm_names_the_headroom_as_the_likely_reason():
    students, controls = CONTROLS & (RNG.random((3, 1000)) < 0.8), CONTROLS
    for teacher, is_named in ((CONTROLS[0], True), (BETTER, False)):
        found = headroom.measure(teacher, list(controls))
        result = comparison.compare(students, controls, found)
        assert result.conclusion.startswith("Distillation did harm")
        assert ("The likely reason: The teacher is" in result.conclusion) == is_named
