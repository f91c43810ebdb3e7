"""
Drift in a table of tumors
==========================

Drift in a real table: the first third of the tumors against the second and the last third.

Rows of scikit-learn's table of breast tumors are not in random order, which the test finds out.
"""

import argparse

import matplotlib

matplotlib.use("Agg")

from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import QuantileTransformer

import sinkhorn_nb as snb
from sinkhorn_nb.plotting import save


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", default="drift.png", help="file of the picture")
    picture = parser.parse_args().picture

    data = load_breast_cancer()
    thirds = [data.data[k : k + 190, :10] for k in (0, 190, 379)]
    ranks = QuantileTransformer(n_quantiles=190).fit(thirds[0])
    detector = snb.SinkhornDriftDetector(blur=0.5, random_state=0).fit(ranks.transform(thirds[0]))
    for name, part in zip(("second", "last"), thirds[1:], strict=True):
        drift = detector.test(ranks.transform(part))
        cause = data.feature_names[drift.of_features.argmax()]
        print(f"{name} third: p = {drift.pvalue:.3f}, most of it in {cause}")

    figure = detector.plot()
    right = figure.axes[1]
    names = [data.feature_names[int(label.get_text())] for label in right.get_yticklabels()]
    right.set_yticks(right.get_yticks(), names)
    save(figure, picture)
    print(picture)


if __name__ == "__main__":
    main()
