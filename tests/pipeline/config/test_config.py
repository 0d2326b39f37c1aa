"""Layers of the configuration, and what is refused before anything starts."""

import pydantic
import pytest
import yaml

from tfx_distill.pipeline.config.loader import load_config, load_places
from tfx_distill.trainer.config import moved_paths
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError

BATCH = "tuning.space.student.batch_size="


@pytest.fixture(autouse=True)
def no_manual_dir(monkeypatch):
    monkeypatch.delenv("DISTILL_MANUAL_DIR", raising=False)


def _file(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    return path


def test_set_goes_over_the_file_and_the_file_over_the_defaults(tmp_path):
    file = _file(tmp_path, "{distillation: {temperature: 3}, views: {count: 2}}")
    config = load_config(file, ["distillation.temperature=2"])
    assert (config.distillation.temperature, config.views.count) == (2.0, 2)
    assert config.distillation.student_loss_weight == 0.1


def test_a_data_sets_own_values_lie_between_defaults_and_file(tmp_path):
    config = load_config(_file(tmp_path, "gate: {min_accuracy: 0.5}"), dataset="digits")
    assert config.gate.min_accuracy == 0.5
    assert config.gate.max_accuracy_drop == 0.03


def test_the_resolved_configuration_is_a_configuration_file(tmp_path):
    config = load_config("article", ["data.image_shape=[32, 32, 1]"])
    again = load_config(_file(tmp_path, config.to_yaml()))
    assert again == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("distilation.temperature=2", r"key distilation\. Did you mean distillation\?"),
        ("distillation.temprature=2", "Did you mean distillation.temperature"),
        (
            "distillation.temperature=0",
            r"a finite number > 0 \(1 leaves targets unsoftened\), received 0",
        ),
        (
            "distillation.temperature=hot",
            r"must be a finite number > 0 .*, received 'hot'",
        ),
        (
            "distillation.temperature=.inf",
            r"must be a finite number > 0 .*, received inf",
        ),
        ("student.epochs=1.5", "student.epochs must be an integer >= 1, received 1.5"),
        (
            "student.epochs=true",
            "student.epochs must be an integer >= 1, received True",
        ),
        ("student.epochs=0", "student.epochs must be an integer >= 1, received 0"),
        ("teacher.model=teacher", "teacher.model must be the dotted path"),
        ("student.schedule=linear", "student.schedule must be cosine or constant"),
        (
            "gate.min_accuracy=99",
            r"gate.min_accuracy must be a number in \[0, 1\], or null, received 99",
        ),
        ("data.image_shape=[28, 28]", r"must be \[height, width, channels\]"),
        ("lite.flavours=[int4]", "must be a list of float32 and int8, each at most"),
        ("lite.flavours=[int8, int8]", "each at most once, received"),
        ("lite.calibration_examples=0", "calibration_examples must be an integer >= 1"),
        ("student.quantization_aware_epochs=15", r"in \[0, 14\], the number of epochs"),
        ("assistant={views: 9}", "assistant.views must be at most views.count, 4"),
        ("pusher.directory=gs://bucket/x", "pusher.directory must be a folder, not a"),
        ("data=mnist", "data must be a mapping of keys, received 'mnist'"),
        (
            "beam.args=--x",
            "beam.args must be a list, each an option that begins with --, received",
        ),
        ("pipeline.name=My_Pipeline", "pipeline.name must be 1 to 128 lower-case"),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "is not YAML"), ("- a", "must be a mapping of sections, received list")],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(_file(tmp_path, text))


def test_a_missing_file_is_refused_with_the_shipped_names():
    with pytest.raises(
        ConfigError, match=r"nowhere.yaml cannot be read.*article, best, default"
    ):
        load_config("nowhere.yaml")


def test_the_variable_names_the_manual_folder_unless_the_key_does(monkeypatch):
    monkeypatch.setenv("DISTILL_MANUAL_DIR", "/from/variable")
    assert load_config().data.manual_dir == "/from/variable"
    named = load_config(None, ["data.manual_dir=/from/key"])
    assert named.data.manual_dir == "/from/key"


def test_data_sets_never_share_a_serving_folder():
    mnist, digits = load_config(), load_config(dataset="digits")
    assert mnist.serving_dir != digits.serving_dir
    assert load_config("smoke").serving_dir != digits.serving_dir


def test_the_space_is_written_out_and_reads_back(tmp_path):
    config = load_config("tuned")
    assert "student.options.widths.0" in config.tuning.space
    assert load_config(_file(tmp_path, config.to_yaml())) == config


def test_the_default_space_fits_the_configuration():
    own = load_config(None, ["tuning={}", "student.model=my.own", "views.count=1"])
    assert set(own.tuning.space) == {
        "distillation.temperature",
        "distillation.student_loss_weight",
        "student.learning_rate",
        "student.batch_size",
    }


