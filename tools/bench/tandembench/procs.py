# SPDX-License-Identifier: MIT
"""Processes that the benchmark starts, their CPU time, and their end.

Every process leads a group of its own and is ended by that group's id, whatever
happens to the benchmark: on exit, on a signal, and by the kernel when the benchmark
itself is killed.
"""
import atexit
import ctypes
import os
import resource
import signal
import subprocess
import time

_live = {}  # pid -> Popen
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A side could not be started or run; says why in one line."""


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(cmd, env=None, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cpus=None,
          stdin=subprocess.DEVNULL):
    def setup():
        _die_with_parent()
        if cpus:
            os.sched_setaffinity(0, cpus)
    try:
        p = subprocess.Popen(cmd, env=env, stdin=stdin, stdout=stdout,
                             stderr=stderr, start_new_session=True, preexec_fn=setup)
    except OSError as e:
        raise Failed(f"{cmd[0]}: {e.strerror}") from None
    _live[p.pid] = p
    return p


def end(p, patience=5.0):
    """SIGTERM to the group, SIGKILL when that does not help."""
    if _live.pop(p.pid, None) is None:
        return
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(p.pid, sig)
            os.killpg(p.pid, signal.SIGCONT)  # it may stand still
        except ProcessLookupError:
            break
        try:
            p.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue
    try:  # whatever of its group outlived the leader
        os.killpg(p.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def end_all(patience=2.0):
    for p in list(_live.values()):
        end(p, patience)


def _on_signal(num, _frame):
    raise SystemExit(128 + num)


def guard(patience=2.0):
    """Ends everything at exit and on the usual signals. Raises the limit of files."""
    atexit.register(end_all, patience)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # hundreds of disks
    for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(s, _on_signal)


def run(cmd, env=None, timeout=600, cpus=None):
    """Runs to the end. Returns (stdout, CPU seconds of it and its children)."""
    with _capture() as (out, err):
        p = spawn(cmd, env, out, err, cpus)
        deadline = time.monotonic() + timeout
        try:
            while True:
                pid, status, usage = os.wait4(p.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > deadline:
                    raise Failed(f"{cmd[0]}: not done after {timeout:.0f} s")
                time.sleep(0.01)
        except BaseException:
            end(p)
            raise
        p.returncode = os.waitstatus_to_exitcode(status)
        _live.pop(p.pid, None)
        out.seek(0)
        err.seek(0)
        text = out.read().decode(errors="replace")
        if p.returncode:
            lines = (err.read().decode(errors="replace") or text).strip().splitlines()
            said = next((l for l in lines if "error" in l.lower()), lines[-1] if lines else "")
            raise Failed(f"{os.path.basename(cmd[0])}: exit {p.returncode}: {said.strip()}")
        return text, usage.ru_utime + usage.ru_stime


class _capture:
    def __enter__(self):
        self.fds = [os.fdopen(os.memfd_create(n), "w+b") for n in ("out", "err")]
        return self.fds

    def __exit__(self, *_):
        for f in self.fds:
            f.close()


def cpu_seconds(pid):
    """CPU time of a live process: its threads' run time in ns where the kernel
    keeps it, ticks otherwise. A process that is gone has none."""
    try:
        total = 0
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat") as f:
                total += int(f.read().split()[0])
        return total / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return cpu_ticks(pid) / os.sysconf("SC_CLK_TCK")


def cpu_ticks(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def switches(pid):
    """Voluntary context switches of all threads: how often it went to sleep."""
    total = 0
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/status") as f:
                total += sum(int(l.split()[1]) for l in f
                             if l.startswith("voluntary_ctxt_switches"))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def machine_busy():
    """(busy, stolen) CPU seconds of the whole machine since boot."""
    with open("/proc/stat") as f:
        v = [int(x) for x in f.readline().split()[1:9]]
    hz = os.sysconf("SC_CLK_TCK")
    user, nice, system, _idle, _iowait, irq, softirq, steal = v
    return (user + nice + system + irq + softirq) / hz, steal / hz


def wait_for(what, ok, p=None, seconds=10.0):
    """Until ok() is true. Failed when p ends first or it takes too long."""
    deadline = time.monotonic() + seconds
    while not ok():
        if p is not None and p.poll() is not None:
            raise Failed(f"{what}: the process ended with {p.returncode}")
        if time.monotonic() > deadline:
            raise Failed(f"{what}: nothing after {seconds:.0f} s")
        time.sleep(0.01)
