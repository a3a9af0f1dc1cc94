#!/usr/bin/env python3
"""Measures the exchange and prints its figures beside those of its peers (`make bench`).

  bench.py [--reps N] [--secs S] [--work W1,W2S,W3,W4,W5,REG] [--core 0] [--load-core 1]

Starts the release build with the lab (tests/lab) on one core, the load tool on another, and reads the exchange's CPU time
(utime + stime of /proc/PID/stat, all threads); what it uses while idle is measured first and subtracted. CPU time holds on a
noisy machine, latencies do not: the table is to be read on an idle one. Every run is appended to target/bench/runs.jsonl, the
table goes to target/bench/table.md.

  start  cold start: from exec to the first 200 to OPTIONS
  W1     answer and release: calls to 101, hung up at once, at 200 and 400 a second; then the same calls to a stub that only
         answers, keeps nothing and checks nothing: what the machine of the moment costs anybody. Times it is a figure that holds
         from one machine to another
  W2S    prompt playback, RTP both ways: 200 calls to 201, measured while none begins or ends
  W3     50 agents with 50 callers waiting, and 200 with 1,000: each agent talks for 2 s and is given the next
  W4     100 bridged pairs, RTP both ways
  W5     500 and 2,000 calls to 501 that only wait: resident memory per call
  REG    10,000 phones that say 5,000 times a second, with digest, that they are still there; and phones that each time start anew
"""
import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
HOUSE = os.path.dirname(os.path.dirname(HERE))
OUT = HOUSE + "/target/bench"
LOAD = HOUSE + "/target/load/release/sipload"
EXCHANGE = HOUSE + "/target/release/centrala"
# The trunk of the lab that may call without a password, and where its agents will live.
LOCAL, AGENTS = "127.0.0.3:7000", "127.0.0.3:7100"
TICKS = os.sysconf("SC_CLK_TCK")

# What was measured here of the others, the same way, and the goal. (name, unit, Asterisk 22.10, FreeSWITCH 1.10.12, goal)
ROWS = {
    "start": ("cold start to the first answer", "ms", "", "", "<= 300"),
    "W1-200": ("answered and released call, 200/s", "us CPU", "2,170", "3,580", ""),
    "W1-400": ("answered and released call, 400/s", "us CPU", "", "", "<= 150 + commits"),
    "W1-400-commits": ("of that its commits (the store's thread)", "us CPU", "", "", ""),
    # The peers were measured at 200 a second.
    "W1-400-stub": ("the same calls to a stub that only answers", "us CPU", "34", "34", ""),
    "W1-400-times": ("the call without its commits, in stubs", "times", "64", "105", "<= 4.4"),
    "W1-200-ms": ("INVITE to 200 at 200/s, p50/p99", "ms", "1.5/2.1", "6.8/29", ""),
    "W2S-200": ("prompt playback at 200 calls", "ms CPU per call-second", "3.53", "3.90", "<= 0.45"),
    "W2S-200-ms": ("its spacing off 20 ms, p99", "ms", "0.8", "9.6", "<= 1"),
    "W3-50-50": ("agent free to next INVITE, 50 agents, 50 waiting, p50/p99", "ms", "348/713", "1,016/1,573", "p99 <= 20"),
    "W3-200-1000": ("the same, 200 agents, 1,000 waiting, p50/p99", "ms", "23,000", "", "p99 <= 20"),
    "W3-200-1000-rate": ("its calls given to agents", "a second, of 100", "2.4", "", "100"),
    "W4-100": ("bridged pair, 100 pairs", "ms CPU per pair-second", "3.88", "5.94", "<= 0.75"),
    "W4-100-ms": ("its relay delay, p50/p99", "ms", "0.27/1.1", "11.4/30", ""),
    "W5-500": ("resident per idle call, 500 calls", "KB", "133", "350-446", ""),
    "W5-2000": ("resident per idle call, 2,000 calls", "KB", "133", "", "<= 12"),
    "REG-same": ("phone that registers again, 5,000/s", "us CPU", "", "", "<= 100"),
    "REG-move": ("the same, kept on the disk each time", "us CPU", "", "", "<= 100"),
    "REG-same-ms": ("REGISTER to 200 at 5,000/s, p50/p99", "ms", "", "", ""),
}


