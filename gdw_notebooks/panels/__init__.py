"""Panels: controls beside a picture, live with a kernel and a picture without one."""
