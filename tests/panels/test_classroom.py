"""The classroom: a panel is made when its tab is shown, Large type is one choice for all tabs, and it has a picture."""

from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.classroom import PANELS, Classroom


def test_large_type_is_one_switch_for_all_tabs():
    room = Classroom()
    panels = (room.ledger, room.stepper, room.instance_stepper, room.microscope)
    for large in (True, False):
        room.lab.large.value = large
        assert [panel.large for panel in panels] == [large] * len(panels)
    for panel in panels:
        for large in (True, False):
            panel.large = large
            assert room.lab.large.value == large
            assert [each.large for each in panels] == [large] * len(panels)
    data, metadata = room._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["alt"] == room.lab.picture.alt
    room.lab.close()


def large(panel):
    return panel.large.value if isinstance(panel, Panel) else panel.large


def made(room):
    return {name for name in PANELS.values() if name in vars(room)}


def test_a_panel_is_made_when_its_tab_is_first_shown_and_once():
    room = Classroom()
    assert made(room) == {"lab"}
    ledger = list(PANELS.values()).index("ledger")
    for shown in (ledger, 0, ledger, None):
        room.selected_index = shown
        assert made(room) == {"lab", "ledger"}
        assert room.children[ledger].children[1:] == (room.ledger,)
        assert room.children[0].children[1:] == (room.lab,)
    assert "Epoch 1." in room.ledger.page()
    room.lab.close()


def test_a_tab_that_is_first_shown_in_large_type_has_large_type():
    room = Classroom()
    room.lab.large.value = True
    for shown in range(len(PANELS)):
        room.selected_index = shown
    assert all(large(getattr(room, panel)) for panel in PANELS.values())
    room.ledger.large = False
    assert not (room.lab.large.value)
    assert not (room.stepper.large)
    assert not (room.microscope.large)
    room.lab.close()
