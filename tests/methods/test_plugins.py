"""Methods of your own by name: from a file or a module, on the command line too."""

import pytest

from gdw.__main__ import main
from gdw.comparison.records import read
from gdw.methods import METHODS
from gdw.methods.plugins import load_plugins
from tests.own_method import HALF


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "halved.py"
    file.write_text(HALF, "utf-8")
    yield file
    METHODS.pop("half", None)


def test_a_file_registers_its_methods_once(plugin):
    assert load_plugins([str(plugin)]) == (str(plugin),)
    first = METHODS["half"]
    load_plugins([str(plugin)])
    assert METHODS["half"] is first


def test_the_command_line_knows_it(plugin, tmp_path, capsys):
    records = tmp_path / "out.json"
    quick = ["run", "--epochs", "1", "--device", "cpu", "--json", str(records)]
    assert main([*quick, "--plugin", str(plugin), "--method", "half"]) == 0
    assert read(records)[0]["method"] == "half"
    assert main(["methods", "--plugin", str(plugin)]) == 0
    assert "half: a test" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("no_such_module_at_all", None, "there is no such module"),
        ("missing.py", None, "there is no such file"),
        ("broken.py", "1 / 0", "failed: ZeroDivisionError"),
        ("wrong.py", "import no_such_module_at_all", "needs the module no_such_module_at_all"),
        ("syntax.py", "def", "failed: SyntaxError"),
        ("empty.py", "", "registers nothing"),
    ],
)
def test_a_plugin_that_cannot_be_used_says_why(tmp_path, name, text, message):
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        load_plugins([str(tmp_path / name) if name.endswith(".py") else name])
