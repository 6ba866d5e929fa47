#!/usr/bin/env python3
"""A race of `hearth bench` against llama.cpp on the same files: alternating runs, the median of the pairs, probes around them.

    bench/race.py --llama-bench PATH model.gguf [more.gguf ...]      a llama-bench you built or installed
    bench/race.py --node FOLDER model.gguf                           a folder where `npm install node-llama-cpp` was run

Every pair is one run of each side, which begins alternates. A machine that slows down slows both sides of a pair; so the ratio
of a pair is what is compared, and the probes before and after say what the machine gave. Standard library only.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# One timed test after a warm-up, through node-llama-cpp; prints tokens a second. argv: model, prompt, generated, threads.
NODE_RUN = """
import {getLlama, LlamaLogLevel} from "node-llama-cpp";
const [modelPath, prompt, generated, threads] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath, gpuLayers: 0});
const contextSize = Math.max(prompt, generated) + 16;
const context = await model.createContext({contextSize, batchSize: 512, threads});
const sequence = context.getSequence();
const ids = Array.from({length: prompt}, (_, i) => 100 + (i * 7919) % 20000);
async function run() {
  await sequence.clearHistory();
  const start = performance.now();
  if (prompt > 0) await sequence.evaluateWithoutGeneratingNewTokens(ids);
  let left = generated;
  if (left > 0) for await (const id of sequence.evaluate([100], {temperature: 0, yieldEogToken: true})) if (--left <= 0) break;
  return 1000 * (prompt + generated) / (performance.now() - start);
}
await run();
console.log(await run());
process.exit(0);
"""


def fail(text):
    sys.exit(f"race: {text}")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        last = next((line for line in lines if "rror" in line), lines[-1])
        fail(f"{Path(command[0]).name} ended with {done.returncode}: {last}; command: {shlex.join(command)[:300]}")
    return done.stdout


class Bench:
    """A program with llama-bench's flags and JSON: llama-bench itself, ik_llama.cpp's, `hearth bench`."""

    def __init__(self, name, command, extra):
        self.name, self.command, self.extra = name, command, extra

    def rate(self, model, test, threads):
        prompt, generated = test
        out = run([*self.command, "-m", str(model), "-p", str(prompt), "-n", str(generated), "-t", str(threads), "-r", "1", "-o", "json",
                   *self.extra])
        for row in json.loads(out[out.index("["):]):
            if (row["n_prompt"], row["n_gen"]) == (prompt, generated):
                return float(row["avg_ts"])
        fail(f"{self.name}: no row of {prompt} and {generated} tokens in its answer")


class Node:
    name = "node-llama-cpp"

    def __init__(self, folder):
        self.folder = folder

    def rate(self, model, test, threads):
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".mjs") as script:       # beside node_modules, to find it
            script.write(NODE_RUN)
            script.flush()
            command = ["node", script.name, str(Path(model).resolve()), *map(str, test), str(threads)]
            return float(run(command).strip().splitlines()[-1])


def name_of(test):
    return f"pp{test[0]}" if test[0] else f"tg{test[1]}"


def idle_share(seconds):
    """How much of all CPUs nobody used, from /proc/stat; 1 where there is none."""
    def ticks():
        with open("/proc/stat") as stat:
            numbers = [int(word) for word in stat.readline().split()[1:]]
        return numbers[3] + numbers[4], sum(numbers)
    try:
        first = ticks()
        time.sleep(seconds)
        last = ticks()
        return (last[0] - first[0]) / max(1, last[1] - first[1])
    except (OSError, IndexError, ValueError):
        return 1


def wait_for_quiet(most_seconds):
    end = time.monotonic() + most_seconds
    while time.monotonic() < end and idle_share(0.5) < 0.95:
        pass


def probe(hearth, threads):
    return json.loads(run([hearth, "doctor", "--json", "--probe", "-t", str(threads)]))["probe"]


def probe_text(when, probe_now):
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    return (f"{when}: {probe_now['read_bytes'] / 1e9:.1f} GB/s, byte dots {probe_now['dots'] / 1e9:.0f} Gop/s, "
            f"f32 fma {probe_now['floats'] / 1e9:.0f} Gop/s, load {load}")


def race(ours, theirs, model, test, threads, pairs, wait):
    """[(our rate, their rate)], the one that begins alternating."""
    rates = []
    for i in range(pairs):
        wait_for_quiet(wait)
        order = [ours, theirs] if i % 2 == 0 else [theirs, ours]
        of = {side.name: side.rate(model, test, threads) for side in order}
        rates.append((of[ours.name], of[theirs.name]))
        print(f"  {Path(model).name} {name_of(test)} pair {i + 1}/{pairs}: {rates[-1][0]:.2f} / {rates[-1][1]:.2f}", file=sys.stderr)
    return rates


def row_of(model, test, threads, theirs, rates):
    ratios = sorted(a / b for a, b in rates)
    return {"model": Path(model).stem, "test": name_of(test), "threads": threads, "against": theirs.name, "pairs": len(rates),
            "hearth": statistics.median(a for a, _ in rates), "other": statistics.median(b for _, b in rates),
            "ratio": statistics.median(ratios), "least": ratios[0], "most": ratios[-1], "rates": rates}


def print_table(rows):
    print("| model | test | threads | against | Hearth t/s | theirs t/s | ratio of pairs: median (least to most) | pairs |")
    print("| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print(f"| {row['model']} | {row['test']} | {row['threads']} | {row['against']} | {row['hearth']:.1f} | {row['other']:.1f} "
              f"| **{row['ratio']:.2f}×** ({row['least']:.2f} to {row['most']:.2f}) | {row['pairs']} |")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="GGUF files; both sides read the same")
    parser.add_argument("--hearth", default=str(ROOT / "build" / "hearth"), help="default: build/hearth")
    parser.add_argument("--hearth-flags", default="", metavar="FLAGS", help="for hearth alone, as '--target x86-64-v3'")
    parser.add_argument("--llama-bench", action="append", default=[], metavar="[NAME=]PATH[ FLAGS]",
                        help="a llama-bench, perhaps with a name and its own flags: 'ik=/path/llama-bench -rtr 1'; may be repeated")
    parser.add_argument("--node", metavar="FOLDER", help="race node-llama-cpp as installed in FOLDER")
    parser.add_argument("-p", type=int, nargs="*", default=[512], help="prompt lengths (default 512)")
    parser.add_argument("-n", type=int, nargs="*", default=[128], help="tokens to generate (default 128)")
    parser.add_argument("-t", type=int, nargs="+", default=[os.cpu_count() or 1], help="threads (default: all)")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="let other work end before each pair, so long at most")
    parser.add_argument("--json", metavar="FILE", help="all rates, too")
    return parser.parse_args()


def others(args):
    sides = []
    for text in args.llama_bench:
        name, mark, rest = text.partition("=")
        if not mark or "/" in name:
            name, rest = "llama.cpp", text
        words = shlex.split(rest)
        if not words or not os.access(words[0], os.X_OK):
            fail(f"--llama-bench '{text}': '{words[0] if words else ''}' is no program, want the path of a llama-bench")
        sides.append(Bench(name, words[:1], words[1:]))
    if args.node:
        if not (Path(args.node) / "node_modules" / "node-llama-cpp").is_dir():
            fail(f"--node '{args.node}': node-llama-cpp is not installed there; run `npm install node-llama-cpp` in it")
        sides.append(Node(args.node))
    if not sides:
        fail("nobody to race, want --llama-bench PATH or --node FOLDER")
    return sides


def main():
    args = arguments()
    if not os.access(args.hearth, os.X_OK):
        fail(f"'{args.hearth}' is no program; build it or name another with --hearth")
    for model in args.models:
        if not Path(model).is_file():
            fail(f"'{model}' is no file")
    ours, sides = Bench("hearth", [args.hearth, "bench"], shlex.split(args.hearth_flags)), others(args)
    tests = [(p, 0) for p in args.p if p > 0] + [(0, n) for n in args.n if n > 0]
    rows, notes = [], []
    for model in args.models:
        ours.rate(model, (8, 0), args.t[0])                      # bakes it into the cache
        for threads in args.t:
            for test in tests:
                for theirs in sides:
                    before = probe_text("before", probe(args.hearth, threads))
                    rows.append(row_of(model, test, threads, theirs, race(ours, theirs, model, test, threads, args.pairs, args.wait)))
                    after = probe_text("after", probe(args.hearth, threads))
                    notes.append(f"- {Path(model).stem} {name_of(test)}, {threads} threads, {theirs.name}: {before}; {after}")
    print_table(rows)
    print("\nWhat the machine gave (" + time.strftime("%Y-%m-%d") + "):\n\n" + "\n".join(notes))
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
