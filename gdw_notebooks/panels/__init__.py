"""Panels: controls beside a picture, live with a kernel and a picture without one."""

from gdw.errors import require_package

require_package("ipywidgets", "course", "a panel")
require_package("anywidget", "course", "a panel")
