"""What a look at a data set finds, and what is refused."""

import numpy as np
import pytest
from photo_files import encoded, noise, plain, write_folder, write_splits

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import (
    canonical_images,
    data_check,
    data_findings,
    data_report,
)
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.data_report import DataReport, EqualImages
from tfx_distill.trainer.data.image_facts import Facts
from tfx_distill.trainer.data.image_source import ImageSource
from tfx_distill.trainer.errors import DataError


@pytest.fixture
def photos(tmp_path):
    """A sound data set with 5, 3 and 3 images of two classes."""
    return write_splits(tmp_path / "photos")


def _look(root, **settings):
    data = DataConfig(images=str(root), **settings)
    return data_check.look(ImageSource(data), data), data


def _copy(root, source, target):
    (root / target).write_bytes((root / source).read_bytes())


def _refusal(root, **settings):
    report, data = _look(root, **settings)
    with pytest.raises(DataError) as caught:
        data_findings.require_usable(report, data)
    return str(caught.value)


def test_sound_data_are_counted_and_used(photos):
    report, data = _look(photos)
    assert report.num_images == {"train": (5, 5), "eval": (3, 3), "test": (3, 3)}
    assert (report.heights, report.image_shape) == ((8, 8, 8), (8, 8, 3))
    assert data_findings.refusals(report, data) == []
    assert data_findings.notices(report, data) == []


def test_report_survives_its_file(photos, tmp_path):
    _copy(photos, "train/cat/0.png", "test/dog/copy.png")
    (photos / "train" / "cat" / "bad.jpg").write_bytes(b"")
    (photos / "train" / "cat" / "grey.png").write_bytes(encoded(plain(1, 5, 6)))
    report, _ = _look(photos)
    report.save(str(tmp_path))
    assert DataReport.load(str(tmp_path)) == report
    assert DataReport.load(str(photos)) is None


def test_unlabelled_images_have_no_class(photos):
    write_folder(photos / "unlabelled", {"cat": 4}, first=50)
    report, data = _look(photos)
    assert report.num_images == {"train": (5, 5), "eval": (3, 3), "test": (3, 3)}
    assert report.num_examples["unlabelled"] == report.num_unlabelled == 4
    assert data_findings.refusals(report, data) == []
    assert report.conflicts.number == 0


def test_unlabelled_images_of_test_are_refused_and_of_train_told(photos):
    (photos / "unlabelled").mkdir()
    _copy(photos, "train/cat/0.png", "unlabelled/a.png")
    report, data = _look(photos)
    assert data_findings.refusals(report, data) == []
    assert "1 image in train and unlabelled" in data_findings.notices(report, data)[0]
    _copy(photos, "test/cat/0.png", "unlabelled/b.png")
    assert "1 image in test and unlabelled" in _refusal(photos)


def test_only_the_first_of_each_class_keep_their_labels(photos):
    report, data = _look(photos, labels_per_class=2)
    assert report.num_images["train"] == (2, 2) and report.num_unlabelled == 6
    assert data_findings.notices(report, data) == []
    report, data = _look(photos, labels_per_class=6)
    assert report.num_images["train"] == (5, 5) and report.num_unlabelled == 0
    assert (
        "6, images in train: cat (5), dog (5)" in data_findings.notices(report, data)[0]
    )


@pytest.mark.attack
def test_a_search_does_not_choose_on_test_images(photos):
    report, _ = _look(photos)
    data_findings.require_searchable(report)
    _copy(photos, "eval/cat/0.png", "test/cat/copy.png")
    report, _ = _look(photos, allow_overlap="eval_test")
    with pytest.raises(
        DataError, match="1 of 7 test images are in eval, which is to choose"
    ):
        data_findings.require_searchable(report)


def test_same_image_in_eval_and_test_is_allowed_apart(photos):
    _copy(photos, "eval/cat/0.png", "test/cat/copy.png")
    assert _refusal(photos).endswith("or set data.allow_overlap: eval_test.")
    report, data = _look(photos, allow_overlap="eval_test")
    assert data_findings.refusals(report, data) == []
    assert "1 image in eval and test" in data_findings.notices(report, data)[0]
    _copy(photos, "train/cat/0.png", "test/cat/other.png")
    refused = _refusal(photos, allow_overlap="eval_test")
    assert "1 image in train and test" in refused and "in eval and" not in refused


@pytest.mark.attack
def test_same_image_in_two_splits_is_refused_unless_allowed(photos):
    _copy(photos, "train/cat/0.png", "test/cat/copy.png")
    assert _refusal(photos) == (
        "Data set photos: The same image is in two splits: 1 image in train and test, "
        "such as test/cat/copy.png = train/cat/0.png. Results on images that were "
        "trained on prove nothing. Remove the copies or cut other splits, or set "
        "data.allow_overlap: true."
    )
    report, data = _look(photos, allow_overlap=True)
    assert data_findings.refusals(report, data) == []
    (notice,) = data_findings.notices(report, data)
    assert "in two splits: 1 image" in notice
    public = DataConfig(dataset="mnist")  # the rule does not ask where images are from
    assert len(data_findings.refusals(report, public)) == 1


def test_copies_in_one_split_are_told(photos):
    _copy(photos, "train/cat/0.png", "train/cat/copy.png")
    report, data = _look(photos)
    assert data_findings.refusals(report, data) == []
    assert data_findings.notices(report, data) == [
        "1 image more than once in train, such as train/cat/0.png = train/cat/copy.png."
    ]


