"""A profile as text, for terminals and notebooks: one table of ops, one of modules.

Times are in ms. What takes less than half a percent of the time is left out, so that the tables fit a screen.
Notebook: 08.
"""

from minitx.learn.tables import lined_up

SMALLEST_SHARE = 0.005


def profile_table(profiled):
    """Return a `Profile` as text.

    Parameters
    ----------
    profiled : Profile
        From `minitx.profile`.

    Returns
    -------
    str

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> counts = {"calls": 2, "forward": 0.05, "backward": 0.15, "seconds": 0.2, "flops": 2e9, "products": 1e9}
    >>> row = SimpleNamespace(name="linear", kind="", level=0, moved=4e6, **counts)
    >>> print(profile_table(SimpleNamespace(seconds=0.25, threads=1, between=0.05, all_ops=row, ops=[row], modules=[])))
    250.00 ms in 1 thread, 2,000.00 MFLOP, 50% of them in matrix products (times in ms)
    <BLANKLINE>
    op           calls  forward  backward   total  share     MFLOP  GFLOP/s   MB
    linear           2    50.00    150.00  200.00    80%  2,000.00     10.0  4.0
    between ops                             50.00    20%
    together         2    50.00    150.00  250.00   100%  2,000.00      8.0  4.0
    """
    everything = profiled.all_ops
    whole = profiled.seconds * profiled.threads
    scale, unit = (1e9, "GFLOP") if everything.flops >= 1e10 else (1e6, "MFLOP")
    headings = ("calls", "forward", "backward", "total", "share", unit, "GFLOP/s", "MB")
    ops = [("op", *headings)]
    few = [row for row in profiled.ops if row.seconds < SMALLEST_SHARE * whole]
    ops += [(row.name, *_numbers(row, row.seconds, whole, scale)) for row in profiled.ops if row not in few]
    if few:
        seconds = sum(row.seconds for row in few)
        ops.append((f"{len(few)} more", str(sum(row.calls for row in few)), "", "", *_times(seconds, whole)))
    ops.append(("between ops", "", "", "", *_times(profiled.between, whole)))
    ops.append(("together", *_numbers(everything, whole, whole, scale)))

    modules = [("module", *headings)]
    for row in profiled.modules:
        if row.seconds >= SMALLEST_SHARE * whole:
            name = row.name if row.name == row.kind else f"{row.name}: {row.kind}"
            modules.append(("  " * row.level + name, *_numbers(row, row.seconds, whole, scale)))

    threads = "1 thread" if profiled.threads == 1 else f"{profiled.threads} threads, whose times are added up"
    share = everything.products / everything.flops if everything.flops else 0
    head = f"{1e3 * profiled.seconds:.2f} ms in {threads}, {everything.flops / scale:,.2f} {unit}"
    lines = [f"{head}, {share:.0%} of them in matrix products (times in ms)", "", *lined_up(ops)]
    if not profiled.ops:
        lines += ["", "No op ran on a Tensor: plain NumPy is not seen, and a generator does nothing until it is asked."]
    return "\n".join(lines + (["", *lined_up(modules)] if len(modules) > 1 else []))


def _numbers(row, seconds, whole, scale):
    ways = [f"{1e3 * way:.2f}" if way else "" for way in (row.forward, row.backward)]
    if not row.flops:
        counted = ["", ""]
    else:
        counted = [f"{row.flops / scale:,.2f}", f"{row.flops / seconds / 1e9:.1f}" if seconds else ""]
    moved = f"{row.moved / 1e6:.1f}" if row.moved else ""
    return (f"{row.calls:,}", *ways, *_times(seconds, whole), *counted, moved)


def _times(seconds, whole):
    return f"{1e3 * seconds:.2f}", f"{seconds / whole:.0%}" if whole else ""
