"""Settings of the documentation site; `nox -s docs` builds it.

The build runs the code of the pages (`pages.py`) and of the examples. Environment variables:

- ``FASTOPT_DOCS=pages`` builds without running anything, for a quick look at the text: there are
  the pictures of the last build, or none;
- ``FASTOPT_DOCS=full`` runs the examples at their full sizes, which takes some minutes.
"""

import builtins
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(ROOT / "examples"))
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else BLAS waits for its own threads
FULL = os.environ.get("FASTOPT_DOCS") == "full"
RUN = os.environ.get("FASTOPT_DOCS") != "pages"

import fastopt  # noqa: E402

project = "fastopt"
author = "the authors of fastopt"
version = release = fastopt.__version__
html_title = f"fastopt {release}"
language = "en"

extensions = [
    "formulas",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.py", "gallery/*.ipynb"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_math_renderer = "mathtext"

numpydoc_show_class_members = False
numpydoc_xref_param_type = False
autodoc_typehints = "none"
default_role = "code"
add_module_names = True

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_depth": 2,
    "header_links_before_dropdown": 8,
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
copyright = "the authors of fastopt, BSD-3 license"
ALONE = "index", "start", "coming-from", "speed", "contributing", "changelog"
html_sidebars = {page: [] for page in ALONE}

# asv's pages about the history of speed, if `python -m benchmarks.run` has made them.
DASHBOARD = ROOT / ".asv" / "html"
if (DASHBOARD / "index.html").is_file():
    tags.add("dashboard")  # noqa: F821  (Sphinx gives this name)

SIZES = {
    "fit_nist": ["--only", "Misra1a", "Chwirut2"],
    "lifetime_image": ["--size", "128"],
    "network": ["--splits", "1"],
    "pharmacokinetics": ["--refits", "500"],
    "spectrum_cube": ["--size", "48"],
}
SCRATCH = tempfile.mkdtemp(prefix="fastopt-pictures-")


def arguments(gallery, variables):
    """Return the command line of an example: brief unless all is asked for."""
    builtins.__file__ = variables["src_file"]  # sphinx-gallery runs examples without this name
    name = pathlib.Path(variables["src_file"]).stem
    return ["--output", SCRATCH, *([] if FULL else SIZES.get(name, []))]


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # The Gaussian process takes 20 seconds to compile; docs/gradients.md has its picture.
    "filename_pattern": r"\.py$" if FULL else r"(?<!gaussian_process)\.py$",
    "ignore_pattern": r"(^|[/\\])nist\.py$",
    "plot_gallery": RUN,
    "abort_on_example_error": True,
    "reset_argv": arguments,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "within_subsection_order": "FileNameSortKey",
}
suppress_warnings = ["config.cache", *([] if RUN else ["image.not_readable"])]


def run_pages(app):
    """Run the code of all pages; a page whose code is wrong is an error of the build."""
    import pages
    from sphinx.util import logging

    log = logging.getLogger("fastopt")
    if not RUN:
        log.info("FASTOPT_DOCS=pages: no code of pages or examples runs, and no pictures are made")
        return
    for page in sorted([*HERE.glob("*.md"), *HERE.glob("api/*.md")]):
        if pages.blocks(page.read_text(encoding="utf-8")):
            log.info("running the code of %s", page.name)
            for line, reason in pages.run(page, HERE / "pictures")[1]:
                log.info("    line %s did not run: %s", line, reason)


def repeat_parts(app, docname, source):
    """Write the parts of a page that are repeated for every rule."""
    import pages

    source[0] = pages.expanded(source[0])


def show_formulas(app, what, name, obj, options, lines):
    """Make the indented formulas at the top of a docstring literal blocks, as in `help`."""
    top = next((k for k, line in enumerate(lines) if line.startswith("---")), len(lines))
    for k in range(top - 1, 1, -1):
        before = lines[k - 2]
        if lines[k].startswith("    ") and not lines[k - 1] and before and before[0] != " ":
            lines[k - 1 : k] = ["", "::", ""]


def copy_dashboard(app, error):
    """Copy asv's pages into the site, if there are any."""
    if error is None and (DASHBOARD / "index.html").is_file():
        shutil.copytree(DASHBOARD, pathlib.Path(app.outdir) / "dashboard", dirs_exist_ok=True)


def setup(app):
    """Run the pages before anything is read."""
    app.connect("build-finished", copy_dashboard)
    app.connect("builder-inited", run_pages)
    app.connect("source-read", repeat_parts)
    app.connect("autodoc-process-docstring", show_formulas, priority=100)
