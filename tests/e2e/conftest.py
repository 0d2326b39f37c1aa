"""The student that sabotages and forgeries are made from, and a run that ends well."""

import json

import pytest


@pytest.fixture(scope="session")
def world(digits, tmp_path_factory):
    import digit_models
    import example_data
    from sabotage_world import World

    from tfx_distill.trainer.distillation import training

    examples = example_data.generate(digits, tmp_path_factory.mktemp("examples"))
    spec, train, evaluation = digit_models.splits(examples)
    trained = training.train_teacher(train, evaluation, spec, digit_models.TEACHER)
    folder = tmp_path_factory.mktemp("teacher")
    teacher = digit_models.artifact(trained.model, spec, "teacher", folder)
    student = digit_models.train_student(examples, teacher)
    return World(examples, teacher, student, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The result of a run that nothing disturbed."""
    from runs import Place

    return json.loads(Place(tmp_path_factory.mktemp("undisturbed")).run().stdout)
