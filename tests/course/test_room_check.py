"""The room check: ticks come from what really ran, and a failure is said."""

from gdw_notebooks.course import machine
from gdw_notebooks.course.machine import DONE, FAILED, PACKAGES
from gdw_notebooks.course.room_check import RoomCheck

TRIAL = machine.TRIAL.with_(epochs=1)


def test_all_is_well_here():
    check = RoomCheck(TRIAL)
    assert check.ready
    assert repr(check) == "RoomCheck: ready"
    assert [mark for mark, _ in check.checks] == [DONE] * 4
    words = " ".join(words for _, words in check.checks)
    assert all(name in words for name in PACKAGES)
    assert "A short run of GDW: 1 epochs in" in words


def test_a_press_of_the_button_arrives():
    check = RoomCheck(TRIAL)
    assert "press the button" in check._list.value
    check.answer.click()
    assert "your press arrived" in check._list.value
    check.answer.click()  # a second press changes nothing
    assert check._list.value.count("your press arrived") == 1


def test_a_trial_that_fails_is_said_and_escaped(monkeypatch):
    def broken(experiment):
        raise RuntimeError("no <disk>")

    monkeypatch.setattr(machine, "run", broken)
    check = RoomCheck(TRIAL)
    assert not check.ready
    assert check.checks[-1] == (FAILED, "A short run failed: no <disk>")
    assert "no &lt;disk&gt;" in check._list.value
    assert repr(check) == "RoomCheck: look at what failed"


def test_a_slow_machine_is_told_not_to_worry(monkeypatch):
    monkeypatch.setattr(machine, "SLOW_SECONDS", 0.0)
    assert "That is slow" in RoomCheck(TRIAL).checks[-1][1]
