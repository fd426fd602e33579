"""Panels: controls next to a picture; without a kernel a panel is a picture only."""

from gdw.errors import require_package

require_package("ipywidgets", "course", "a panel")
require_package("anywidget", "course", "a panel")
