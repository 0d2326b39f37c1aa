"""The modules whose mutants are tested, and what is known of them."""

_CONFIG = ("tests/trainer/config", "tests/pipeline/config/test_config_refusals.py")
_OF_THEIR_NAME = (
    "components/evaluator/attempts.py",
    "components/evaluator/margin_check.py",
    "components/evaluator/verdict.py",
    "components/pusher/manifest.py",
    "components/pusher/versions.py",
    "trainer/data/augmentation.py",
    "trainer/data/canonical_images.py",
    "trainer/data/data_report.py",
    "trainer/data/image_fitting.py",
    "trainer/data/photo_normaliser.py",
    "trainer/data/spec_resolver.py",
    "trainer/distillation/answers_file.py",
    "trainer/distillation/keyed_answers.py",
    "trainer/evaluation/balanced_metrics.py",
    "trainer/evaluation/calibration.py",
    "trainer/evaluation/chance.py",
    "trainer/evaluation/drift.py",
    "trainer/evaluation/fitted_gate.py",
    "trainer/evaluation/headroom.py",
    "trainer/evaluation/noninferiority.py",
    "trainer/export/class_columns.py",
    "trainer/export/saved_model_files.py",
    "trainer/json_files.py",
    "trainer/losses.py",
    "trainer/model_faults.py",
    "trainer/structured_text.py",
    "trainer/tuning/hyperparameters.py",
)
_OTHERS = {
    "components/checks.py": (
        "tests/components/test_checks.py",
        "tests/components/evaluator/test_verdict.py",
    ),
    "components/pusher/local_versions.py": (
        "tests/components/pusher/test_versions.py",
    ),
    "components/servability_validator/budget_decision.py": (
        "tests/components/servability_validator/test_servability_decision.py",
    ),
    "components/servability_validator/output_checks.py": (
        "tests/components/servability_validator/test_servability_decision.py",
    ),
    "trainer/config/gate_config.py": (
        *_CONFIG,
        "tests/trainer/evaluation/test_fitted_gate.py",
        "tests/test_docs.py::test_every_key_is_on_the_configuration_page_with_its_default",
    ),
    "trainer/config/section.py": _CONFIG,
    "trainer/data/data_findings.py": ("tests/trainer/data/test_data_report.py",),
    "trainer/data/image_listing.py": ("tests/trainer/data/test_image_source.py",),
    "trainer/evaluation/comparison.py": (
        "tests/trainer/evaluation/test_comparison.py",
        "tests/trainer/evaluation/test_headroom.py",
    ),
    "trainer/evaluation/paired_interval.py": (
        "tests/trainer/evaluation/test_comparison.py",
    ),
}


def _test_of(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return f"tests/{folder}/test_{name}"


# The tests that guard each module; those that only use it are left out.
TESTS = {name: (_test_of(name),) for name in _OF_THEIR_NAME} | _OTHERS

# Mutants that change nothing that a test could notice, by module and key, and why.
EQUIVALENT: dict[str, dict[str, str]] = {
    "components/evaluator/margin_check.py": {
        "of_report: True → False": "there is a number for each class",
    },
    "components/pusher/versions.py": {
        "module: 60.0 → 61.0": "only how long a push waits for another one depends on it",
    },
    "components/servability_validator/output_checks.py": {
        '_inconsistencies: np.abs(outputs[f"{name}/probabilities"] - softmax) > tolerance '
        "→ np.abs(outputs[f'{name}/probabilities'] - softmax) >= tolerance": "an exact tie",
    },
    "trainer/data/augmentation.py": {
        "rotate: 2 → 3 (4)": "a wider margin of zeros",
    },
    "trainer/data/canonical_images.py": {
        "convert: 1 → 2": "for a machine that does not tell its number of cores",
    },
    "trainer/data/data_report.py": {
        "DataReport.missing: True → False": "there is a number for each class",
    },
    "trainer/distillation/keyed_answers.py": {
        "module: 2**16 → 2 * 16": "only the size of a piece depends on it",
    },
    "trainer/export/class_columns.py": {
        "ClassColumns.logits: -1 → 1": "the last axis of two",
        "ClassColumns.logits: -1 → 1 (2)": "the last axis of two",
        "ClassColumns.logits: -1 → 1 (3)": "the last axis of two",
        "ClassColumns.logits: -1 → 1 (4)": "the last axis of two",
    },
    "trainer/evaluation/drift.py": {
        "module: 2**22 → 2 * 22": "only memory and time depend on it",
    },
    "trainer/evaluation/noninferiority.py": {
        "lower_bound: -1 + 1e-12 → -1 - 1e-12": "the search ends at 1e-12, too",
    },
    "trainer/structured_text.py": {
        "documents: text.encode() → pass": "PyYAML's C parser refuses it as well",
    },
    "trainer/losses.py": {
        "_require_same_shape: False → True": "unequal lengths are refused before",
        "feature_loss: -1 → 1": "the last axis of two",
        "pack_targets: 1 → 2": "NumPy takes any negative length for the rest",
        "soft_target_loss: -1 → 1 (3)": "the last axis of two",
    },
}
