# SPDX-License-Identifier: MIT
"""The command line: which rows, how long, where the results go."""
import argparse
import json
import os
import sys
import time

from . import extras, machine, many, netmany, netsides, pktsides, procs, report, rows
from . import runner, sides, tandem
from .files import Files

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))


SIDES = {**sides.PEERS, **tandem.SIDES, **netsides.SIDES, **pktsides.SIDES}


class Context:
    """Where things are, and the making of sides."""

    def __init__(self, build, scratch, size, pin):
        self.build = os.path.abspath(build)
        self.files = Files(scratch, size)
        self.client_cpus, self.server_cpus = ({0}, {1}) if pin else (None, None)
        self.instance = tandem.Instance(self)
        self.extras = extras.EXTRAS
        self.many, self.netmany = many.run, netmany.run
        self.hugepages = pktsides.Hugepages()

    def built(self, path):
        return os.path.join(self.build, path)

    def tool(self, name):
        return self.built(f"tools/{name}")

    def make_side(self, name):
        cls, opts = SIDES[name]
        return cls(name, self, **opts)

    def close(self):
        self.instance.close()
        procs.end_all()
        self.hugepages.close()
        self.files.close()


def parse(argv):
    p = argparse.ArgumentParser(
        prog="tools/bench/run", description="Measures tandem's disks and networks beside their peers.")
    p.add_argument("--rows", help="B1,B2,... (default: all)")
    p.add_argument("--quick", action="store_true",
                   help="1-second runs, two of each: does it work, not how fast is it")
    p.add_argument("--out", default="bench-results", metavar="DIR",
                   help="results.json and report.html go here (%(default)s)")
    p.add_argument("--build", default=os.path.join(ROOT, "build"), metavar="DIR")
    p.add_argument("--scratch", default="/var/tmp", metavar="DIR",
                   help="a directory on the disk to measure (%(default)s)")
    p.add_argument("--size", default=None, metavar="N",
                   help="size of the images (1g; with --quick 256m)")
    p.add_argument("--seconds", type=float, help="length of a run")
    p.add_argument("--repeats", type=int, help="runs of each side at each point")
    p.add_argument("--pin", action="store_true",
                   help="clients on CPU 0, servers on CPU 1, tandem's and peers' alike")
    p.add_argument("--no-sweep", action="store_true", help="leave the plots' runs out")
    p.add_argument("--report-only", action="store_true",
                   help="write report.html from an existing results.json")
    return p.parse_args(argv)


def fail(why):
    print(f"bench: {why}", file=sys.stderr)
    return 2


def measure(args, wanted):
    plan = runner.Plan(args.quick, args.seconds, args.repeats)
    if args.no_sweep:
        plan.sweep = False
    size = sides.size_bytes(args.size or ("256m" if args.quick else "1g"))
    result = {"argv": sys.argv, "started": time.strftime("%Y-%m-%d %H:%M:%S %z"),
              "quick": args.quick, "seconds": plan.seconds, "repeats": plan.repeats,
              "size": size, "pinned": args.pin, "machine": machine.describe(ROOT, args.scratch),
              "rows": []}
    ctx = Context(args.build, args.scratch, size, args.pin)
    try:
        r = runner.Runner(ctx, plan, lambda line: print(line, flush=True))
        for row in wanted:
            result["rows"].append(r.row(row))
            save(args.out, result)
    finally:
        ctx.close()
    return result


def save(out, result):
    with open(os.path.join(out, "results.json.new"), "w") as f:
        json.dump(result, f, indent=1)
    os.replace(os.path.join(out, "results.json.new"), os.path.join(out, "results.json"))


def main(argv=None):
    args = parse(argv)
    try:
        wanted = rows.find(args.rows)
        os.makedirs(args.out, exist_ok=True)
        if not args.report_only and not os.path.isdir(args.scratch):
            return fail(f"--scratch {args.scratch}: no such directory")
        if args.report_only:
            with open(os.path.join(args.out, "results.json")) as f:
                result = json.load(f)
        else:
            procs.guard()
            result = measure(args, wanted)
        page = report.html(result)
        with open(os.path.join(args.out, "report.html"), "w") as f:
            f.write(page)
    except (ValueError, OSError) as e:
        return fail(str(e))
    print(report.text(result))
    print(f"{args.out}/results.json, {args.out}/report.html")
    return 0
