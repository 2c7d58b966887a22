# SPDX-License-Identifier: Apache-2.0
"""docs/performance.md from the results; what was never measured says so."""

HEAD = """# Performance

Written by `bench/run`; do not edit. Every figure was measured on this machine:

"""

METHOD = """
## How it is measured

- One machine for everything: clients, gate, daemons and instances share its cores, so the
  client's own work is part of each time. `bench/first_row.cc` is that client: libpq, one process
  that runs on, a new connection each time with the URL that the API returned (TLS,
  SCRAM-SHA-256-PLUS), then `SELECT 1`. {client}
- *create*: the time of the POST (one kept-alive HTTP connection) plus connect and first row.
  *paced* leaves 0.7 s between creates, so a warm spare is ready; without pauses spares run out.
- *wake*: connect and first row on a database that suspended itself, minus the median of
  connecting to the same database while it runs, measured right after each wake.
- *sandbox*: two Howdahs, one with every part of it and one with `HOWDAH_SANDBOX=off`; each round
  wakes a database of both, in turns; the cost is the median of the rounds' differences.
- *herds*: each connect by a client process of its own, all told at the same moment; the time until
  the last has its row. The same connects to the running databases, right after, say what of it is
  the clients' and the gate's work.
- *kill -9*: the postmaster is killed; the client connects when all its processes are gone.
- p99 of fewer than 100 values is their maximum.
- *relay*: `pgbench -S`, 32 clients, 2 threads, simple protocol, connections kept. Targets take
  turns in each round, in another order each round; rates are medians over the rounds, ratios
  medians of the rounds' own ratios. CPU is user and system time of the process in the middle,
  from /proc. The bare relays (`bench/relay_epoll.cc`, `bench/relay_uring.cc`) copy bytes between
  TCP and the unix socket in one thread and look at nothing.
- *firewall*: the time of the POST or DELETE (one kept-alive HTTP connection); after each answer the
  very next connection on both ports must do as it says, or the run fails. A look at the rules is
  `src/gate/firewall_bench.cc`: CPU time over 4,096 random clients, hits and misses.
- *CLI start*: from fork to the end of the process, seen by the Python that starts it; commands take
  turns with `/bin/true`.
- *reads*: `bench/api_load.cc`, one thread of epoll on 16 kept-alive connections with an API key;
  the six reads are the list of databases, one of them, its statistics, connection strings and
  firewall rules, and the operations, in turn. At 500/s requests are due at fixed times (open
  loop) and timed from then. At full speed the generator has the other core, so howdahd's own CPU
  time (/proc) for each request is the fair measure. The bound is `/ca.crt`: the same server,
  parser and router, without a key and with nothing to look up.
- *a thousand*: made one after the other, each asleep two seconds later; CPU is that of the three
  processes while all sleep; the list is the whole of it, read by one client. For MemAvailable all
  are woken one after the other and stay awake, idle: what the kernel spends on them is in it.
- *memory*: PSS from /proc/PID/smaps_rollup, summed over all processes of an instance, of
  {instances} idle instances beside the warm spares and the catalog; more of them share more pages.
"""


def _ms(value):
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def _table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _verdict(holds):
    return "yes" if holds else "**no**"


def _figure_create(found):
    total = found["paced"]["total"]
    yield ("create -> first row through the gate, TLS, paced", "p50 <= 80 ms, p99 <= 200 ms",
           f"p50 {_ms(total['p50'])}, p99 {_ms(total['p99'])} (n = {total['count']})",
           _verdict(total["p50"] <= 80 and total["p99"] <= 200))
    burst = found["burst"]["total"]
    yield ("the same without pauses", "", f"p50 {_ms(burst['p50'])}, p99 {_ms(burst['p99'])} "
           f"(n = {burst['count']})", "")


def _figure_wake(found):
    above, woken = found["above"], found["woken"]
    yield ("wake from suspended -> first row, above a running database",
           "p50 <= 35 ms, p99 <= 80 ms",
           f"p50 {_ms(above['p50'])}, p99 {_ms(above['p99'])} (n = {above['count']})",
           _verdict(above["p50"] <= 35 and above["p99"] <= 80))
    yield ("connect -> first row, suspended / running", "",
           f"p50 {_ms(woken['p50'])} / {_ms(found['running']['p50'])}", "")


def _figure_sandbox(found):
    cost = found["cost"]
    yield ("the sandbox's cost on a wake", "<= 15 ms",
           f"p50 {_ms(cost['p50'])}: connect -> first row p50 {_ms(found['with']['p50'])} with it, "
           f"{_ms(found['without']['p50'])} without (n = {cost['count']} each)",
           _verdict(cost["p50"] <= 15))


