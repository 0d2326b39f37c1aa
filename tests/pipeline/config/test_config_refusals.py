"""What a configuration is refused for before anything starts."""

import pytest

from tfx_distill.pipeline.config.loader import load_config, load_places
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError

pytestmark = pytest.mark.attack
BATCH = "tuning.space.student.batch_size="


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("distilation.temperature=2", r"key distilation\. Did you mean distillation\?"),
        ("distillation.temprature=2", "Did you mean distillation.temperature"),
        (
            "distillation.temperature=hot",
            r"must be a number in \[0.1, 100\], received 'hot'",
        ),
        (
            "distillation.temperature=.inf",
            r"must be a number in \[0.1, 100\], received inf",
        ),
        # T squared would be 0 in float32, and nothing would be distilled.
        ("distillation.temperature=1e-30", r"in \[0.1, 100\], received 1e-30"),
        ("distillation.temperature=1e30", r"in \[0.1, 100\], received 1e\+30"),
        ("distillation.temperature_end=1000", r"in \[0.1, 100\], or null, received"),
        ("student.learning_rate=1e-12", r"in \[1e-07, 1\], received 1e-12"),
        ("teacher.learning_rate=5", r"in \[1e-07, 1\], received 5"),
        (
            "distillation.features=[{teacher: a, student: b, weight: 1e-30}]",
            r"features\[0\].weight must be a number in \[1e-06, 1000000.0\]",
        ),
        (
            "ensemble={size: 2, average: {weights: [1, 1e9]}}",
            r"in \[1e-06, 1000000.0\]",
        ),
        ("servability.skew_tolerance=10", r"in \[1e-06, 0.1\], received 10"),
        (
            "data.allow_overlap=train",
            "be true or false, or eval_test, received 'train'",
        ),
        ("student.epochs=1.5", "student.epochs must be an integer >= 1, received 1.5"),
        (
            "student.epochs=true",
            "student.epochs must be an integer >= 1, received True",
        ),
        ("student.epochs=0", "student.epochs must be an integer >= 1, received 0"),
        ("teacher.model=teacher", "teacher.model must be the dotted path"),
        (
            "student.optimizer={clipnorm: 1, clipvalue: 2}",
            "clipvalue must be null with",
        ),
        ("student.optimizer={name: sgd, momentum: .nan}", "momentum must be a finite"),
        (
            "student={quantization_aware_epochs: 2, precision: mixed_bfloat16}",
            "precision must be float32 with quantization_aware_epochs",
        ),
        (
            "training.precision=half",
            "must be auto, float32 or mixed_bfloat16, received",
        ),
        ("student.warmup_share=1", "must be a number >= 0 and < 1, received 1"),
        ("student.class_weight=even", "class_weight must be balanced, a mapping"),
        (
            "student={class_weight: balanced, balanced_sampling: true}",
            "student.class_weight must be null with balanced_sampling",
        ),
        (
            "student={shuffle: false, balanced_sampling: true}",
            "student.balanced_sampling must be false with shuffle: false",
        ),
        (
            "student={quantization_aware_epochs: 1, early_stopping: {patience: 1}}",
            "quantization_aware_epochs must be 0 with early_stopping",
        ),
        ("teacher.early_stopping.min_delta=1", "early_stopping.patience must be"),
        ("student.schedule=linear", "student.schedule must be cosine or constant"),
        (
            "gate.min_accuracy=99",
            r"gate.min_accuracy must be a number in \[0, 1\], auto, or null, received 99",
        ),
        ("data.image_shape=[28, 28]", r"must be \[height, width, channels\]"),
        ("lite.flavours=[int4]", "must be a list of float32 and int8, each at most"),
        ("lite.flavours=[int8, int8]", "each at most once, received"),
        ("lite.calibration_examples=0", "calibration_examples must be an integer >= 1"),
        ("student.quantization_aware_epochs=15", r"in \[0, 14\], the number of epochs"),
        ("assistant={views: 9}", "assistant.views must be at most views.count, 4"),
        (
            "pipeline.root=gs://bucket/x",
            "pipeline.root must be a folder of this machine",
        ),
        ("pusher.directory=ftp://b/x", "or BUCKET/FOLDER after s3://, minio://, gs://"),
        (
            "pusher.directory=s3://b/x?region=eu",
            "pusher.directory must be a folder, or",
        ),
        ("pusher.directory=s3://b/../x", "pusher.directory must be a folder, or"),
        ("data=mnist", "data must be a mapping of keys, received 'mnist'"),
        (
            "beam.args=--x",
            "beam.args must be a list, each an option that begins with --, received",
        ),
        ("pipeline.name=My_Pipeline", "pipeline.name must be 1 to 63 lower-case"),
        ("temperature", "--set must be key=value, received 'temperature'"),
        ("student.views=5", "student.views must be at most views.count, 4, received 5"),
        (
            "student.views=0",
            "student.views must be an integer >= 1, or null, received 0",
        ),
        (
            "hyperparameters=true",
            "hyperparameters must be null, a file, or an artifact",
        ),
        (
            "tuning.algorithm=grid",
            "tuning.algorithm must be bayesian, hyperband or ran",
        ),
        (
            "tuning.max_trials=0",
            "tuning.max_trials must be an integer >= 1, received 0",
        ),
        (
            "tuning={directory: null, seed: -1}",
            r"tuning.seed must be an integer in \[0, ",
        ),
        ("tuning.space=[a]", "tuning.space must be a mapping"),
        ("tuning.space.student.batch_size=64", r"must be \{min: ..., max: ...\} or"),
        ("tuning.space={a.b: {choices: [1, 2]}}", "Unknown hyperparameter a.b"),
        (
            "tuning.space={student.widht: {choices: [1, 2]}}",
            "Unknown hyperparameter st",
        ),
        ("tuning.space={student.epochs: {choices: [1, 2]}}", "tuning.epochs decides"),
        (
            "tuning.space={student.views: {min: 1, max: 9}}",
            "at most views.count, recei",
        ),
        (f"{BATCH}{{choices: [64]}}", "choices must be several different"),
        (f"{BATCH}{{choices: [64, 64]}}", "choices must be several different"),
        (f"{BATCH}{{choices: [64, small]}}", "choices must be several different"),
        (f"{BATCH}{{choices: [64, 32], min: 1}}", "must be choices, or min and max"),
        (
            f"{BATCH}{{min: 64}}",
            "batch_size.max must be a finite number, received None",
        ),
        (
            f"{BATCH}{{min: 64, max: 32}}",
            "batch_size.min must be < max, 32, received 64",
        ),
        (
            f"{BATCH}{{min: 0, max: 32}}",
            "student.batch_size must be an integer >= 1, received 0",
        ),
        (f"{BATCH}{{min: 1, max: 2.5}}", "must be an integer >= 1, received 2.5"),
        (f"{BATCH}{{min: 1, max: 9, step: 0}}", "step must be null or > 0, received 0"),
        (f"{BATCH}{{min: 1, max: 9, step: 0.5}}", "step must be an integer"),
        (f"{BATCH}{{min: 1, max: 9, sampling: ln}}", "sampling must be linear or log"),
        (
            f"{BATCH}{{min: 1, max: 9, sampling: log, step: 1}}",
            "step must be null or > 1",
        ),
        (f"{BATCH}{{min: 0, max: 9, sampling: log}}", "min must be > 0 with log"),
        (
            f"{BATCH}{{min: 1, mx: 9}}",
            "Did you mean tuning.space.student.batch_size.max",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(override, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(None, [override])
    assert "\n" not in str(caught.value)


def test_a_search_does_not_choose_on_test():
    message = "splits.eval must be another split than data.splits.test, test, while"
    with pytest.raises(ConfigError, match=message):
        load_config("article", ["tuning={}"])


@pytest.mark.parametrize("chooser", ["teacher", "student", "assistant"])
def test_no_epoch_is_chosen_on_test(chooser):
    message = f"splits.eval must be another split.*{chooser}.early_stopping chooses"
    with pytest.raises(ConfigError, match=message):
        load_config("article", [f"{chooser}.early_stopping.patience=2"])


def test_labels_that_nobody_learns_are_not_smoothed():
    given = ["student.label_smoothing=0.1", "distillation.student_loss_weight=0"]
    with pytest.raises(ConfigError, match="student.label_smoothing must be 0 without"):
        load_config(None, given)
    assert load_config(None, [*given, "control=true"]).student.label_smoothing == 0.1


@pytest.mark.parametrize("section", ["student", "assistant"])
def test_only_a_teacher_in_the_loop_predicts_what_augmentation_makes(section):
    override = f"{section}.augmentation=[RandomFlip]"
    message = rf"views.fresh must be true with {section}\.augmentation"
    with pytest.raises(ConfigError, match=message):
        load_config(None, [override])
    assert load_config(None, [override, "views.fresh=true"]).views.fresh


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is not valid YAML"),
        ("- a", "must be a mapping of sections, received list"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(own_file, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(own_file(text))


def test_a_missing_file_is_refused_with_the_shipped_names():
    with pytest.raises(
        ConfigError, match=r"nowhere.yaml cannot be read.*article, best, default"
    ):
        load_config("nowhere.yaml")


def test_nothing_in_the_current_folder_hides_a_shipped_configuration(
    tmp_path, monkeypatch
):
    (tmp_path / "photos").mkdir()
    (tmp_path / "smoke").write_text("seeds: 2")
    monkeypatch.chdir(tmp_path)
    assert load_config("photos").pipeline.name.startswith("photos-")
    assert load_config("smoke").seeds == 1
    assert load_config("./smoke").seeds == 2


def test_searching_and_fixed_hyperparameters_exclude_each_other():
    with pytest.raises(ConfigError, match="hyperparameters must be null while tuning"):
        load_config("tuned", ["hyperparameters=3"])


def test_every_error_is_reported_in_a_line_of_its_own():
    with pytest.raises(ConfigError) as caught:
        load_config(None, ["student.epoch=3", "seeds=0", "gate.margin=2"])
    assert str(caught.value).splitlines() == [
        "Unknown configuration key student.epoch. Did you mean student.epochs?",
        "seeds must be an integer in [1, 9], received 0.",
        "gate.margin must be a number > 0 and < 1, or auto, received 2.",
    ]


@pytest.mark.parametrize("override", ["data.substitute=1", "data.dataset=5"])
def test_no_value_is_converted_to_another_type(override):
    with pytest.raises(ConfigError, match=override.split("=")[0]):
        load_config(None, [override])


def test_a_section_made_in_python_is_refused_as_one_from_a_file():
    with pytest.raises(ConfigError, match=r"student.epochs must be an integer >= 1"):
        StudentConfig(epochs=0)
    with pytest.raises(ConfigError, match="Did you mean student.epochs"):
        StudentConfig().replace(epoch=3)


def test_given_places_are_checked():
    assert load_places(None, ["pipeline.name=x"]).pipeline_name == "x"
    with pytest.raises(ConfigError, match=r"Did you mean pipeline\.name"):
        load_places(None, ["pipeline.nam=x"])


def test_a_file_of_answers_has_none_for_corrupted_images():
    answers = "teacher.answers=answers.parquet"
    assert load_config(None, [answers, "gate.corruptions={}"]).gate.corruptions
    with pytest.raises(ConfigError, match=r"gate.corruptions.margin must be null with"):
        load_config(None, [answers, "gate.corruptions.margin=0.1"])
