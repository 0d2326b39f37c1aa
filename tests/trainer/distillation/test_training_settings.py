"""Each setting of a training has its effect."""

import keras
import numpy as np
import pytest
from small_data import squares

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data.batches import (
    DistillationBatches,
    DistillationData,
    TeacherBatches,
)
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import fitting, training
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.models import architectures, keras_objects

DENSE = "small_data.dense"
TEACHER = TeacherConfig(
    model=DENSE, epochs=3, batch_size=16, max_shift=0, schedule="constant"
)
STUDENT = StudentConfig(model=DENSE, epochs=3, batch_size=16)


@pytest.fixture(scope="module")
def few_left():
    """Three images of the class `left` and 45 of the others."""
    split = squares(200, seed=5)
    left, others = (np.flatnonzero(test) for test in (split.labels == 0, split.labels))
    rows = np.concatenate([left[:3], others[:45]])
    return Split(split.images[rows], split.labels[rows])


@pytest.fixture
def teach(train, evaluation, spec):
    def taught(split=train, **changes):
        config = TEACHER.replace(**changes)
        return training.train_teacher(split, evaluation, spec, config)

    return taught


def _distance(model, spec):
    """How far training has moved the weights of a model; Euclidean."""
    keras.utils.set_random_seed(TEACHER.seed)
    new = architectures.build(DENSE, spec.image_shape, spec.num_classes)
    pairs = zip(model.get_weights(), new.get_weights(), strict=True)
    return np.sqrt(sum(np.sum((one - other) ** 2) for one, other in pairs))


def _fit(**changes):
    config = StudentConfig(epochs=10, learning_rate=0.5, **changes)
    batches = [None] * 10
    return fitting.Fit(
        task="", section="student", config=config, batches=batches, validation=None
    )


def _rates(fit, *steps):
    optimizer = fit.optimizer()
    rates = []
    for step in steps:
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    return rates


def test_an_optimizer_has_its_name_and_arguments():
    given = {"name": "sgd", "momentum": 0.8, "nesterov": True}
    found = _fit(optimizer=given).optimizer()
    assert type(found) is keras.optimizers.SGD
    assert (found.momentum, found.nesterov) == (0.8, True)


@pytest.mark.parametrize("name", ["adamw", "Lion", "RMSprop", "nadam"])
def test_models_learn_with_any_optimizer(teach, name):
    trained = teach(optimizer=name, learning_rate=3e-3, epochs=8)
    assert trained.history["loss"][-1] < 0.6 * trained.history["loss"][0]


def test_weight_decay_makes_weights_small(teach):
    plain, decayed = (
        teach(optimizer={"name": "adam", "weight_decay": decay}, learning_rate=1e-2)
        for decay in (None, 10.0)
    )
    norms = [np.linalg.norm(t.model.get_weights()[0]) for t in (plain, decayed)]
    assert norms[1] < 0.5 * norms[0]


