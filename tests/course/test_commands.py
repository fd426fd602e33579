"""gdw-course demo and doctor, and what happens where the course's packages are not installed."""

import argparse
import ipaddress
import json
import os
import socket
import subprocess
import sys

import pytest

from gdw.errors import MissingPackage, require_package
from gdw_notebooks.__main__ import COMMANDS, main
from gdw_notebooks.course import demo, machine, room_address
from gdw_notebooks.recorded import places

# In a Python without the packages of gdw[course]: what imports well, and what the others and the commands say.
BARE = """
import contextlib, importlib, io, json, sys
for name in ("matplotlib", "ipywidgets", "anywidget", "jupyterlab", "voila", "timm", "cleanlab", "distributed"):
    sys.modules[name] = None
for name in ("gdw", "gdw.__main__", "gdw_notebooks.recorded.histories", "gdw_notebooks.__main__"):
    importlib.import_module(name)
said = []
for name in ("gdw_notebooks.figures.curves", "gdw_notebooks.panels.training_lab"):
    try:
        importlib.import_module(name)
    except ImportError as error:
        said.append(str(error))
for command in ("start", "demo"):
    with contextlib.redirect_stderr(io.StringIO()) as errors:
        status = sys.modules["gdw_notebooks.__main__"].main([command])
    said.append(f"{status} {errors.getvalue()}")
print(json.dumps(said))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_it_does(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "usage: gdw-course" in capsys.readouterr().out


def options_of_voila(*arguments):
    parser = argparse.ArgumentParser()
    demo.add_options(parser)
    return demo.voila_options(parser.parse_args(arguments))


def test_the_page_answers_to_this_machine_alone_by_a_token():
    options = options_of_voila("--no-browser", "--port", "8870")
    assert options[0] == str(places.notebooks() / "demo" / "classroom.ipynb")
    assert {"--Voila.ip=127.0.0.1", "--Voila.auto_token=True", "--Voila.port=8870", "--no-browser"} <= set(options)


def test_a_room_needs_a_password_of_which_only_the_hash_is_kept(monkeypatch):
    monkeypatch.setenv(demo.PASSWORD, "eight long words")
    options = options_of_voila("--lan")
    assert f"--Voila.identity_provider_class={demo.PASSWORDS}" in options
    assert "eight long words" not in " ".join(options)
    assert demo.PASSWORD not in os.environ  # pages inherit the environment
    monkeypatch.setattr("getpass.getpass", lambda words: "typed by hand")
    assert any(
        option.startswith("--PasswordIdentityProvider.hashed_password=argon2") for option in options_of_voila("--lan")
    )


def test_no_option_takes_a_password(capsys):
    """All users of a machine see its command lines."""
    with pytest.raises(SystemExit):
        main(["demo", "--lan", "--password", "eight long words"])
    assert "unrecognized arguments: --password" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "hub", "path", "fixed"),
    [
        ([], "", "/", False),
        (["--base-url", "/"], "/user/ada/", "/", False),
        *((["--base-url", words], "", "/x/y/", True) for words in ("/x/y/", "x/y", "/x/y", "x/y/")),
        ([], "/user/ada/", "/user/ada/proxy/8866/", True),
        (["--port", "8870"], "/user/ada/", "/user/ada/proxy/8870/", True),
    ],
)
def test_the_path_behind_a_proxy(monkeypatch, given, hub, path, fixed):
    monkeypatch.setenv(demo.HUB_PREFIX, hub)
    options = options_of_voila(*given)
    assert f"--Voila.base_url={path}" in options
    assert ("--Voila.port_retries=0" in options) == fixed  # the proxy does not look for another port


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--lan"], "at least 8 characters"),
        (["--pages", "0"], "--pages must be at least 1"),
        (["--data", "no/such/folder"], "--data needs a folder"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(arguments, words, capsys, monkeypatch):
    monkeypatch.setenv(demo.PASSWORD, "short")
    assert main(["demo", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_what_a_class_needs_is_said_of_memory_and_of_the_processor(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert demo.PAGES == 60  # without being asked for
    said = demo.cost(60)
    assert "60 pages need up to 16.3 GB" in said
    assert "about 9 s on the 4 cores" in said


def test_the_address_of_a_room_is_a_number_that_phones_can_open():
    address = ipaddress.ip_address(room_address.own_address())
    assert not address.is_loopback
    assert not address.is_unspecified


def test_a_room_without_internet_has_an_address_too(monkeypatch):
    class Alone(socket.socket):
        def connect(self, address):
            raise OSError("Network is unreachable")

    def network(address):
        return [argparse.Namespace(family=socket.AF_INET, address=address)]

    there = {"lo": network("127.0.0.1"), "off": network("10.0.0.1"), "hotspot": network("10.42.0.1")}
    monkeypatch.setattr(room_address.socket, "socket", Alone)
    monkeypatch.setattr("psutil.net_if_addrs", lambda: there)
    monkeypatch.setattr("psutil.net_if_stats", lambda: {name: argparse.Namespace(isup=name != "off") for name in there})
    assert room_address.own_address() == "10.42.0.1"


BLOCKS = {" ": (0, 0), "\u2580": (1, 0), "\u2584": (0, 1), "\u2588": (1, 1)}  # upper half, lower half: 1 is lit


@pytest.mark.parametrize("address", ["http://192.168.0.7:8866/", "http://10.20.30.40:65535/a/long/path/of/a/proxy/"])
def test_the_picture_in_the_terminal_is_the_codes_own(address):
    import segno

    lines = room_address.qr_code(address).splitlines()
    assert all(line.startswith("\033[97;40m") and line.endswith("\033[0m") for line in lines)
    pairs = [[BLOCKS[block] for block in line[len("\033[97;40m") : -len("\033[0m")]] for line in lines]
    shown = [[pair[half] for pair in row] for row in pairs for half in (0, 1)]
    border = 4  # light cells all around, without which phones do not find the code
    wanted = [[1 - cell for cell in row] for row in segno.make(address, micro=False).matrix]
    inner = [row[border:-border] for row in shown[border : border + len(wanted)]]
    assert inner == wanted
    outer = [*shown[:border], *shown[border + len(wanted) : 2 * border + len(wanted)]]
    assert all(all(row) for row in outer)
    assert all(all(row[:border] + row[-border:]) for row in shown[: 2 * border + len(wanted)])


def test_the_doctor_says_what_is_here(capsys):
    assert main(["doctor", "--no-run"]) == 0
    told = capsys.readouterr().out
    for words in (
        "Python ",
        "torch ",
        "gdw[course]: matplotlib",
        "Processor cores",
        "Free disk space",
        "On disk: torch",
    ):
        assert words in told
    assert told.endswith("Ready.\n")


def test_the_doctor_names_what_is_missing_and_how_to_get_it(monkeypatch, capsys):
    installed = machine.installed
    monkeypatch.setattr(machine, "installed", lambda name: None if name == "voila" else installed(name))
    assert main(["doctor", "--no-run"]) == 0  # the method itself is here
    assert "gdw[course]: not installed: voila. To install: pip install 'gdw[course]'" in capsys.readouterr().out


def test_the_doctor_ends_with_status_1_where_the_run_fails(monkeypatch, capsys):
    def broken(experiment):
        raise RuntimeError("no room")

    monkeypatch.setattr(machine, "run", broken)
    assert main(["doctor"]) == 1
    assert "A short run failed: no room" in capsys.readouterr().out


def test_sizes_are_those_of_the_files():
    assert machine.size_gb("torch") > 0.1
    assert machine.memory_gb() > 0.5


def test_the_parts_are_those_of_the_project():
    import tomllib

    project = tomllib.loads((places.REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["optional-dependencies"]
    assert set(machine.EXTRAS) == set(asked) - {"test"}
    for extra, names in machine.EXTRAS.items():
        listed = {line.partition(">")[0] for line in asked[extra]}
        assert set(names) <= listed


def test_the_method_needs_nothing_of_the_course_and_the_course_names_the_command_that_brings_it():
    command = [sys.executable, "-c", BARE]
    done = subprocess.run(command, cwd=places.REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *modules, first, second = json.loads(done.stdout)
    assert len(modules) == 2
    for words in (*modules, first, second):
        (line,) = words.splitlines()
        assert line.endswith("pip install 'gdw[course]'")
    assert first.startswith("2 gdw-course: ")
    assert second.startswith("2 gdw-course: ")


def test_a_missing_package_is_an_import_error():
    require_package("torch", "course", "a run")
    with pytest.raises(MissingPackage, match="pip install 'gdw\\[audit\\]'"):
        require_package("no_such_module", "audit", "the label audit")
    assert issubclass(MissingPackage, ImportError)
