"""The classroom: Large type is one choice for all tabs, and its picture has its words."""

from gdw_notebooks.panels.classroom import Classroom


def test_large_type_is_one_switch_for_all_tabs():
    room = Classroom()
    for switch in (room.ledger.large, room.lab.large):
        for large in (True, False):
            switch.value = large
            assert [room.lab.large.value, room.stepper.large.value, room.ledger.large.value] == [large] * 3
            assert room.microscope.large == large
    data, metadata = room._repr_mimebundle_()
    assert data["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["alt"] == room.lab.picture.alt
    room.lab.close()
