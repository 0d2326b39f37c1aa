"""Which files are images of which class and split, and in what order."""

import json

import pytest
from photo_files import encoded, noise, write_folder

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import canonical_images
from tfx_distill.trainer.data.image_source import ImageSource
from tfx_distill.trainer.errors import DataError


def _source(path, **settings):
    return ImageSource(DataConfig(images=str(path), **settings))


def _splits(source):
    return {s: len(source.items(s)) for s in ("train", "eval", "test")}


def test_folder_of_classes_is_cut_by_content(tmp_path):
    write_folder(tmp_path, {"dog": 2, "cat": 1})
    source = _source(tmp_path, eval_share=0.3)
    assert source.class_names == ("cat", "dog")
    assert source.cut == (("test", 0.1), ("eval", 0.3)) and source.num_test is None
    assert {(f.name, f.label) for f in source.files} == {
        ("cat/0.png", 0), ("dog/0.png", 1), ("dog/1.png", 1),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["eval", "val", "Valid", "validation"])
def test_folders_of_splits_are_the_splits(tmp_path, name):
    for split in ("train", name, "test"):
        write_folder(tmp_path / split, {"cat": 1, "dog": 2})
    source = _source(tmp_path)
    assert _splits(source) == {"train": 3, "eval": 3, "test": 3}
    assert source.cut == () and source.num_test == 3


def test_only_a_missing_split_is_cut_out(tmp_path):
    write_folder(tmp_path / "train", {"cat": 1, "dog": 1})
    write_folder(tmp_path / "test", {"cat": 1, "dog": 1})
    assert _source(tmp_path).cut == (("eval", 0.1),)


def test_folders_of_unlabelled_images_mean_nothing(tmp_path):
    write_folder(tmp_path / "train", {"cat": 1, "dog": 1})
    write_folder(tmp_path / "unlabelled", {"cat": 1, "what": 2})
    write_folder(tmp_path, {"unlabelled": 1})
    source = _source(tmp_path)
    assert source.class_names == ("cat", "dog")
    assert [f.label for f in source.items("unlabelled")] == [-1] * 4


@pytest.mark.parametrize("place", ["photos/more", "elsewhere"])
def test_unlabelled_images_may_lie_anywhere(tmp_path, place):
    write_folder(tmp_path / "photos", {"cat": 1, "dog": 1})
    write_folder(tmp_path / place, {"cat": 3})
    source = _source(tmp_path / "photos", splits={"unlabelled": str(tmp_path / place)})
    assert source.class_names == ("cat", "dog") and len(source.items("train")) == 2
    assert all(file.open().encoded for file in source.items("unlabelled"))
    assert len(source.items("unlabelled")) == 3


def test_a_list_has_its_unlabelled_images_in_a_folder_too(tmp_path):
    (tmp_path / "l.csv").write_text("path,label\na,x\nb,y\n")
    write_folder(tmp_path / "more", {"any": 3})
    (tmp_path / "more" / "last.png").write_bytes(encoded(noise(9)))
    source = _source(tmp_path / "l.csv", splits={"unlabelled": str(tmp_path / "more")})
    assert len(source.items("train")) == 2 and len(source.items("unlabelled")) == 4


def test_a_folder_without_unlabelled_images_is_refused(tmp_path):
    write_folder(tmp_path, {"cat": 1, "dog": 1})
    (tmp_path / "none").mkdir()
    with pytest.raises(
        DataError, match="data.splits.unlabelled: .*none holds no images"
    ):
        _source(tmp_path, splits={"unlabelled": str(tmp_path / "none")})


def test_rows_without_label_are_unlabelled(tmp_path):
    rows = "path,label,split\na,x,train\nb,y,\nc,,\nd,z,Unlabeled\n"
    (tmp_path / "l.csv").write_text(rows)
    source = _source(tmp_path / "l.csv")
    assert source.class_names == ("x", "y") and len(source.items("train")) == 2
    found = {(f.name, f.label) for f in source.items("unlabelled")}
    assert found == {("c", -1), ("d", -1)}


def test_a_class_may_be_called_train(tmp_path):
    write_folder(tmp_path, {"train": 2, "bus": 1})
    assert _source(tmp_path).class_names == ("bus", "train")


def test_folder_beside_splits_is_refused(tmp_path):
    write_folder(tmp_path / "train", {"cat": 1})
    write_folder(tmp_path, {"tset": 1})
    with pytest.raises(
        DataError, match="holds the folders train, tset, expected train"
    ):
        _source(tmp_path)


