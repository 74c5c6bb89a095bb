# SPDX-License-Identifier: MIT
"""One self-contained HTML page, and a table for the terminal, from results.json."""
import html as h
import shlex

from . import plot
from .load import KINDS, LABELS, Point

_CSS = """
body{font:15px/1.45 system-ui,sans-serif;max-width:62em;margin:2em auto;padding:0 1em;
color:#222}h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2.2em;border-top:1px solid #ccc;
padding-top:1em}table{border-collapse:collapse;margin:.8em 0;font-size:.88em}
td,th{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:left;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}.met{color:#17692b;font-weight:600}
.missed{color:#b01818;font-weight:600}.not{color:#777}code{font-size:.82em;
overflow-wrap:anywhere}svg{max-width:100%;height:auto}details{margin:.4em 0;font-size:.9em}
"""


def num(x):
    """Short and readable: 1234567 -> 1.23 M."""
    if x is None:
        return "–"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(x) >= size:
            return f"{x / size:.3g} {unit}"
    return f"{x:.3g}"


def measured(v):
    """A verdict's value with its spread: a ratio, or the value itself."""
    if v["value"] is None:
        return "–"
    sign = " ×" if v["against"] else ""
    text = f"{num(v['value'])}{sign}"
    if v["spread"]:
        text += f" ({num(v['spread'][0])} … {num(v['spread'][1])})"
    return text


def wanted(v):
    sign = " ×" if v["against"] else ""
    return f"{'≤' if v['at_most'] else '≥'} {num(v['bound'])}{sign}"


def cells(*values, tag="td"):
    return "<tr>" + "".join(f"<{tag}>{v}</{tag}>" for v in values) + "</tr>"


def verdict_table(verdicts):
    out = [cells("row", "point", "what", "ours", "against", "measured (range)", "target", "",
                 tag="th")]
    for v in verdicts:
        css = v["verdict"].split()[0]
        note = f"<br><small>{h.escape(v['note'])}</small>" if v["note"] else ""
        out.append(cells(v["row"], h.escape(v["point"]),
                         LABELS.get(v["metric"], h.escape(v["metric"])) + note,
                         h.escape(v["ours"]), h.escape(v["against"] or "–"), measured(v),
                         wanted(v), f'<span class="{css}">{v["verdict"]}</span>'))
    return "<table>" + "".join(out) + "</table>"


def _median(s, metric):
    return num(s[metric]["median"])


def _lat(s, q):
    return num((s["lat_us"] or {}).get(q))


