"""Sphinx's settings of the static site; tools/build_site.py gathers the pages and calls it."""

project = "gdw"
author = "the gdw authors"
html_title = "GDW: one weight for every gradient flow"
language = "en"
root_doc = "course"  # index.html is the playground, which is no page of Sphinx's

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "tools.website.mathml"]
autodoc_typehints = "none"  # shapes and types are in the docstrings
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "imported-members": True}
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"
highlight_language = "text"
suppress_warnings = ["myst.header"]  # a notebook may go from a title to a small heading

html_theme = "furo"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_sidebars = {
    "**": [
        "sidebar/brand.html", "sidebar/search.html", "large_type.html", "sidebar/scroll-start.html",
        "sidebar/navigation.html", "sidebar/scroll-end.html",
    ]
}  # fmt: skip
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00477a", "color-brand-content": "#00569c"},
    "dark_css_variables": {"color-brand-primary": "#9ccbf5", "color-brand-content": "#9ccbf5"},
}
