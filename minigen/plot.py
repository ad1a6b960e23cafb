"""Every figure that minigen draws. Nothing opens a window: a figure is a file."""

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  (the backend is chosen first)


def image_rows(rows, title, path):
    """Rows of grey images, one row a group: `rows` maps a label to images (N, H, W) from 0 (white) to 1 (black)."""
    columns = max(len(images) for images in rows.values())
    figure, axes = pyplot.subplots(
        len(rows), columns, figsize=(0.62 * columns + 1.3, 0.66 * len(rows) + 0.5), squeeze=False
    )
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.axis("off")
        for axis, image in zip(line, images, strict=False):
            axis.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        line[0].text(-0.25, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    figure.suptitle(title, fontsize=10)
    figure.subplots_adjust(
        left=1.25 / figure.get_figwidth(), right=0.99, bottom=0.03, top=1 - 0.42 / figure.get_figheight()
    )
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
