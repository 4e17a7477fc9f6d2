"""``danlu tune`` as a user runs it: paths of every kind, a model that runs without danlu, and bad input."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from danlu import deep
from danlu.deep.datasets import documented
from danlu.deep.recipes import image, recommend, tabular, text
from danlu.errors import SettingError


def danlu(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "danlu.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


def table_of(path):
    x, y = load_breast_cancer(return_X_y=True)
    rows = ["size,shape,site,kind"]
    rows += [
        f"{a[0]},{'' if at % 50 == 0 else a[1]},{'left' if at % 3 else 'right'},{'ill' if b else 'well'}"
        for at, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    path.write_text("\n".join(rows))


def test_a_table_is_tuned_and_the_same_command_resumes(tmp_path):
    table_of(tmp_path / "t.csv")
    command = ("tune", "tabular", "--data", "t.csv", "-n", 3, "--epochs", 3, "--top", 1, "--seeds", 2,
               "--store", "s.db", "--model", "m.pt2", "--json")  # fmt: skip
    first, second = danlu(*command, cwd=tmp_path), danlu(*command, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    told = json.loads(first.stdout)
    assert len(told["fresh"]) == 2
    assert told["tests"]["tuned"][0]["test_accuracy"] > 0.6
    program = torch.export.load(tmp_path / "m.pt2").module()
    data = tabular.load(str(tmp_path / "t.csv"))
    outputs = program(data.test.x * data.scale[1] + data.scale[0])
    assert outputs.shape == (len(data.test), 2)
    accuracy = (outputs.argmax(1) == data.test.y).float().mean().item()
    assert any(accuracy == pytest.approx(each["test_accuracy"], abs=0.02) for each in told["tests"]["tuned"])


def test_a_table_with_gaps_text_and_names_becomes_numbers(tmp_path):
    table_of(tmp_path / "t.csv")
    data = tabular.load(str(tmp_path / "t.csv"))
    assert data.labels == ("ill", "well")
    assert data.train.x.shape[1] == 2 + 1 + 2  # numbers, "is missing", one column a place
    assert data.kind == "classes"
    x, y = load_diabetes(return_X_y=True)
    np.savez(tmp_path / "d.npz", x=x, y=y)
    assert tabular.load(str(tmp_path / "d.npz")).kind == "values"


def test_gaps_are_filled_with_what_the_training_part_says_and_nothing_vanishes_silently(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(100, 2)), np.arange(100) % 2
    x[::7, 0] = np.nan
    first = tabular.prepare(x, y)
    rows = deep.from_arrays(np.arange(100)[:, None], y).test.x[:, 0].numpy()
    x[rows, 0] = np.where(np.isnan(x[rows, 0]), np.nan, 1e6)
    assert torch.equal(tabular.prepare(x, y).train.x, first.train.x)
    names = "\n".join(f"{n},name {n},{n % 2}" for n in range(60))
    (tmp_path / "t.csv").write_text(f"a,who,y\n{names}\n")
    assert tabular.load(str(tmp_path / "t.csv")).train.x.shape[1] == 1
    assert (
        "columns of text with more than 40 values are left out: 'who' (60 values)" in capsys.readouterr().err
    )


def test_images_in_folders(tmp_path):
    x, y = load_digits(return_X_y=True)
    for at in range(60):
        folder = tmp_path / "images" / str(y[at] % 3)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x[at].reshape(8, 8) * 15).astype(np.uint8)).save(folder / f"{at}.png")
    data = image.load(str(tmp_path / "images"))
    assert data.train.x.shape[1:] == (1, 8, 8)
    assert data.labels == ("0", "1", "2")
    assert abs(float(data.train.x.mean())) < 1e-5


def test_texts_in_a_file_and_in_folders(tmp_path):
    texts, labels = documented()
    with (tmp_path / "t.csv").open("w") as out:
        out.write(
            "text,topic\n" + "\n".join(f'"{t}",{k}' for t, k in zip(texts[::20], labels[::20], strict=True))
        )
    data = text.load(str(tmp_path / "t.csv"))
    assert data.outputs == 8
    for at, (words, label) in enumerate(zip(texts[::20], labels[::20], strict=True)):
        folder = tmp_path / "texts" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{at}.txt").write_text(words)
    assert text.load(str(tmp_path / "texts")).outputs == 8


def test_ratings_in_a_file(tmp_path):
    numbers = np.random.default_rng(0)
    rows = ["user,item,rating"] + [
        f"u{a},i{b},{c}"
        for a, b, c in zip(
            numbers.integers(0, 20, 400),
            numbers.integers(0, 30, 400),
            numbers.integers(1, 6, 400),
            strict=True,
        )
    ]
    (tmp_path / "r.csv").write_text("\n".join(rows))
    data = recommend.load(str(tmp_path / "r.csv"), liked=4)
    assert data.kind == "ranking"
    assert data.sizes[1] <= 30


BAD = {
    "images need a folder": lambda path: image.load(str(path / "none")),
    "holds no folder with images": lambda path: image.load(str(path)),
    "a table needs a .csv": lambda path: tabular.load(str(path / "none")),
    "texts need a .csv": lambda path: text.load(str(path / "none")),
    "pairs need a .csv": lambda path: recommend.load(str(path / "none")),
    "needs users with three": lambda path: recommend.prepare([[0, 1], [1, 2]]),
    "images need shape": lambda path: image.prepare(np.zeros((5, 5)), np.zeros(5)),
    "saved as a .pt2 file": lambda path: deep.export(None, path / "m.onnx"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_paths_and_arrays_get_a_sentence(sentence, tmp_path):
    with pytest.raises(SettingError, match=sentence):
        BAD[sentence](tmp_path)


def test_a_column_or_path_that_is_not_there_is_one_sentence_on_the_command_line(tmp_path):
    said = danlu("tune", "image", "--data", "nowhere", cwd=tmp_path)
    assert said.returncode == 2
    assert said.stderr.startswith("danlu: images need a folder")
    wrong = danlu("tune", "text", "--data", "digits", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "digits is data for image" in wrong.stderr