@pytest.mark.parametrize("argument", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipped_gradients_bound_each_step(teach, spec, argument):
    optimizer = {"name": "sgd", argument: 1e-4}
    free, clipped = (
        teach(optimizer=o, learning_rate=0.1).model for o in ("sgd", optimizer)
    )
    # 18 steps, at most 0.1 · 1e-4 each for a norm; 4 tensors, or 1,107 values.
    most = 18 * 1e-5 * {"clipnorm": 2, "clipvalue": np.sqrt(1107)}.get(argument, 1)
    assert _distance(clipped, spec) < 1.001 * most < _distance(free, spec)


def test_the_learning_rate_warms_up_to_its_peak():
    cosine = _fit(warmup_share=0.2)
    np.testing.assert_allclose(
        _rates(cosine, 0, 10, 20, 60, 100), [0, 0.25, 0.5, 0.25, 0], atol=1e-6
    )
    constant = _fit(warmup_share=0.2, schedule="constant")
    np.testing.assert_allclose(_rates(constant, 0, 10, 20, 99), [0, 0.25, 0.5, 0.5])


def test_smoothed_labels_make_a_teacher_less_certain(teach, evaluation):
    certainties = []
    for smoothing in (0.0, 0.3):
        model = teach(label_smoothing=smoothing, epochs=20).model
        probabilities = keras.ops.softmax(model.predict(evaluation.images, verbose=0))
        certainties.append(float(np.mean(np.max(probabilities, axis=1))))
    assert certainties[0] > 0.97
    assert certainties[1] == pytest.approx(0.8, abs=0.05)


def test_smoothed_labels_make_a_student_less_certain(train, evaluation, spec):
    data = [
        DistillationData(split, None, ViewsConfig(count=1), num_values=3)
        for split in (train, evaluation)
    ]
    labels_alone = DistillationConfig(student_loss_weight=1.0)
    certainties = []
    for smoothing in (0.0, 0.3):
        config = STUDENT.replace(label_smoothing=smoothing, epochs=20)
        trained = training.train_student(*data, spec, config, labels_alone)
        logits = trained.model.predict(evaluation.images, verbose=0)
        certainties.append(float(np.mean(np.max(keras.ops.softmax(logits), axis=1))))
    assert certainties[0] > 0.97
    assert certainties[1] == pytest.approx(0.8, abs=0.05)


def test_a_class_of_no_weight_is_not_learnt(teach, evaluation):
    weights = {"both": 0}
    answers = teach(class_weight=weights, epochs=20).model.predict(
        evaluation.images, verbose=0
    )
    found = np.argmax(answers, axis=1)
    assert (
        found[evaluation.labels != 2] == evaluation.labels[evaluation.labels != 2]
    ).all()
    assert not (found == 2).any()


def test_balanced_weights_let_each_class_count_the_same(few_left, spec):
    config = TEACHER.replace(class_weight="balanced", batch_size=100)
    weights = training.class_weights(config, few_left, spec)
    for batches in (
        TeacherBatches(few_left, config, 3, class_weights=weights),
        DistillationBatches(
            DistillationData(few_left, None, ViewsConfig(), num_values=3),
            STUDENT.replace(batch_size=100), class_weights=weights,
        ),
    ):  # fmt: skip
        _, targets, found = batches[0]
        labels = targets[:, 0] if targets.shape[1] == 4 else targets.argmax(axis=1)
        sums = [found[labels == label].sum() for label in range(3)]
        np.testing.assert_allclose(sums, [16, 16, 16], rtol=1e-5)


def test_an_image_without_label_keeps_its_weight():
    split = squares(12, seed=3)
    split = Split(split.images, np.where(np.arange(12) < 4, -1, split.labels))
    data = DistillationData(split, None, ViewsConfig(), num_values=3)
    config = STUDENT.replace(batch_size=12, shuffle=False)
    weights = np.full(3, 5.0, np.float32)
    _, _, found = DistillationBatches(data, config, class_weights=weights)[0]
    np.testing.assert_allclose(found, [1] * 4 + [5] * 8)


def test_balanced_sampling_draws_each_class_equally_often(few_left):
    config = TEACHER.replace(balanced_sampling=True, batch_size=48)
    batches = TeacherBatches(few_left, config, 3)
    counts = np.zeros(3)
    for epoch in range(50):
        batches.begin(epoch)
        counts += batches[0][1].sum(axis=0)
    np.testing.assert_allclose(counts / counts.sum(), np.full(3, 1 / 3), atol=0.04)


def test_balanced_sampling_keeps_the_part_of_images_without_label(few_left):
    labels = np.where(np.arange(48) < 12, -1, np.arange(48) % 4 // 3).astype(np.int32)
    split = Split(few_left.images, labels)
    data = DistillationData(split, None, ViewsConfig(), num_values=3)
    config = STUDENT.replace(balanced_sampling=True, batch_size=48)
    batches = DistillationBatches(data, config)
    drawn = []
    for epoch in range(50):
        batches.begin(epoch)
        drawn.append(batches[0][1][:, 0])
    shares = [np.mean(np.concatenate(drawn) == label) for label in (-1, 0, 1)]
    np.testing.assert_allclose(shares, [0.25, 0.375, 0.375], atol=0.04)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("adm", r"Unknown teacher\.optimizer\.name adm\. Did you mean Adam"),
        ({"name": "sgd", "momentun": 0.9}, r"SGD in teacher\.optimizer.*mean momentum"),
        ({"name": "sgd", "learning_rate": 1}, "Unknown argument of Keras's SGD"),
        ({"name": "sgd", "momentum": 7}, r"teacher\.optimizer: Keras's SGD refuses"),
    ],
)
def test_what_keras_does_not_know_is_refused_with_the_nearest(given, message):
    config = TEACHER.replace(optimizer=given)
    with pytest.raises(ConfigError, match=message):
        keras_objects.optimizer(config.optimizer, 0.1, "teacher")


def test_a_class_that_the_data_lack_is_refused_with_the_nearest(teach):
    with pytest.raises(ConfigError, match=r"teacher\.class_weight.*mean right"):
        teach(class_weight={"rihgt": 2})
