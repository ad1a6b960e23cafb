"""Measures of the quality of samples, each with the value that a perfect sampler would get.

On a finite sample hardly any of them is exactly 0 or 1 for a perfect model. Every docstring gives that value,
and `mode_control` measures it under the same protocol, for a row in every table. Rows are samples,
whatever their shape: images (N, 8, 8) are read as (N, 64). Everything is plain NumPy on host arrays,
in float64; nothing is differentiated here.
"""

from minigen.metrics.codes import (
    active_units,
    few_label_accuracy,
    grid_log_likelihood,
    importance_weighted_bound,
)
from minigen.metrics.distances import (
    TwoSample,
    frechet_distance,
    gaussian_frechet,
    sliced_wasserstein,
    two_sample_accuracy,
    wasserstein_1d,
)
from minigen.metrics.facts import (
    finest_share,
    optimal_discriminator,
    optimal_value,
    overlap_counts,
    penalised_estimate,
)
from minigen.metrics.modes import (
    ModeCoverage,
    mode_control,
    mode_coverage,
    reverse_kl,
    summary,
    true_high_quality,
    true_sampler,
)

__all__ = [
    "ModeCoverage",
    "TwoSample",
    "active_units",
    "few_label_accuracy",
    "finest_share",
    "frechet_distance",
    "gaussian_frechet",
    "grid_log_likelihood",
    "importance_weighted_bound",
    "mode_control",
    "mode_coverage",
    "optimal_discriminator",
    "optimal_value",
    "overlap_counts",
    "penalised_estimate",
    "reverse_kl",
    "sliced_wasserstein",
    "summary",
    "true_high_quality",
    "true_sampler",
    "two_sample_accuracy",
    "wasserstein_1d",
]
