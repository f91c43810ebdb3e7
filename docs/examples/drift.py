"""
Drift in a table of tumors
==========================

The first third of the tumors against the second and the last third. Rows of scikit-learn's table of
breast tumors are not in random order, which the test finds out. Beside it stands the usual test,
SciPy's Kolmogorov-Smirnov test of each feature with Bonferroni's correction.
"""

from matplotlib import pyplot as plt
from scipy.stats import ks_2samp
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import QuantileTransformer

import sinkhorn_nb as snb

data = load_breast_cancer()
thirds = [data.data[k : k + 190, :10] for k in (0, 190, 379)]
ranks = QuantileTransformer(n_quantiles=190).fit(thirds[0])
detector = snb.SinkhornDriftDetector(blur=0.5, random_state=0).fit(ranks.transform(thirds[0]))
for name, part in zip(("second", "last"), thirds[1:], strict=True):
    drift = detector.test(ranks.transform(part))
    cause = data.feature_names[drift.of_features.argmax()]
    print(f"{name} third: p = {drift.pvalue:.3f}, most of it in {cause}")
    one_by_one = ks_2samp(thirds[0], part).pvalue
    print(f"Kolmogorov-Smirnov: p = {min(1, 10 * one_by_one.min()):.3f}")

# %%
# The test of the last third, and the features that account for it.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
snb.plotting.plot_drift(detector, ax=left)
snb.plotting.plot_features(detector, ax=right)
names = [data.feature_names[int(label.get_text())] for label in right.get_yticklabels()]
right.set_yticks(right.get_yticks(), names)
plt.show()