def favoured(core):
    """A command's prefix: on this core, ahead of the desktop (nice alone does not reach across sessions)."""
    return ["setsid", "-w", "sh", "-c", f'echo -15 > /proc/self/autogroup 2>/dev/null; exec taskset -c {core} nice -n -15 "$@" 2>/dev/null', "sh"]


def pinned(core, command):
    """The same for a process whose own id we need."""
    return ["taskset", "-c", str(core)] + (["nice", "-n", "-15"] if os.geteuid() == 0 else []) + command


class Exchange:
    def __init__(self, core, config="tests/lab"):
        self.data = OUT + "/data"
        shutil.rmtree(self.data, ignore_errors=True)
        os.makedirs(OUT, exist_ok=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        self.target = "%s:%d" % self.address
        command = [EXCHANGE, "run", "--config", config, "--sip", self.target, "--data", self.data, "--trunk-uas", AGENTS]
        self.log = open(OUT + "/log", "w")
        began = time.monotonic()
        self.process = subprocess.Popen(pinned(core, command), cwd=HOUSE, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, env=dict(os.environ, RUST_LOG="warn"))
        self.pid = self.process.pid
        self.start_ms = (self.answers() - began) * 1000
        try:
            with open(f"/proc/{self.pid}/autogroup", "w") as group:
                group.write("-15")
        except OSError:
            pass

    def answers(self):
        """The moment of the first answer to OPTIONS."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.bind((LOCAL.split(":")[0], 0))
            line.settimeout(0.005)
            own = "%s:%d" % line.getsockname()
            until = time.monotonic() + 20
            number = 0
            while time.monotonic() < until and self.process.poll() is None:
                number += 1
                try:
                    line.sendto((f"OPTIONS sip:{self.target} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKb{number};rport\r\nMax-Forwards: 70\r\n"
                                 f"From: <sip:bench@{own}>;tag=b\r\nTo: <sip:{self.target}>\r\nCall-ID: bench-{number}@{own}\r\nCSeq: {number} OPTIONS\r\n"
                                 "Content-Length: 0\r\n\r\n").encode(), self.address)
                    if line.recv(4096).startswith(b"SIP/2.0 200"):
                        return time.monotonic()
                except OSError:
                    pass
        raise SystemExit(f"the exchange did not start: see {OUT}/log")

    def cpu(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def threads(self):
        """CPU seconds by thread; threads of one name are one."""
        used = {}
        for task in os.listdir(f"/proc/{self.pid}/task"):
            try:
                name = open(f"/proc/{self.pid}/task/{task}/comm").read().strip()
                # Nanoseconds on a core: the ticks of `stat` are too coarse for one thread of many short turns.
                used[name] = used.get(name, 0) + int(open(f"/proc/{self.pid}/task/{task}/schedstat").read().split()[0]) / 1e9
            except OSError:
                continue
        return used

    def commits(self):
        """CPU time of the thread that commits, in seconds."""
        return self.threads().get("store", 0.0)

    def memory(self):
        """VmRSS in KB, and how many threads."""
        text = open(f"/proc/{self.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]), int(re.search(r"Threads:\s+(\d+)", text)[1])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Stub:
    """The load tool's own exchange, which only answers."""

    def __init__(self, core):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.target = "%s:%d" % probe.getsockname()
        self.process = subprocess.Popen(pinned(core, [LOAD, "--stub", "--target", self.target]), start_new_session=True)
        self.pid = self.process.pid

    cpu, commits, threads = Exchange.cpu, Exchange.commits, Exchange.threads
    memory, stop = Exchange.memory, Exchange.stop


def strangers(pid):
    """Other real-time processes now running: they starve what is measured. The exchange's own threads are not counted."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{entry}/stat").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(entry) != pid and int(fields[38]) in (1, 2) and int(fields[20]) > 0:
            found.append(entry)
    return found


class Bench:
    def __init__(self, ask):
        self.ask = ask
        self.exchange = Exchange(ask.core)
        self.runs = open(OUT + "/runs.jsonl", "a")
        time.sleep(1)
        before = self.exchange.cpu()
        time.sleep(5)
        self.idle = (self.exchange.cpu() - before) / 5
        print(f"cold start {self.exchange.start_ms:.0f} ms; idle {100 * self.idle:.2f} % of a core, {self.exchange.memory()[0]} KB, {self.exchange.memory()[1]} threads", flush=True)
        self.figures = {"start": [self.exchange.start_ms]}

    def run(self, name, options, ramp=None, window=0.0, subject=None):
        """One run of the load tool; CPU and memory of the subject (the exchange) over the window after the ramp, or over the whole run."""
        idle = 0.0 if subject else self.idle
        subject = subject or self.exchange
        command = favoured(self.ask.load_core) + [LOAD, "--target", subject.target, "--local", LOCAL, "--uas-local", AGENTS] + options
        crowd = [0]
        over = threading.Event()

        def watch():
            while not over.wait(0.5):
                crowd[0] += bool(strangers(subject.pid))
        watcher = threading.Thread(target=watch)
        watcher.start()
        rss0, _ = subject.memory()
        cpu0, at0, commits0 = subject.cpu(), time.monotonic(), subject.commits()
        load = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run = {"name": name, "options": " ".join(options), "rss0_kb": rss0}
        if ramp is not None:
            time.sleep(ramp)
            cpu0, at0 = subject.cpu(), time.monotonic()
            time.sleep(window)
            cpu1, at1 = subject.cpu(), time.monotonic()
            run["rss_kb"], run["threads"] = subject.memory()
            out, err = load.communicate(timeout=240)
        else:
            out, err = load.communicate(timeout=240)
            time.sleep(0.3)   # the last commits and releases
            cpu1, at1 = subject.cpu(), time.monotonic()
        over.set()
        watcher.join()
        run["cpu_s"] = cpu1 - cpu0 - idle * (at1 - at0)
        run["commits_s"] = subject.commits() - commits0
        run["window_s"] = at1 - at0
        run["disturbed_s"] = crowd[0] * 0.5
        try:
            run["load"] = json.loads(out)
        except ValueError:
            raise SystemExit(f"{name}: the load tool failed: {out}{err}")
        run["failed"] = sum(count for kind, count in run["load"]["fails"].items() if not kind.startswith("info"))
        self.runs.write(json.dumps(run) + "\n")
        self.runs.flush()
        return run

    def note(self, row, value):
        self.figures.setdefault(row, []).append(value)

    def w1(self):
        for rate in (200, 400):
            for _ in range(self.ask.reps):
                calls, run, micros = self.answer_and_release(f"W1-{rate}", rate)
                load = run["load"]
                self.note(f"W1-{rate}", micros)
                self.note(f"W1-{rate}-ms", (load["inv200"].get("p50_ms", 0), load["inv200"].get("p99_ms", 0)))
                commits = 1e6 * run["commits_s"] / max(1, load["answered"])
                print(f"W1 {rate}/s: {micros:.0f} us a call, commits {commits:.0f} of it, {run['failed']} of {calls} failed, INVITE-200 p50 "
                      f"{load['inv200'].get('p50_ms')} p99 {load['inv200'].get('p99_ms')} ms, {load['retrans']} repeated {self.disturbed(run)}", flush=True)
                if rate == 400:
                    self.compare(micros, commits)

    def compare(self, micros, commits):
        """The same calls to the stub, right after ours."""
        stub = Stub(self.ask.core)
        try:
            time.sleep(0.3)
            _, _, least = self.answer_and_release("W1-400-stub", 400, stub)
        finally:
            stub.stop()
        times = (micros - commits) / least
        self.note("W1-400-commits", commits)
        self.note("W1-400-stub", least)
        self.note("W1-400-times", times)
        print(f"W1 400/s, a stub that only answers: {least:.0f} us a call; ours is {times:.1f} times that without its commits", flush=True)

    def answer_and_release(self, name, rate, subject=None):
        """How many calls, the run, and CPU microseconds a call."""
        calls = int(rate * self.ask.secs)
        run = self.run(name, ["--ext", "101", "--rate", str(rate), "--calls", str(calls), "--hold-ms", "0", "--invite-timeout-ms", "8000"], subject=subject)
        return calls, run, 1e6 * run["cpu_s"] / max(1, run["load"]["answered"])

    def w2s(self):
        calls, per_second = 200, 50
        ramp = calls / per_second + 2
        for _ in range(self.ask.reps):
            run = self.run("W2S-200", ["--ext", "201", "--rate", str(per_second), "--calls", str(calls), "--hold-ms", "-1", "--rtp", "--hangup-at-end",
                                       "--duration-ms", str(int((ramp + self.ask.secs) * 1000)), "--drain-ms", "6000", "--warm-ms", str(int(ramp * 1000))], ramp, self.ask.secs)
            load = run["load"]
            cost = 1000 * run["cpu_s"] / run["window_s"] / calls
            heard = load["jitter_uac"]["n"] / (calls * 50 * self.ask.secs)
            self.note("W2S-200", cost)
            self.note("W2S-200-ms", load["jitter_uac"].get("p99_ms", 0))
            print(f"W2S {calls} calls: {cost:.3f} ms per call-second, {run['failed']} failed, {load['lost_uac']} packets lost, {100 * heard:.0f} % heard, "
                  f"spacing off by p50 {load['jitter_uac'].get('p50_ms')} p99 {load['jitter_uac'].get('p99_ms')} max {load['jitter_uac'].get('max_ms')} ms {self.disturbed(run)}", flush=True)

    def w3(self):
        for agents, waiting in ((50, 50), (200, 1000)):
            callers = agents + waiting
            per_second = max(20, callers / 8, 0.75 * agents)
            ramp = callers / (per_second * 0.6) + 3
            # The large one without sound: it is the queue that is measured, and the load tool has one core.
            sound = ["--rtp"] if callers <= 200 else []
            for _ in range(self.ask.reps):
                run = self.run(f"W3-{agents}-{waiting}", ["--mode", "both", "--ext", f"3{agents:03d}", "--rate", str(per_second), "--calls", "1000000",
                                                          "--max-concurrent", str(callers), "--hold-ms", "-1", "--agents", str(agents), "--talk-ms", "2000",
                                                          "--duration-ms", str(int((ramp + self.ask.secs) * 1000)), "--hangup-at-end", "--drain-ms", "6000",
                                                          "--warm-ms", str(int(ramp * 1000))] + sound, ramp, self.ask.secs)
                free = run["load"].get("dispatch", {})
                given = free.get("n", 0) / self.ask.secs
                self.note(f"W3-{agents}-{waiting}", (free.get("p50_ms", 0), free.get("p99_ms", 0)))
                self.note(f"W3-{agents}-{waiting}-rate", given)
                print(f"W3 {agents} agents, {waiting} waiting: {given:.1f} of {agents / 2:.0f} calls a second, free to next INVITE p50 {free.get('p50_ms')} p99 "
                      f"{free.get('p99_ms')} max {free.get('max_ms')} ms, {100 * run['cpu_s'] / run['window_s']:.1f} % CPU, {run['failed']} failed {self.disturbed(run)}", flush=True)

    def w4(self):
        pairs, per_second = 100, 40
        ramp = pairs / per_second + 2
        for _ in range(self.ask.reps):
            run = self.run("W4-100", ["--mode", "both", "--ext", "401", "--rate", str(per_second), "--calls", str(pairs), "--hold-ms", "-1", "--rtp", "--hangup-at-end",
                                      "--duration-ms", str(int((ramp + self.ask.secs) * 1000)), "--drain-ms", "6000", "--warm-ms", str(int(ramp * 1000))], ramp, self.ask.secs)
            load = run["load"]
            cost, relay = 1000 * run["cpu_s"] / run["window_s"] / pairs, load.get("relay", {})
            self.note("W4-100", cost)
            self.note("W4-100-ms", (relay.get("p50_ms", 0), relay.get("p99_ms", 0)))
            print(f"W4 {pairs} pairs: {cost:.3f} ms per pair-second, {run['failed']} failed, {load.get('lost_uac')}+{load.get('lost_uas')} packets lost, "
                  f"relayed in p50 {relay.get('p50_ms')} p99 {relay.get('p99_ms')} ms {self.disturbed(run)}", flush=True)

    def w5(self):
        for calls in (500, 2000):
            # A fresh process for each: memory that a former run left to the allocator would make this one cheaper.
            self.exchange.stop()
            self.exchange = Exchange(self.ask.core)
            per_second = 50
            ramp = calls / per_second + 4
            run = self.run(f"W5-{calls}", ["--ext", "501", "--rate", str(per_second), "--calls", str(calls), "--hold-ms", "-1", "--hangup-at-end",
                                           "--duration-ms", str(int((ramp + 8) * 1000)), "--drain-ms", "8000"], ramp, 5)
            kb = (run["rss_kb"] - run["rss0_kb"]) / max(1, run["load"]["answered"])
            self.note(f"W5-{calls}", kb)
            print(f"W5 {calls} calls: {kb:.1f} KB a call ({run['rss0_kb']} -> {run['rss_kb']} KB, {run['threads']} threads), {run['failed']} failed, "
                  f"{100 * run['cpu_s'] / run['window_s']:.1f} % CPU", flush=True)

    def reg(self):
        phones, rate = 10_000, 5_000
        house = OUT + "/lab"
        shutil.rmtree(house, ignore_errors=True)
        shutil.copytree(HOUSE + "/tests/lab", house)
        with open(house + "/extensions.yaml", "a") as file:
            file.writelines(f"  {user}: {{password: pw{user}}}\n" for user in range(100_000, 100_000 + phones))
        for how in ("same", "move"):
            self.exchange.stop()
            self.exchange = Exchange(self.ask.core, house)
            for _ in range(self.ask.reps):
                command = favoured(self.ask.load_core) + [sys.executable, HERE + "/phones.py", self.exchange.target, LOCAL, str(phones), str(rate),
                                                          str(self.ask.secs), "pw"] + ([how] if how == "move" else [])
                load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
                bound = json.loads(load.stdout.readline())["bound"]
                cpu0, threads0, at0 = self.exchange.cpu(), self.exchange.threads(), time.monotonic()
                heard = json.loads(load.stdout.readline())
                load.wait()
                time.sleep(0.3)   # the last commits
                spent = self.exchange.cpu() - cpu0 - self.idle * (time.monotonic() - at0)
                threads = {name: used - threads0.get(name, 0) for name, used in self.exchange.threads().items()}
                told = max(1, heard["answered"])
                self.note(f"REG-{how}", 1e6 * spent / told)
                self.note(f"REG-{how}-ms", (heard["reg200"]["p50_ms"], heard["reg200"]["p99_ms"]))
                parts = ", ".join(f"{name} {1e6 * used / told:.1f}" for name, used in sorted(threads.items(), key=lambda it: -it[1]) if used > 0.02)
                print(f"REG {rate}/s, {how}: {1e6 * spent / told:.1f} us each ({parts}), {bound} bound, {heard['answered']} answered, {heard['challenged']} of them "
                      f"challenged, failed {heard['fails']}, in p50 {heard['reg200']['p50_ms']} p99 {heard['reg200']['p99_ms']} ms, {self.exchange.memory()[0]} KB", flush=True)

    @staticmethod
    def disturbed(run):
        return f"(disturbed for {run['disturbed_s']} s by other real-time processes)" if run["disturbed_s"] else ""

    def table(self):
        lines = ["| figure | unit | Centrala | Asterisk 22.10 | FreeSWITCH 1.10.12 | goal |", "|---|---|---|---|---|---|"]
        for row, (what, unit, asterisk, freeswitch, goal) in ROWS.items():
            values = self.figures.get(row)
            lines.append(f"| {what} | {unit} | {shown(values) if values else '-'} | {asterisk} | {freeswitch} | {goal} |")
        return "\n".join(lines) + "\n"


def shown(values):
    """The median of the runs."""
    if isinstance(values[0], tuple):
        return "/".join(f"{statistics.median(part):.2f}" for part in zip(*values))
    middle = statistics.median(values)
    return f"{middle:.0f}" if middle >= 100 else f"{middle:.1f}" if middle >= 10 else f"{middle:.3f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--secs", type=float, default=10, help="the measured window of a run")
    parser.add_argument("--work", default="W1,W2S,W3,W4,W5,REG")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--load-core", type=int, default=1 if (os.cpu_count() or 1) > 1 else 0)
    ask = parser.parse_args()
    for program in (EXCHANGE, LOAD):
        if not os.path.exists(program):
            raise SystemExit(f"{program} is missing: run `make bench`")
    bench = Bench(ask)
    works = {"W1": bench.w1, "W2S": bench.w2s, "W3": bench.w3, "W4": bench.w4, "W5": bench.w5, "REG": bench.reg}
    try:
        for work in ask.work.split(","):
            if work not in works:
                raise SystemExit(f"no work {work}: {', '.join(works)}")
            works[work]()
    finally:
        bench.exchange.stop()
    table = bench.table()
    with open(OUT + "/table.md", "w") as file:
        file.write(table)
    print("\n" + table)


if __name__ == "__main__":
    sys.exit(main())
