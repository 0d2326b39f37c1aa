"""What a page shows of few, of a hundred and of a thousand classes."""

import pytest
from photo_runs import PHOTO_CLASSES, PhotoRun, many
from small_runs import collected

from tfx_distill.pipeline.report import class_tables, html
from tfx_distill.pipeline.report.report_data import Balance


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    run = PhotoRun(tmp_path_factory.mktemp("few"), PHOTO_CLASSES)
    return collected(run.write(blessed=False))


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    run = PhotoRun(tmp_path_factory.mktemp("many"), many(1000), per_class=5)
    return collected(run.write(blessed=False))


def test_few_classes_keep_their_order(few):
    assert [row.name for row in class_tables.shown(few.classes)] == list(PHOTO_CLASSES)


def test_of_many_classes_the_worst_are_shown(thousand):
    shown = class_tables.shown(thousand.classes)
    values = [row.student.value for row in shown]
    assert len(shown) == class_tables.MAX_SHOWN
    assert values == sorted(values)
    hidden = {row.name for row in shown}
    rest = [row.student.value for row in thousand.classes if row.name not in hidden]
    assert max(values) <= min(rest)


def test_the_most_frequent_mistakes_come_first(few):
    found = class_tables.mistakes(few)
    assert [one.student for one in found] == sorted(
        (one.student for one in found), reverse=True
    )
    first, counts = found[0], few.confusions[1].counts
    place = PHOTO_CLASSES.index(first.label), PHOTO_CLASSES.index(first.predicted)
    assert first.student == counts[place]
    assert first.share == pytest.approx(counts[place] / 20)
    assert first.teacher == few.confusions[0].counts[place]


def test_each_class_says_what_is_predicted_instead(few):
    name, count = class_tables.confused_with(few)["cat"].split(", ")[0].split(" ×")
    row = few.confusions[1].mistakes[PHOTO_CLASSES.index("cat")]
    assert int(count) == row.max() == row[PHOTO_CLASSES.index(name)]


def test_splits_are_compared_by_their_smallest_and_largest_class():
    splits = [
        Balance(split="train", num_examples=13, counts=(("a", 9), ("b", 4))),
        Balance(split="test", num_examples=2, counts=(("a", 2), ("b", 0))),
    ]
    train, test = class_tables.split_sizes(splits)
    assert (train.fewest, train.median, train.most) == (("b", 4), 6.5, ("a", 9))
    assert (train.num_empty, test.num_empty) == (0, 1)
    assert class_tables.balance(splits) == [("a", [9, 2]), ("b", [4, 0])]


def test_a_refusal_on_many_classes_is_one_row(few, thousand):
    for report, number in ((few, 10), (thousand, 1000)):
        page = html.run_page(report)
        verdict = page[page.index('id="verdict"') : page.index('id="accuracy"')]
        assert verdict.count("<tr>") == 4  # a header and three bounds
        assert f"of {number:,} classes</small>" in verdict


def test_a_page_of_a_thousand_classes_has_no_matrix_and_a_sane_size(few, thousand):
    page = html.run_page(thousand)
    assert 'class="matrix' in html.run_page(few)
    assert 'class="matrix' not in page
    assert len(page) < 1_500_000
    assert page.count('<details class="all">') == 3
