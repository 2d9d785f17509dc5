"""Draw formulas as SVG by Matplotlib, so that pages load nothing from the internet."""

import io
import re
import zlib

from matplotlib import font_manager, mathtext
from matplotlib.backends import backend_svg  # noqa: F401  (the format is found by its module)

SIZE = 13.5  # points
REPLACED = {r"\text": r"\mathrm", "\n": " "}  # Matplotlib's names


def svg(formula):
    """Return a formula as an inline SVG in the colour of the text around it."""
    for name, ours in REPLACED.items():
        formula = formula.replace(name, ours)
    formula = re.sub(r"(?<=mathrm\{)[^}]*", lambda m: m[0].replace(" ", r"\ "), formula)
    out, font = io.BytesIO(), font_manager.FontProperties(size=SIZE, math_fontfamily="stix")
    depth = mathtext.math_to_image(f"${formula}$", out, font, dpi=72, format="svg")
    text = out.getvalue().decode().strip()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="patch_1">.*?</g>', "", text, flags=re.DOTALL)  # the white ground
    names = {
        name: f"{zlib.crc32(formula.encode())}-{name}" for name in re.findall(r'id="([^"]+)"', text)
    }
    for name, ours in names.items():  # one document, many formulas
        text = text.replace(f'id="{name}"', f'id="{ours}"').replace(f'"#{name}"', f'"#{ours}"')
    style = (
        f'style="vertical-align: {-depth:.1f}pt; overflow: visible" fill="currentColor" role="img"'
    )
    return text.replace("<svg ", f"<svg {style} ", 1)


def inline(self, node):
    """Write a formula inside a line."""
    from docutils import nodes

    self.body.append(svg(node.astext()))
    raise nodes.SkipNode


def block(self, node):
    """Write a formula of its own."""
    from docutils import nodes

    self.body.append(f'<div class="formula">{svg(node.astext())}</div>')
    raise nodes.SkipNode


def setup(app):
    """Make this the way that formulas are written."""
    app.add_html_math_renderer("mathtext", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
