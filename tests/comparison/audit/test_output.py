"""Where an audit is written: nobody else's file is replaced, and that is tried before the work."""

import os
import tempfile

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import gdw
from gdw.__main__ import main
from gdw.comparison.audit.audit import Plan
from gdw.comparison.audit.output import HEADER, Audit, check_outputs
from gdw.comparison.audit.page import MARK, Shown
from gdw.comparison.audit.table import COLUMNS


def test_new_files_and_earlier_audits_may_be_written(tmp_path):
    table, html = tmp_path / "a.csv", tmp_path / "a.html"
    check_outputs(table, html)
    check_outputs()
    assert not list(tmp_path.iterdir())
    table.write_text(HEADER + "\n", "utf-8")
    html.write_text(f"<!DOCTYPE html>{MARK}", "utf-8")
    check_outputs(table, html)


@pytest.mark.parametrize(("kind", "content"), [("csv", "path,label\na,b\n"), ("csv", ""), ("html", "<p>mine</p>")])
def test_a_file_of_somebody_else_is_refused_untouched(tmp_path, kind, content):
    file = tmp_path / f"mine.{kind}"
    file.write_text(content, "utf-8")
    with pytest.raises(ValueError, match=f"mine.{kind} is there already and is not an audit's {kind.upper()} file"):
        check_outputs(**{kind: file})
    assert file.read_text("utf-8") == content


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_outputs(tmp_path / "none" / "a.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_outputs(tmp_path)
    with pytest.raises(ValueError, match="need a file each"):
        check_outputs(tmp_path / "a", tmp_path / "a")


def test_the_table_reads_back(tmp_path):
    table = pd.DataFrame(
        [('a,"b".png', "cat", "dög", 0.5, 1, "looks like dög (50 %)", "dög", "random")], columns=COLUMNS
    )
    Audit(table, table, None, (), "own").save_csv(tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), table)


def test_labels_that_a_person_wrote_into_the_table_are_not_lost(tmp_path):
    rows = [("a.png", "cat", "dog", 0.5, 1, "looks like dog", "", "")]
    found = Audit(pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(), None, (), "own")
    found.save_csv(tmp_path / "a.csv")
    found.save_csv(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text("utf-8").replace("looks like dog,,", "looks like dog,none of these,")
    for column in ("label", "Label"):
        (tmp_path / "a.csv").write_text(text.replace(",label,", f",{column},"), "utf-8")
        with pytest.raises(ValueError, match="a.csv holds 1 labels that a person wrote .first: a.png."):
            found.save_csv(tmp_path / "a.csv")
    found.table["label"] = "dog"
    with pytest.raises(ValueError, match="holds 1 labels that a person wrote .first: a.png = none of these, now dog."):
        found.save_csv(tmp_path / "a.csv")
    for number in ("1", "1.0", "1,0"):  # a spreadsheet's, and the class that it means
        (tmp_path / "a.csv").write_text(text.replace("none of these", f'"{number}"'), "utf-8")
        found.save_csv(tmp_path / "a.csv")
    found.table[["path", "label"]] = "a/b.png", "none of these"  # as after an audit with that file as --confirmed
    for name, separator in (("a/b.png", ","), ("a\\b.png", ";"), ("a\\b.png", "\t")):  # by a program, then by Excel
        sheet = text.replace("a.png", name).replace(",", separator).replace("\n", "\r\n")
        (tmp_path / "a.csv").write_text(sheet, "utf-8-sig")
        found.save_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text.replace(",chosen", ",chosen,why").replace("these,", "these,,blurred"), "utf-8")
    with pytest.raises(ValueError, match="a.csv holds the column why that a person wrote, so it is not replaced"):
        found.save_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text.replace(",chosen", ",chosen,").replace("these,", "these,,blurred"), "utf-8")
    with pytest.raises(ValueError, match="a.csv holds the column 9 that a person wrote, so it is not replaced"):
        found.save_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(text.replace("these,", "these,,blurred"), "utf-8")
    with pytest.raises(ValueError, match="a.csv is not replaced .passed over 1 rows"):
        found.save_csv(tmp_path / "a.csv")


@pytest.fixture
def pets(tmp_path):
    """Two classes of seven small pictures, and a class of one."""
    for place in range(15):
        path = tmp_path / "pets" / (("cat", "dog")[place % 2] if place < 14 else "emu") / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * place + 90 * (place % 2)).save(path)
    return tmp_path / "pets"


def audited(pets, *more):
    return main(["audit", str(pets), "--features", "pixels", "--csv", str(pets.parent / "s.csv"), *map(str, more)])


def said(csv):
    table = pd.read_csv(csv, dtype=str, keep_default_na=False).set_index("path")
    return table.loc[table["label"] != "", ["label", "chosen"]].apply(tuple, axis=1).to_dict(), table


