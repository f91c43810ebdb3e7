"""Show the committed pictures and lines of examples where the examples are not executed.

Executed examples show what they have just drawn and printed; `python docs/draw_gallery.py` writes
what is committed.
"""

import textwrap
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[1] / "images" / "gallery"
THUMBNAIL = 400, 280  # the size that the gallery expects
LATE = 900  # after the gallery's own pages, whose priority is Sphinx's default of 500


def is_executed(app):
    """Whether the examples run, by `-D plot_gallery=True`."""
    return str(app.config.plot_gallery) == "True"


def insert_picture(app, docname, source):
    """Put the picture of an example after its introduction, and the lines that it prints."""
    name = docname.removeprefix("gallery/")
    if is_executed(app) or not (PICTURES / f"{name}.png").exists():
        return
    introduction, code_follows, code = source[0].partition(".. GENERATED FROM PYTHON SOURCE LINES")
    picture = f".. image:: /images/gallery/{name}.png\n   :class: sphx-glr-single-img\n\n"
    printed = PICTURES / f"{name}.txt"
    if printed.exists():
        lines = textwrap.indent(printed.read_text(encoding="utf-8"), "   ")
        picture += f"It prints:\n\n.. code-block:: none\n\n{lines}\n"
    source[0] = introduction + picture + code_follows + code


def make_thumbnails(app):
    """Scale the pictures to the cards of the gallery, on white ground. Of wide ones the middle is
    shown, twice as large as the whole would be.
    """
    if is_executed(app):
        return
    thumbnails = Path(app.srcdir, "gallery", "images", "thumb")
    for path in sorted(PICTURES.glob("*.png")):
        card = Image.new("RGB", THUMBNAIL, "white")
        with Image.open(path) as picture:
            small = picture.convert("RGB")
        fits = [whole / part for whole, part in zip(THUMBNAIL, small.size, strict=True)]
        scale = min(max(fits), 2 * min(fits))
        small = small.resize([round(scale * part) for part in small.size], Image.Resampling.LANCZOS)
        left, top = ((whole - part) // 2 for whole, part in zip(THUMBNAIL, small.size, strict=True))
        card.paste(small, (left, top))
        card.save(thumbnails / f"sphx_glr_{path.stem}_thumb.png")


def setup(app):
    app.connect("builder-inited", make_thumbnails, priority=LATE)
    app.connect("source-read", insert_picture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
