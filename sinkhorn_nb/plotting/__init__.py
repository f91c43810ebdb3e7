"""Pictures of point clouds and of the transport between them. They need matplotlib: the extra
`plot`.
"""

from .canvas import INSTALL, row_of_axes, save
from .clouds import descent, levels, plot_cloud, plot_displacement
from .convergence import plot_convergence
from .drift import plot_drift, plot_features
from .motion import plot_motion
from .potentials import plot_potentials
from .transport import plot_divergence, plot_map, plot_plan

__all__ = [
    "INSTALL",
    "descent",
    "levels",
    "plot_cloud",
    "plot_convergence",
    "plot_displacement",
    "plot_divergence",
    "plot_drift",
    "plot_features",
    "plot_map",
    "plot_motion",
    "plot_plan",
    "plot_potentials",
    "row_of_axes",
    "save",
]
