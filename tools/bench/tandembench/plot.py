# SPDX-License-Identifier: MIT
"""Plots as inline SVG (matplotlib's svg backend, Debian's python3-matplotlib)."""
import io

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


def sweep(title, lines):
    """lines: side -> [{qd, iops, lat_us}]. Throughput and latency against queue depth."""
    fig, (left, right) = pyplot.subplots(1, 2, figsize=(9.6, 3.4))
    for name, style in _styles(list(lines)).items():
        qds = [p["qd"] for p in lines[name]]
        left.plot(qds, [p["iops"] / 1e3 for p in lines[name]], marker="o", ms=3,
                  label=name, **style)
        lat = [(p["qd"], p["lat_us"]) for p in lines[name] if p["lat_us"]]
        for q, dash in (("p50", "-"), ("p99", "--"), ("p99.9", ":")):
            right.plot([x for x, _ in lat], [l[q] for _, l in lat], dash, marker=".",
                       ms=3, **style)
    left.set_ylabel("thousand I/Os per second")
    right.set_ylabel("µs: p50 —, p99 - -, p99.9 ···")
    right.set_yscale("log")
    for ax in (left, right):
        ax.set_xscale("log", base=2)
        ax.set_xlabel("queue depth")
        ax.grid(alpha=0.3)
        ticks = sorted({p["qd"] for line in lines.values() for p in line})
        ax.set_xticks(ticks, [str(t) for t in ticks])
    left.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8)
    fig.suptitle(title, fontsize=10)
    fig.tight_layout()
    return _svg(fig)


def bars(title, unit, sides):
    """sides: name -> summary. Medians with the range of the runs."""
    fig, ax = pyplot.subplots(figsize=(7.2, 1.0 + 0.34 * len(sides)))
    styles = _styles(list(sides))
    for i, (name, s) in enumerate(sides.items()):
        low, mid, high = (s[k] / 1e3 for k in ("min", "median", "max"))
        ax.barh(i, mid, color=styles[name]["color"], height=0.6,
                xerr=[[mid - low], [high - mid]],
                error_kw=dict(lw=1, capsize=2))
    ax.set_yticks(range(len(sides)), list(sides))
    ax.invert_yaxis()
    ax.set_xlabel(unit)
    ax.set_title(title, fontsize=9, loc="left")
    fig.tight_layout()
    return _svg(fig)