def _figure_herds(found):
    many, one = found["many"], found["one"]
    yield ("50 wakes at once, all answered", "<= 2 s",
           f"p50 {_ms(many['asleep']['p50'])}, max {_ms(many['asleep']['max'])} "
           f"(n = {many['asleep']['count']}); awake: {_ms(many['running']['p50'])}",
           _verdict(many["asleep"]["max"] <= 2000))
    yield ("200 connects to one sleeper, all answered", "",
           f"p50 {_ms(one['asleep']['p50'])}, max {_ms(one['asleep']['max'])}; "
           f"awake: {_ms(one['running']['p50'])}", "")


def _figure_crash(found):
    row = found["row"]
    yield ("kill -9 of the instance -> first row", "<= 100 ms",
           f"p50 {_ms(row['p50'])}, p99 {_ms(row['p99'])} (n = {row['count']})",
           _verdict(row["p50"] <= 100))


def _figure_memory(found):
    instance = found["instance_pss"]
    yield ("idle running instance, smallest class", "<= 6.5 MB PSS",
           f"{instance['p50']:.1f} MB ({instance['processes']:.0f} processes; largest of "
           f"{instance['count']}: {instance['max']:.1f} MB)", _verdict(instance["p50"] <= 6.5))
    yield ("the three daemons, idle", "<= 80 MB",
           f"{found['three_pss']:.1f} MB PSS ({found['three_rss']:.1f} MB RSS)",
           _verdict(found["three_pss"] <= 80))


def _figure_firewall(found):
    add, remove = found["add"], found["remove"]
    yield ("firewall rule: API call -> in force on both ports", "p50 <= 10 ms",
           f"add p50 {_ms(add['p50'])}, p99 {_ms(add['p99'])}; remove p50 {_ms(remove['p50'])}, "
           f"p99 {_ms(remove['p99'])} (n = {add['count']})",
           _verdict(max(add["p50"], remove["p50"]) <= 10))
    cost = found["lookup_ns"]
    yield ("a connection's look at 10,000 rules", "<= 1 us",
           f"{cost['10000']:.0f} ns (100: {cost['100']:.0f} ns, 1: {cost['1']:.0f} ns, none: "
           f"{cost['0']:.1f} ns)", _verdict(cost["10000"] <= 1000))


def _figure_cli(found):
    version, listed, nothing = found["version"], found["list"], found["true"]
    yield ("`howdah` CLI start", "<= 15 ms",
           f"--version p50 {_ms(version['p50'])}, p99 {_ms(version['p99'])}; db list p50 "
           f"{_ms(listed['p50'])}; /bin/true p50 {_ms(nothing['p50'])} (n = {version['count']})",
           _verdict(version["p50"] <= 15))


def _figure_api(found):
    paced, one, every, bound = (found[name] for name in ("paced", "one", "all", "bound"))
    yield ("six kinds of reads at 500/s, authenticated", "p99 <= 10 ms",
           f"p50 {_ms(paced['p50_us'] / 1000)}, p99 {_ms(paced['p99_us'] / 1000)} "
           f"(n = {paced['requests']})", _verdict(paced["p99_us"] <= 10_000))
    yield ("authenticated GETs of one database, one core, keep-alive",
           ">= 20,000/s (<= 50 us CPU)",
           f"{one['per_second']:.0f}/s, {one['cpu_us']:.1f} us CPU each; all six kinds: "
           f"{every['per_second']:.0f}/s, {every['cpu_us']:.1f} us; bound (no key, nothing to "
           f"look up): {bound['per_second']:.0f}/s, {bound['cpu_us']:.1f} us",
           _verdict(one["cpu_us"] <= 50))