def test_a_range_is_set_by_nested_keys_too():
    key = "tuning.space.student.learning_rate"
    config = load_config(None, [f"{key}.min=1e-3", f"{key}.max=1"])
    space = config.tuning.model_dump()["space"]
    assert space == {"student.learning_rate": {"min": 0.001, "max": 1.0}}


def test_null_turns_a_search_off_that_a_file_turned_on():
    assert load_config("tuned", ["tuning=null"]).tuning is None


def test_searching_and_fixed_hyperparameters_exclude_each_other():
    with pytest.raises(ConfigError, match="hyperparameters must be null while tuning"):
        load_config("tuned", ["hyperparameters=3"])


def test_sections_are_frozen():
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        load_config().gate.min_accuracy = 0.0


def test_the_article_is_the_article():
    config = load_config("article")
    loss = config.distillation
    assert (loss.temperature, loss.student_loss_weight) == (5.0, 0.0)
    assert config.views.count == 1
    assert not loss.temperature_squared
    assert (config.teacher.epochs, config.teacher.batch_size) == (5, 64)
    assert (config.student.epochs, config.student.batch_size) == (5, 32)
    assert config.teacher.max_shift == 0
    assert not config.student.shuffle


def test_yaml_output_holds_plain_values_only():
    assert yaml.safe_load(load_config(None, ["beam.args=[--a=1]"]).to_yaml())[
        "beam"
    ] == {"args": ["--a=1"]}


def test_every_error_is_reported_in_a_line_of_its_own():
    with pytest.raises(ConfigError) as caught:
        load_config(None, ["student.epoch=3", "seeds=0", "gate.margin=2"])
    assert str(caught.value).splitlines() == [
        "Unknown configuration key student.epoch. Did you mean student.epochs?",
        "seeds must be an integer in [1, 9], received 0.",
        "gate.margin must be a number > 0 and < 1, received 2.",
    ]


@pytest.mark.parametrize("override", ["data.substitute=1", "data.dataset=5"])
def test_no_value_is_converted_to_another_type(override):
    with pytest.raises(ConfigError, match=override.split("=")[0]):
        load_config(None, [override])


def test_numbers_as_yaml_reads_them_are_accepted(tmp_path):
    file = _file(
        tmp_path, "{student: {learning_rate: 1e-3}, gate: {max_cross_entropy: 2}}"
    )
    config = load_config(file)
    assert config.student.learning_rate == 0.001
    assert repr(config.gate.max_cross_entropy) == "2.0"


def test_an_empty_section_has_its_defaults(tmp_path):
    config = load_config(_file(tmp_path, "{data: null, assistant: null, tuning: {}}"))
    assert config.data == load_config().data
    assert config.assistant is None
    assert config.tuning.max_trials == 20


@pytest.mark.parametrize("key", ["teacher.model", "assistant.model"])
def test_a_path_of_an_older_version_is_read_as_the_present_one(key, caplog):
    moved_paths.current_path.cache_clear()
    config = load_config(None, [f"{key}=trainer.models.article_student"])
    current = "tfx_distill.trainer.models.architectures.article_student"
    assert getattr(config, key.partition(".")[0]).model == current
    notice = f"trainer.models.article_student has moved; write {current} in the"
    assert [notice in record.message for record in caplog.records] == [True]


def test_a_package_of_the_users_that_is_named_as_ours_was_is_kept(
    tmp_path, monkeypatch
):
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    moved_paths.current_path.cache_clear()
    config = load_config(None, ["student.model=trainer.models.student"])
    assert config.student.model == "trainer.models.student"


def test_equal_sections_have_equal_text_whatever_their_source():
    one = load_config(None, ["student={seed: 1, epochs: 3}"]).student
    other = StudentConfig(epochs=3, seed=1)
    assert one.to_json() == other.to_json()
    assert StudentConfig.from_json(one.to_json()) == one


def test_a_section_made_in_python_is_refused_as_one_from_a_file():
    with pytest.raises(ConfigError, match=r"student.epochs must be an integer >= 1"):
        StudentConfig(epochs=0)
    with pytest.raises(ConfigError, match="Did you mean student.epochs"):
        StudentConfig().replace(epoch=3)


def test_default_places_are_those_of_the_default_configuration():
    places, config = load_places(None, ()), load_config()
    for name in ("pipeline_name", "pipeline_dir", "artifacts_dir", "serving_dir"):
        assert getattr(places, name) == getattr(config, name)
    assert places.tuning_dir == config.tuning_dir
    assert places.metadata.connection == config.metadata.connection


def test_given_places_are_checked():
    assert load_places(None, ["pipeline.name=x"]).pipeline_name == "x"
    with pytest.raises(ConfigError, match=r"Did you mean pipeline\.name"):
        load_places(None, ["pipeline.nam=x"])
