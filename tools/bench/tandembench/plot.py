# SPDX-License-Identifier: MIT
"""Plots as inline SVG (matplotlib's svg backend, Debian's python3-matplotlib)."""
import io

from .load import LABELS

try:
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams["svg.hashsalt"] = "tandem"  # the same input, the same page
    matplotlib.rcParams["font.size"] = 9
except ImportError:
    pyplot = None

_PEER_COLOURS = ("#b2532e", "#7a6a9e", "#5b8a3c", "#a3802b", "#777777")


def available():
    return pyplot is not None


def _svg(fig):
    f = io.StringIO()
    fig.savefig(f, format="svg", metadata={"Date": None})
    pyplot.close(fig)
    text = f.getvalue()
    return text[text.index("<svg"):]


def _styles(names):
    peers = [n for n in names if not n.startswith("tandem")]
    out = {}
    for n in names:
        if n in peers:
            out[n] = dict(color=_PEER_COLOURS[peers.index(n) % len(_PEER_COLOURS)], lw=1.2)
        else:
            out[n] = dict(color="#1f5fa8", lw=2.2)
    return out


def sweep(title, load, lines):
    """lines: side -> [a point each]. The headline metric against what is swept, beside
    it latency, or the load's next metric where there are no latencies."""
    fig, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 3.4))
    (key, words), (unit, scale) = load.sweep_key, load.axis
    head, beside = load.metrics[:2]
    for name, style in _styles(list(lines)).items():
        xs = [p[key] for p in lines[name]]
        left.plot(xs, [p[head] / scale for p in lines[name]], marker="o", ms=3,
                  label=name, **style)
        lat = [(p[key], p["lat_us"]) for p in lines[name] if p["lat_us"]]
        for q, dash in (("p50", "-"), ("p99", "--"), ("p99.9", ":")):
            right.plot([x for x, _ in lat], [l[q] for _, l in lat], dash, marker=".",
                       ms=3, **style)
        if load.kind != "block":
            right.plot(xs, [p[beside] for p in lines[name]], marker="o", ms=3, **style)
    left.set_ylabel(unit)
    if load.kind == "block":
        right.set_ylabel("µs: p50 —, p99 - -, p99.9 ···")
        right.set_yscale("log")
    else:
        right.set_ylabel(LABELS[beside])
        right.set_ylim(bottom=0)
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set_xlabel(words)
        ax.grid(alpha=0.3)
        ticks = sorted({p[key] for line in lines.values() for p in line})
        ax.set_xticks(ticks, [str(t) for t in ticks])
    left.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8)
    fig.suptitle(title, fontsize=10)
    fig.tight_layout()
    return _svg(fig)


def bars(title, load, sides):
    """sides: name -> summary of the headline metric. Medians with the range of the
    runs."""
    unit, scale = load.axis
    fig, ax = pyplot.subplots(figsize=(7.2, 1.0 + 0.34 * len(sides)))
    styles = _styles(list(sides))
    for i, (name, s) in enumerate(sides.items()):
        low, mid, high = (s[k] / scale for k in ("min", "median", "max"))
        ax.barh(i, mid, color=styles[name]["color"], height=0.6,
                xerr=[[mid - low], [high - mid]],
                error_kw=dict(lw=1, capsize=2))
    ax.set_yticks(range(len(sides)), list(sides))
    ax.invert_yaxis()
    ax.set_xlabel(f"{unit}, median and range")
    ax.set_title(title, fontsize=9, loc="left")
    fig.tight_layout()
    return _svg(fig)