def test_litter_is_left_out_and_other_files_are_counted(tmp_path):
    write_folder(tmp_path, {"cat": 1, "dog": 1})
    for name in (".DS_Store", ".hidden.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / "cat" / name).write_bytes(b"\0")
    (tmp_path / "cat" / "notes.txt").write_text("a cat")
    (tmp_path / ".git").mkdir()
    source = _source(tmp_path)
    assert len(source.files) == 2 and source.ignored == {".txt": 1}


def test_names_may_hold_anything(tmp_path):
    folder = tmp_path / "Ёж 名前"
    folder.mkdir()
    (folder / "ü b.jpg").write_bytes(encoded(noise(0)))
    (folder / "noextension").write_bytes(encoded(noise(1)))
    names = {file.name for file in _source(tmp_path).files}
    assert names == {"Ёж 名前/ü b.jpg", "Ёж 名前/noextension"}


CSV = "label,path,split\ncat,a.png,train\ndog,sub/b.png,val\n cat ,a.png,test\n"
JSON_LINES = "\n".join(
    json.dumps({"path": path, "label": label, "split": split})
    for path, label, split in (
        ("a.png", "cat", "train"), ("sub/b.png", "dog", "val"), ("a.png", "cat", "test"),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text"),
    [("l.csv", CSV), ("l.tsv", CSV.replace(",", "\t")), ("l.jsonl", JSON_LINES)],
)
def test_list_of_paths_and_labels(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8-sig")
    source = _source(tmp_path / name)
    assert source.dataset == "l" and source.class_names == ("cat", "dog")
    assert _splits(source) == {"train": 1, "eval": 1, "test": 1}
    assert source.items("eval")[0].path == str(tmp_path / "sub" / "b.png")


def test_list_without_splits_is_cut_and_numbers_keep_their_order(tmp_path):
    rows = "".join(f"{number}.png,{number}\n" for number in (10, 9, 0))
    (tmp_path / "l.csv").write_text("path,label\n" + rows)
    source = _source(tmp_path / "l.csv")
    assert source.class_names == ("0", "9", "10")
    assert [split for split, _ in source.cut] == ["test", "eval"]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("l.csv", "file,label\na,b\n", "has the columns file, label, expected path"),
        ("l.csv", "path,label,split\na.png,,train\n", "row 2: .*'label': ''"),
        ("l.csv", "path,label,split\na,b,trian\n", "row 2: .*trian"),
        ("l.jsonl", '{"path": "a", "label": 0}\nx', "line 2 is not a JSON object"),
        ("l.csv", "path,label\n", "holds no images"),
    ],
)
def test_wrong_list_is_refused_by_its_line(tmp_path, name, text, complaint):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=complaint):
        _source(tmp_path / name)


def test_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        _source(tmp_path / "photos")
    with pytest.raises(DataError, match="holds no images"):
        _source(tmp_path)


def _assigned(source, data):
    """The split of each file, by name."""
    form = canonical_images.Form((8, 8, 3), data.fit, source.cut)
    converted = canonical_images.convert(source.files, form)
    return {fact.name: fact.split for fact, _ in converted}


def test_new_image_moves_no_other_and_copies_stay_together(tmp_path):
    data = DataConfig(images=str(tmp_path), eval_share=0.3, test_share=0.3)
    seed = write_folder(tmp_path, {"cat": 40, "dog": 40})
    before = _assigned(ImageSource(data), data)
    assert set(before.values()) == {"train", "eval", "test"}
    write_folder(tmp_path / "dog", {"more": 5}, first=seed)
    content = (tmp_path / "cat" / "0.png").read_bytes()
    (tmp_path / "cat" / "copy.png").write_bytes(content)
    after = _assigned(ImageSource(data), data)
    assert {name: after[name] for name in before} == before
    assert after["cat/copy.png"] == after["cat/0.png"]


def test_order_mixes_the_classes_and_survives_a_new_image(tmp_path):
    write_folder(tmp_path, {"cat": 50, "dog": 50})
    before = [file.name for file in _source(tmp_path).files]
    half = [name.startswith("cat") for name in before[:50]]
    assert 15 < sum(half) < 35
    (tmp_path / "cat" / "new.png").write_bytes(encoded(noise(999)))
    after = [file.name for file in _source(tmp_path).files]
    assert [name for name in after if name != "cat/new.png"] == before


def test_fingerprint_is_of_names_and_bytes_alone(tmp_path):
    write_folder(tmp_path / "a" / "photos", {"cat": 2, "dog": 2})
    write_folder(tmp_path / "b" / "photos", {"cat": 2, "dog": 2})
    (tmp_path / "b" / "photos" / "cat" / ".DS_Store").write_bytes(b"\0")
    first, second = (_source(tmp_path / name / "photos") for name in "ab")
    assert first.fingerprint() == second.fingerprint()
    (tmp_path / "b" / "photos" / "cat" / "0.png").write_bytes(encoded(noise(77)))
    assert first.fingerprint() != second.fingerprint()


def test_chunks_hold_every_file_once_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("tfx_distill.trainer.data.image_source._MAX_CHUNK_IMAGES", 3)
    write_folder(tmp_path, {"cat": 4, "dog": 4})
    source = _source(tmp_path)
    chunks = source.chunks((8, 8, 3))
    assert [chunk.size for chunk in chunks] == [2, 3, 3]
    assert [chunk.first for chunk in chunks] == [0, 2, 5]
    assert [file for chunk in chunks for file in chunk.items()] == list(source.files)