def _client(s):
    client = [r["client_cpu_s"] * 1e6 / r["ios"] for r in s["runs"]]
    return num(sorted(client)[len(client) // 2])


def _range(load):
    return "range / median", lambda s: f"{s[load.metrics[0]]['spread']:.0%}"


# kind of load -> columns: heading, cell
_COLUMNS = {
    "block": (
        ("IOPS", lambda s: _median(s, "iops")),
        ("MB/s", lambda s: f"{s['bytes_per_s']['median'] / 1e6:,.0f}"), _range(Point),
        ("p50", lambda s: _lat(s, "p50")), ("p99", lambda s: _lat(s, "p99")),
        ("p99.9 µs", lambda s: _lat(s, "p99.9")),
        ("CPU µs per I/O", lambda s: _median(s, "cpu_us_per_io")),
        ("of it client", _client)),
}


def columns(load):
    """A load without columns of its own has its metrics."""
    metrics = [(LABELS[m], lambda s, m=m: _median(s, m)) for m in load.metrics]
    return _COLUMNS.get(load.kind) or metrics[:1] + [_range(load)] + metrics[1:]


def load_of(point):
    return KINDS[point.get("kind", "block")]


def point_table(point):
    cols = columns(load_of(point))
    out = [cells("side", *(heading for heading, _ in cols), tag="th")]
    for name, s in point["sides"].items():
        out.append(cells(f"<b>{h.escape(name)}</b>", *(cell(s) for _, cell in cols)))
    return "<table>" + "".join(out) + "</table>"


def commands(point):
    lines = "".join(f"<p>{h.escape(n)}<br><code>{h.escape(shlex.join(s['cmd']))}</code></p>"
                    for n, s in point["sides"].items())
    return f"<details><summary>command lines</summary>{lines}</details>"


def _section(row):
    out = [f'<h2 id="{row["id"]}">{row["id"]}: {h.escape(row["title"])}</h2>']
    if row["notes"]:
        out.append(f"<p>{h.escape(row['notes'])}</p>")
    out.append(verdict_table(row["targets"]))
    lines = {n: l for n, l in row["sweep"].items() if l}
    if lines and plot.available():
        load = load_of(row["points"][0])
        out.append(plot.sweep(f"{row['id']}: against {load.sweep_key[1]}", load, lines))
    for p in row["points"]:
        out.append(f"<h3>{h.escape(p['name'])}</h3>")
        if p["sides"] and plot.available():
            load = load_of(p)
            out.append(plot.bars(p["name"], load, {n: s[load.metrics[0]]
                                                   for n, s in p["sides"].items()}))
        out += [point_table(p), commands(p)]
    for name, extra in row["extra"].items():
        out.append(f"<h3>{h.escape(name)}</h3>{_extra(extra)}")
    if row["missing"]:
        out.append("<h3>not measured</h3><ul>" + "".join(
            f"<li>{h.escape(n)}: {h.escape(why)}</li>"
            for n, why in row["missing"].items()) + "</ul>")
    return "".join(out)


def _extra(x):
    """Any JSON as nested tables: extras differ too much for more."""
    if isinstance(x, dict):
        if set(x) >= {"median", "min", "max"}:
            return f"{num(x['median'])} ({num(x['min'])} … {num(x['max'])})"
        return "<table>" + "".join(cells(h.escape(str(k)), _extra(v))
                                   for k, v in x.items() if k != "cmd") + "</table>"
    if isinstance(x, list):
        return "".join(_extra(v) for v in x)
    return num(x) if isinstance(x, (int, float)) else h.escape(str(x))


def html(result):
    m = result["machine"]
    flat = {k: v for k, v in m.items() if k != "versions"} | m["versions"]
    verdicts = [v for r in result["rows"] for v in r["targets"]]
    warn = ("<p><b>A quick run: it shows that the benchmark works, its figures mean "
            "little.</b></p>" if result["quick"] else "")
    if not plot.available():
        warn += "<p>No plots: python3-matplotlib is not installed.</p>"
    return ("<!DOCTYPE html><html lang=en><meta charset=utf-8><title>tandem: "
            f"benchmarks</title><style>{_CSS}</style><h1>tandem: benchmarks</h1>{warn}"
            f"<p>{h.escape(result['started'])}; runs of {result['seconds']:g} s, "
            f"{result['repeats']} of each side in turn (A B A B), image of "
            f"{result['size'] >> 20} MiB. A ratio is the median over pairs of neighbouring "
            "runs, with the lowest and highest pair. <code>"
            f"{h.escape(shlex.join(result['argv']))}</code></p>"
            + verdict_table(verdicts) + "<details><summary>machine</summary>" + _extra(flat)
            + "</details>" + "".join(_section(r) for r in result["rows"]) + "</html>\n")


def text(result):
    """The table of verdicts, for a terminal."""
    out = []
    for r in result["rows"]:
        for v in r["targets"]:
            what = f"{v['ours']}" + (f" / {v['against']}" if v["against"] else "")
            out.append(f"{v['row']:4} {v['point']:26} {v['metric']:14} {what:44} "
                       f"{measured(v):28} {wanted(v):9} {v['verdict']}")
        out += [f"{r['id']:4} not measured: {n}: {why}" for n, why in r["missing"].items()]
    return "\n".join(out)
