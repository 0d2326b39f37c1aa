"""Layers of the configuration: what goes over what, and what is written out."""

import pydantic
import pytest
import yaml

from tfx_distill.pipeline.config.loader import load_config, load_places
from tfx_distill.trainer.config import moved_paths
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.training_config import StudentConfig


def test_set_goes_over_the_file_and_the_file_over_the_defaults(own_file):
    file = own_file("{distillation: {temperature: 3}, views: {count: 2}}")
    config = load_config(file, ["distillation.temperature=2"])
    assert (config.distillation.temperature, config.views.count) == (2.0, 2)
    assert config.distillation.student_loss_weight == 0.1


def test_a_data_sets_own_values_lie_between_defaults_and_file(own_file):
    config = load_config(own_file("gate: {min_accuracy: 0.5}"), dataset="digits")
    assert config.gate.min_accuracy == 0.5
    assert config.gate.max_accuracy_drop == 0.03


def test_gate_auto_hides_what_lies_below_and_keys_may_follow():
    assert load_config().gate.margin == 0.005
    config = load_config(None, ["gate=auto", "gate.attempts=corrected"])
    assert (config.gate.margin, config.gate.min_class_accuracy) == ("auto", None)
    assert config.gate.attempts == "corrected"


def test_data_without_a_file_of_their_own_have_the_gate_that_fits():
    for overrides in (["data.images=photos"], ["data.dataset=fashion_mnist"]):
        assert load_config(None, overrides).gate == GateConfig()


def test_the_resolved_configuration_is_a_configuration_file(own_file):
    config = load_config("article", ["data.image_shape=[32, 32, 1]"])
    again = load_config(own_file(config.to_yaml()))
    assert again == config


def test_the_variable_names_the_manual_folder_unless_the_key_does(monkeypatch):
    monkeypatch.setenv("DISTILL_MANUAL_DIR", "/from/variable")
    assert load_config().data.manual_dir == "/from/variable"
    named = load_config(None, ["data.manual_dir=/from/key"])
    assert named.data.manual_dir == "/from/key"


def test_data_sets_never_share_a_serving_folder():
    mnist, digits = load_config(), load_config(dataset="digits")
    assert mnist.serving_dir != digits.serving_dir
    assert load_config("smoke").serving_dir != digits.serving_dir


def test_the_space_is_written_out_and_reads_back(own_file):
    config = load_config("tuned")
    assert "student.options.widths.0" in config.tuning.space
    assert load_config(own_file(config.to_yaml())) == config


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
    config = load_config(None, ["beam.args=[--a=1]"])
    assert yaml.safe_load(config.to_yaml())["beam"]["args"] == ["--a=1"]


def test_numbers_as_yaml_reads_them_are_accepted(own_file):
    file = own_file("{student: {learning_rate: 1e-3}, gate: {max_cross_entropy: 2}}")
    config = load_config(file)
    assert config.student.learning_rate == 0.001
    assert repr(config.gate.max_cross_entropy) == "2.0"


def test_an_empty_section_has_its_defaults(own_file):
    config = load_config(own_file("{data: null, assistant: null, tuning: {}}"))
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


def test_default_places_are_those_of_the_default_configuration():
    places, config = load_places(None, ()), load_config()
    for name in ("pipeline_name", "pipeline_dir", "artifacts_dir", "serving_dir"):
        assert getattr(places, name) == getattr(config, name)
    assert places.tuning_dir == config.tuning_dir
    assert places.metadata.connection == config.metadata.connection


def test_a_configuration_is_shown_whole_and_recorded_without_what_is_not_used():
    config = load_config()
    shown = yaml.safe_load(config.to_yaml())["student"]
    assert shown["optimizer"]["name"] == "adam"
    assert shown["early_stopping"]["restore_best_weights"] is False
    assert not {"optimizer", "early_stopping", "label_smoothing"} & set(
        config.student.model_dump()
    )


def test_all_recipes_share_a_precision_unless_they_have_their_own():
    shared = "training.precision=mixed_bfloat16", "assistant={}"
    config = load_config(None, [*shared, "student.precision=float32"])
    recipes = config.ensemble.recipes(config.teacher) + [config.assistant]
    assert {recipe.precision for recipe in recipes} == {"mixed_bfloat16"}
    assert config.student.precision == "float32"
    again = type(config).build(yaml.safe_load(config.to_yaml()))
    assert again == config
    left = load_config(None)
    assert left.teacher.precision is None
    assert "precision" not in left.teacher.to_json()