def test_copies_are_told_in_the_order_of_the_first_images(photos):
    # Images 0 and 3 are the same, and so are 1 and 2; the latter digest is smaller.
    ones = np.ones(4, np.int32)
    facts = Facts(
        names=["a", "b", "c", "d"],
        splits=np.zeros(4, np.int8),
        labels=ones,
        heights=ones,
        widths=ones,
        digests=np.array([9, 1, 1, 9], np.uint64),
        converted={},
        examples={},
        num_converted=0,
        bad=[],
    )
    data = DataConfig(images=str(photos))
    report = data_report.make(
        facts, ImageSource(data), data, (8, 8, 3), shape_chosen=False
    )
    (copies,) = report.duplicates.values()
    assert report.conflicts == EqualImages(number=0, groups=())
    assert report.conflicts == EqualImages()
    assert copies.groups == (("a", "d"), ("b", "c"))


def test_copy_in_another_format_is_a_copy(photos):
    (photos / "test" / "cat" / "same.bmp").write_bytes(encoded(noise(0), "BMP"))
    assert "train/cat/0.png" in _refusal(photos)


def test_image_with_two_labels_is_refused_unless_allowed(photos):
    _copy(photos, "train/cat/0.png", "train/dog/copy.png")
    assert "1 image with more than one label" in _refusal(photos)
    report, data = _look(photos, allow_conflicts=True)
    assert data_findings.refusals(report, data) == []


def test_unreadable_files_are_all_named_unless_they_are_few(photos):
    (photos / "train" / "cat" / "a.jpg").write_bytes(b"")
    (photos / "test" / "dog" / "b.jpg").write_text("no image")
    assert _refusal(photos) == (
        "Data set photos: 2 of 24 images cannot be used (test/dog/b.jpg: not an image "
        "of a known format; train/cat/a.jpg: the file is empty). Repair or remove them, "
        "or set data.max_bad_share: 0.084 to skip them."
    )
    report, data = _look(photos, max_bad_share=0.084)
    assert data_findings.refusals(report, data) == []
    (notice,) = data_findings.notices(report, data)
    assert notice.startswith("2 images skipped (test/dog/b.jpg: not an image")
    assert report.num_examples == {"train": 10, "eval": 6, "test": 6}


def test_the_share_to_skip_is_rounded_up_only_if_it_must(photos):
    for number in range(3):
        (photos / "train" / "cat" / f"bad-{number}.jpg").write_bytes(b"")
    refusal = _refusal(photos)  # 3 of 25
    assert "3 of 25 images" in refusal and "data.max_bad_share: 0.12 to" in refusal


def test_without_a_readable_image_there_are_no_sizes(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.jpg").write_bytes(b"")
    report, _ = _look(tmp_path, image_shape=(8, 8, 3))
    assert (report.heights, report.widths) == ((0, 0, 0), (0, 0, 0))


def test_conversions_are_counted_in_one_notice_or_refused(photos):
    (photos / "train" / "cat" / "0.png").write_bytes(encoded(plain(1, 5, 6)))
    (photos / "train" / "cat" / "1.png").write_bytes(encoded(plain(2)))
    report, data = _look(photos, image_shape=(8, 8, 3))
    assert data_findings.notices(report, data) == [
        "2 of 22 images converted: grey to colour 2, fitted to another size 1."
    ]
    refusal = _refusal(photos, strict=True, image_shape=(8, 8, 3))
    assert "2 of 22 images need conversion (grey to colour 2 (train/cat/" in refusal


def test_a_chosen_size_is_told_with_the_sizes_that_there_are(photos):
    (photos / "train" / "cat" / "0.png").write_bytes(encoded(plain((1, 2, 3), 5, 6)))
    (photos / "train" / "cat" / "1.png").write_bytes(encoded(plain((3, 2, 1), 7, 12)))
    notices = data_findings.notices(*_look(photos))
    assert any(text.startswith("Images of 5 x 6 to 8 x 12 pixels") for text in notices)


def test_single_class_is_refused(tmp_path):
    write_folder(tmp_path / "photos", {"cat": 60})
    assert "It has one class, expected two or more" in _refusal(tmp_path / "photos")


def test_class_without_training_images_is_refused_by_name(photos):
    (photos / "train" / "bird").mkdir()
    write_folder(photos / "test", {"fish": 1}, first=500)
    refusal = _refusal(photos)
    assert "Classes without an image in train: bird, fish. Add images" in refusal


def test_class_without_test_images_is_told(photos):
    write_folder(photos / "train", {"bird": 2}, first=500)
    report, data = _look(photos)
    assert data_findings.refusals(report, data) == []
    assert data_findings.notices(report, data) == [
        "Classes without an image in eval: bird.",
        "Classes without an image in test: bird.",
    ]


def test_split_without_images_is_refused(tmp_path):
    write_folder(tmp_path, {"cat": 1, "dog": 1})
    refusal = _refusal(tmp_path, eval_share=0.001)
    assert "Split eval has no image. Add some, or raise data.eval_share." in refusal


def test_facts_of_parts_are_those_of_the_whole(photos, tmp_path):
    files = ImageSource(DataConfig(images=str(photos))).files
    facts = [
        fact for fact, _ in canonical_images.convert(files, Form((8, 8, 3), "crop"))
    ]
    parts = [Facts.of(facts[:7]), Facts.of(facts[7:])]
    for i, part in enumerate(parts):
        part.save(str(tmp_path / str(i)))
    joined = Facts.joined(Facts.load(str(tmp_path / str(i))) for i in range(2))
    whole = Facts.of(facts)
    assert joined.names == whole.names
    np.testing.assert_array_equal(joined.digests, whole.digests)
    np.testing.assert_array_equal(joined.labels, whole.labels)
