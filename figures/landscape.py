"""The loss over all weighted averages of the agents' models, as a map of a polygon (fig. 1c)."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Polygon
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.tri import Triangulation

from figures import style, tidy
from theory.errors import require

FLAT = 1e-9  # of the squared extent of the map: twice the area of a triangle that only rounding made


def levels_of(values, count=14):
    """Edges of the contours: in equal ratios when the largest value is over three times the smallest, else linear."""
    low, high = values.min(), values.max()
    if low > 0 and high > 3 * low:
        return np.geomspace(low, high, count + 1), LogNorm(low, high)
    if high - low <= 1e-9 * max(abs(high), 1e-300):
        low, high = low - 0.5, low + 0.5  # a flat landscape still has a color
    return np.linspace(low, high, count + 1), Normalize(low, high)


def tick_values(low, high):
    """Round numbers for a logarithmic color bar: 1, 2, 5 of each decade, or one, two, … digits until four fit."""
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = np.unique(np.outer(decades, digits))
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 4:
            return ticks
    return ticks


def points_of(table):
    """Vertices (one row per agent, by angle around their center) and all distinct points, vertices first."""
    vertices = table[table["agent"].notna()]
    require(len(vertices) >= 3, f"A landscape needs at least 3 rows with an agent (its vertices), not {len(vertices)}.")
    center = vertices[["x", "y"]].to_numpy(float).mean(axis=0)
    vertices = vertices.assign(angle=np.arctan2(vertices["y"] - center[1], vertices["x"] - center[0]) % (2 * np.pi))
    points = table.loc[[*vertices.index, *table.index.difference(vertices.index)]].astype({"x": float, "y": float})
    keys = points[["x", "y"]].round(9) + 0.0
    repeated = keys.duplicated()
    spread = points.groupby([keys["x"], keys["y"]])["value"].agg(np.ptp).max()
    require(
        spread <= 1e-6 * points["value"].abs().max(),
        f"One point of the landscape has values that differ by {spread:.3g}: give the rows of one run only.",
    )
    return vertices.sort_values("angle"), points[~repeated], center


def mesh_of(points):
    """Delaunay triangles without the flat ones that rounding leaves beside points of one edge of the polygon: they
    would interpolate between the ends of the edge, past the points on it."""
    at = points[["x", "y"]].to_numpy()
    mesh = Triangulation(*at.T)
    (ax, ay), (bx, by) = (at[mesh.triangles[:, k]].T - at[mesh.triangles[:, 0]].T for k in (1, 2))
    mesh.set_mask(np.abs(ax * by - ay * bx) <= FLAT * np.ptp(at, axis=0).max() ** 2)
    return mesh


def no_map(text):
    """An empty figure that says why there is no map."""
    figure, ax = style.axes(style.COLUMN_WIDTH, 1.2)
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes)
    ax.set_axis_off()
    return figure


@style.look()
def landscape(table, *, value_label="test loss (nats)"):
    """Fig. 1c: filled contours of `value` over the convex polygon whose vertices are the agents' models.

    Columns x, y, value and agent; rows with an agent are the vertices, their center is the uniform average "merged",
    and the other rows are weighted averages at (x, y). Between points the map is linear on Delaunay triangles, so an
    edge shows a barrier only where there are points on it. Nothing is drawn outside the polygon. A table that is only
    a row `diverged` gives a figure that says so.
    """
    tidy.need(table, ("x", "y", "value", "agent"))
    table = table.reset_index(drop=True)
    if "metric" in table and (table["metric"] == "diverged").all():
        return no_map(f"the run diverged at step {table['value'].iloc[0]:.0f}:\nthere are no models to average")
    infinite = int((~np.isfinite(table["value"].astype(float))).sum())
    require(infinite == 0, f"The landscape has {infinite} values that are not finite, and a map cannot show them.")
    vertices, points, center = points_of(table)
    values = points["value"].to_numpy(float)
    edges, norm = levels_of(values)
    figure, ax = style.axes(style.COLUMN_WIDTH, 2.7)
    mesh = mesh_of(points)
    # Rounding must not leave the extreme values outside the outermost level.
    inner = np.clip(values, edges[0], edges[-1])
    filled = ax.tricontourf(mesh, inner, levels=edges, norm=norm, cmap="viridis", extend="neither")
    lines = ax.tricontour(mesh, inner, levels=edges[1:-1:2], colors="white", linewidths=0.3)
    corners = vertices[["x", "y"]].to_numpy(float)
    outline = Polygon(corners, closed=True, fill=False, edgecolor="black", linewidth=0.8, zorder=2.5)
    ax.add_patch(outline)
    for contour in (filled, lines):
        contour.set_clip_path(outline)
    ax.plot(corners[:, 0], corners[:, 1], "o", color="black", markersize=3.5, zorder=3)
    for agent, (x, y) in zip(vertices["agent"], corners, strict=True):
        place = center + 1.11 * (np.array([x, y]) - center)
        ax.text(*place, str(agent), ha="center", va="center", fontsize=7)
    ax.plot(*center, marker="*", color="black", markeredgecolor="white", markeredgewidth=0.6, markersize=9, zorder=4)
    ax.annotate(
        "merged", center, xytext=(0, 6), textcoords="offset points", ha="center", fontsize=7.5, path_effects=style.HALO
    )
    reach = 1.2 * np.abs(corners - center).max()
    ax.set_xlim(center[0] - reach, center[0] + reach)
    ax.set_ylim(center[1] - reach, center[1] + reach)
    ax.set_aspect("equal")
    ax.set_axis_off()
    bar = figure.colorbar(filled, ax=ax, label=value_label, shrink=0.85, aspect=18)
    if isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_locator(FixedLocator(tick_values(edges[0], edges[-1])))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        bar.ax.yaxis.set_major_locator(MaxNLocator(6))
    return figure
