# SPDX-License-Identifier: MIT
"""The block benchmarks of tandem: rows as data, sides that run them, a report."""
