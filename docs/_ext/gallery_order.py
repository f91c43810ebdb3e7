"""The order of the gallery: from first steps to applications; new examples come last."""

FIRST_THESE = (
    "gradient_flow",
    "flow_blurs",
    "maps",
    "blur",
    "outliers",
    "two_shifts",
    "interpolation",
    "color_transfer",
    "barycenters",
    "morphing",
    "mean_digits",
    "mean_colors",
    "registration",
    "million",
    "convergence",
    "initializers",
    "soft_sort",
    "flow_pairs",
)


class FirstTheseKey:
    """The key by which the gallery sorts the files of examples."""

    def __init__(self, folder):
        pass

    def __call__(self, filename):
        name = filename.removesuffix(".py")
        place = FIRST_THESE.index(name) if name in FIRST_THESE else len(FIRST_THESE)
        return place, name