def test_another_label_of_the_same_picture_is_told_before_the_work(pets, monkeypatch, capsys):
    csv, other = pets.parent / "s.csv", pets.parent / "other.csv"
    rows = [("cat/00.png", "dog"), ("dog/01.png", "1"), ("dog/03.png", "None of These")]
    csv.write_text(f"{HEADER},label\n" + "".join(f"{path},cat,dog,1,1,odd,{word}\n" for path, word in rows), "utf-8")
    other.write_text("path,label\ncat/00.png,cat\ndog/01.png,dog\ndog/03.png,none of these\n", "utf-8")
    monkeypatch.setattr(Plan, "run", lambda *given: pytest.fail("the work has begun"))
    assert audited(pets, "--confirmed", other) == 2
    assert "s.csv holds 1 labels that a person wrote (first: cat/00.png = dog, now cat)" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [True, False])
def test_nothing_that_a_person_wrote_is_lost_whatever_became_of_its_picture(pets, broken, capsys):
    rows = {"cat/00.png": ("emu", "random"), "emu/14.png": ("none of these", ""), "dog/01.png": ("cat", "suspect")}
    rows |= {"dog/03.png": ("ctt", ""), "cat/04.png": ("cat ?", "suspect")}  # no class, and said so
    csv = pets.parent / "s.csv"
    assert audited(pets) == 0
    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    for path, both in rows.items():
        table.loc[table["path"] == path, ["label", "chosen"]] = both
    table.to_csv(csv, index=False)
    if broken:
        for name in ("01", "03"):
            (pets / "dog" / f"{name}.png").write_bytes(b"junk")
    assert audited(pets, "--confirmed", csv, "--html", pets.parent / "s.html") == 0
    found, table = said(csv)
    assert found == rows
    assert table.loc["cat/00.png", "reason"] == "you confirmed it as emu, not cat"
    reason = "it cannot be decoded" if broken else "you confirmed it as cat, not dog"
    assert table.loc["dog/01.png", "reason"] == reason
    assert list(table["rank"]) == [str(rank) for rank in range(1, 16)]
    assert (pets.parent / "s.html").read_text("utf-8").count("data:image/") == 15
    shown = capsys.readouterr()
    assert "gdw: " not in shown.err
    assert "s.csv: passed over 2 labels that are no class" in shown.out


def test_what_cannot_be_written_in_the_end_is_written_elsewhere(pets, monkeypatch, capsys):
    csv, html, run = pets.parent / "s.csv", pets.parent / "out" / "s.html", Plan.run
    html.parent.mkdir()

    def slow(*given):
        found = run(*given)
        csv.write_text(f"{HEADER},label\ncat/00.png,cat,dog,1,1,odd,dog\n", "utf-8")  # meanwhile by a person
        html.parent.rmdir()
        return found

    monkeypatch.setattr(Plan, "run", slow)
    monkeypatch.setattr(tempfile, "tempdir", str(pets.parent / "pets"))
    assert audited(pets, "--html", html) == 2
    shown = capsys.readouterr()
    assert f"written: {csv.with_stem('s-new')}, {pets / 's.html'}" in shown.out
    assert "s.csv holds 1 labels that a person wrote" in shown.err
    assert "there is no folder" in shown.err
    assert "dog" in csv.read_text("utf-8")
    assert len(pd.read_csv(csv.with_stem("s-new"))) == 15


def test_rows_of_numbers_have_no_page_and_that_is_said_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Plan, "run", lambda *given: pytest.fail("the work has begun"))
    (tmp_path / "x.csv").write_text("a,b\n" + "1,2\n" * 12, "utf-8")
    (tmp_path / "l.csv").write_text("label\n" + "cat\ndog\n" * 6, "utf-8")
    asked = ["audit", "--embeddings", str(tmp_path / "x.csv"), "--labels", str(tmp_path / "l.csv"), "--html"]
    assert main([*asked, str(tmp_path / "s.html")]) == 2
    assert "x.csv has no pictures to show" in capsys.readouterr().err


def test_a_name_that_is_not_utf8_is_the_same_name_when_it_comes_back(tmp_path):
    random, names = np.random.default_rng(0), [os.fsdecode(b"cat/caf\xe9%d.png" % place) for place in range(40)]
    rows = torch.from_numpy(random.normal(size=(40, 4)).astype(np.float32))
    found = gdw.audit(gdw.data.Dataset("own", ("cat", "dog"), rows, torch.arange(40) % 2, paths=names))
    assert set(found.table["path"]) == set(names)
    found.save_csv(tmp_path / "a.csv")
    found.save_csv(tmp_path / "a.csv")


def test_a_picture_that_has_gone_is_grey_on_the_page(tmp_path):
    shown = Shown([tmp_path / "gone.png"])
    assert shown[0].tolist() == shown[1].tolist() == np.full((3, 8, 8), 128).tolist()
