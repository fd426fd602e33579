"""ipywidgets: controls beside a figure, live with a kernel and a picture without one."""
