# SPDX-License-Identifier: MIT
"""Small statistics: medians, spreads, paired ratios, percentiles, Jain's index."""
import math


def median(xs):
    xs = sorted(xs)
    if not xs:
        raise ValueError("median of nothing")
    n = len(xs)
    return xs[n // 2] if n % 2 else (xs[n // 2 - 1] + xs[n // 2]) / 2


def spread(xs):
    """(max - min) / median: 0.1 says that all runs lay within 10 %."""
    m = median(xs)
    return (max(xs) - min(xs)) / m if m else math.inf if max(xs) != min(xs) else 0.0


def summary(xs):
    return {"median": median(xs), "min": min(xs), "max": max(xs), "spread": spread(xs),
            "n": len(xs)}


def paired_ratios(a, b):
    """a[i] / b[i]: run i of both sides stood next to each other in time."""
    if len(a) != len(b):
        raise ValueError(f"{len(a)} runs beside {len(b)}")
    return [x / y if y else math.inf for x, y in zip(a, b)]


def percentile(xs, q):
    """The smallest value that at least q (0..1) of xs do not exceed."""
    xs = sorted(xs)
    if not xs:
        raise ValueError("percentile of nothing")
    return xs[max(0, math.ceil(q * len(xs)) - 1)]


def jain(xs):
    """Jain's fairness index: 1 is equal shares, 1/n is one taking all."""
    xs = list(xs)
    squares = sum(x * x for x in xs)
    return sum(xs) ** 2 / (len(xs) * squares) if squares else 0.0
