"""Where an audit is written: nobody else's file is replaced, and that is tried before the work."""

import pandas as pd
import pytest

from gdw.comparison.audit.output import HEADER, Audit, check_outputs
from gdw.comparison.audit.page import MARK
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
    (tmp_path / "a.csv").write_text(text, "utf-8")
    with pytest.raises(ValueError, match="a.csv holds 1 labels that a person wrote .first: a.png."):
        found.save_csv(tmp_path / "a.csv")
    found.table["label"] = "none of these"  # as after an audit with that file as --confirmed
    found.save_csv(tmp_path / "a.csv")