def _figure_thousand(found):
    count, asleep, awake = found["count"], found["asleep"], found["awake"]
    first, last = found["creates"]["first"]["p50"], found["creates"]["last"]["p50"]
    yield (f"{count} databases asleep: howdahd, gate and node", "<= 150 MB, < 1 % of a core",
           f"{asleep['pss']:.1f} MB PSS ({asleep['rss']:.1f} MB RSS), "
           f"{asleep['cpu_percent']:.2f} % over {asleep['seconds']} s",
           _verdict(asleep["pss"] <= 150 and asleep["cpu_percent"] < 1))
    yield (f"creates in a row, last tenth of {count} to first tenth", "<= 1.3x",
           f"{last / first:.2f}x (p50 {_ms(first)}, then {_ms(last)})",
           _verdict(last <= 1.3 * first))
    above = found["wakes"]["above"]
    yield (f"wakes of random ones of {count}, above a running database", "p50 <= 35 ms, "
           "p99 <= 80 ms", f"p50 {_ms(above['p50'])}, p99 {_ms(above['p99'])} "
           f"(n = {above['count']})", _verdict(above["p50"] <= 35 and above["p99"] <= 80))
    yield (f"`GET /api/databases` with {count} rows", "p99 <= 40 ms",
           f"p50 {_ms(found['lists']['p50'])}, p99 {_ms(found['lists']['p99'])} "
           f"(n = {found['lists']['count']})", _verdict(found["lists"]["p99"] <= 40))
    yield (f"100 of {count} woken at once, all answered", "<= 4 s",
           f"p50 {_ms(found['herd']['p50'])}, max {_ms(found['herd']['max'])} "
           f"(n = {found['herd']['count']})", _verdict(found["herd"]["max"] <= 4000))
    restart = found["restart"]
    yield (f"restart of everything with {count} databases, until it serves", "<= 3 s",
           f"{restart['start_seconds']:.2f} s (first row of one asleep then "
           f"{_ms(restart['row_ms'])}; stopping took {restart['stop_seconds']:.2f} s)",
           _verdict(restart["start_seconds"] <= 3))
    own = awake["daemons"]
    yield (f"{count} awake idle instances, of MemAvailable", "<= 8 GB; Howdah's own <= 150 MB",
           f"{awake['available_mb'] / 1024:.2f} GiB; own {own['pss']:.1f} MB PSS, "
           f"{own['cpu_percent']:.2f} % of a core; started in {awake['start_seconds']:.0f} s",
           _verdict(awake["available_mb"] * 1.048576 <= 8000 and own["pss"] <= 150))


def _figure_gate(found):
    gate = found["gate"]
    yield ("direct relay, pgbench -S, 32 clients, TLS off", ">= 0.9x the bare relay",
           f"{gate['ratio']['relay_epoll']:.2f}x of epoll, {gate['ratio']['relay_uring']:.2f}x "
           f"of io_uring; {gate['cpu_us']:.1f} us CPU per transaction; "
           f"{gate['ratio']['unix']:.2f}x of a straight connection",
           _verdict(gate["ratio"]["relay_epoll"] >= 0.9))


FIGURES = [("create", _figure_create), ("wake", _figure_wake), ("sandbox", _figure_sandbox),
           ("herds", _figure_herds), ("crash", _figure_crash),
           ("memory", _figure_memory), ("firewall", _figure_firewall), ("api", _figure_api),
           ("cli", _figure_cli), ("thousand", _figure_thousand),
           ("gate", _figure_gate)]


def _relay_table(found):
    rows = []
    for name, run in found.items():
        cpu = f"{run['cpu_us']:.1f} us" if run["cpu_us"] else "-"
        rows.append((name, f"{run['tps']:.0f}", f"{run['tps_min']:.0f} - {run['tps_max']:.0f}",
                     cpu, *(f"{run['ratio'][other]:.2f}"
                            for other in ("unix", "relay_epoll", "relay_uring"))))
    header = ("target", "tps", "range", "CPU per transaction", "to unix", "to epoll", "to io_uring")
    any_run = next(iter(found.values()))
    return _table(header, rows) + f"\n{any_run['rounds']} rounds of {any_run['seconds']} s each.\n"


def _daemon_table(found):
    return _table(("process", "PSS", "RSS"),
                  [(name, f"{values['pss']:.1f} MB", f"{values['rss']:.1f} MB")
                   for name, values in found["daemons"].items()])


def figures(results):
    """The table of figures against their targets."""
    rows = []
    for part, rows_of in FIGURES:
        if part in results:
            rows.extend(rows_of(results[part]["found"]))
        else:
            rows.append((part, "", "not measured", ""))
    return _table(("what", "target", "measured", "met"), rows)


def write(results):
    """The whole page."""
    dates = {entry["machine"]["date"] for entry in results.values()}
    newest = max(results.values(), key=lambda entry: entry["machine"]["date"])["machine"]
    text = HEAD + "\n".join(f"- {name}: {value}" for name, value in newest.items()) + "\n"
    if len(dates) > 1:
        text += "\nParts of it were measured at other times: " + ", ".join(
            f"{part} {entry['machine']['date']}" for part, entry in results.items()) + ".\n"
    text += "\n## Figures\n\n" + figures(results)
    if "gate" in results:
        text += "\n## The gate beside bare relays, on one instance\n\n"
        text += _relay_table(results["gate"]["found"])
    if "plain" in results:
        text += "\n## The yardsticks themselves, on a plain Postgres\n\n"
        text += _relay_table(results["plain"]["found"])
    client, instances = "", 0
    if "memory" in results:
        text += "\n## Daemons\n\n" + _daemon_table(results["memory"]["found"])
        instances = results["memory"]["found"]["instance_pss"]["count"]
    if "wake" in results:
        found = results["wake"]["found"]
        client = (f"Of the {_ms(found['running']['p50'])} to a running database, "
                  f"{_ms(found['client_cpu']['p50'])} are the client's own computing.")
    return text + METHOD.format(client=client, instances=instances or "the")
