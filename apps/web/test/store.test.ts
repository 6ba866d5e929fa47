// The database, the timelines and the numbers.
import { IDBFactory } from "fake-indexeddb";
import { describe, expect, it } from "vitest";
import { bytes, dayGroup, duration, rate } from "../src/core/format";
import { defaultSetup } from "../src/core/request";
import { rows, sentence } from "../src/core/timeline";
import type { Conversation, Trace } from "../src/core/types";
import { Database } from "../src/data/db";

const conversation = (id: string): Conversation => ({
  id, title: "t " + id, created: 1, updated: 2, leaf: "m", setup: defaultSetup(),
  messages: { m: { id: "m", parent: null, role: "user", content: "hi", created: 1 } },
});

describe("Database", () => {
  it("keeps conversations from one opening to the next", async () => {
    const factory = new IDBFactory();
    const first = await Database.open(factory);
    await first.put(conversation("a"));
    await first.put(conversation("b"));
    await first.put({ ...conversation("a"), title: "new" });
    const second = await Database.open(factory);
    expect((await second.all()).map((found) => found.title)).toEqual(["new", "t b"]);
    expect(await second.get("b")).toEqual(conversation("b"));
    await second.remove("a");
    expect(await first.get("a")).toBeNull();
    await first.clear();
    expect(await second.all()).toEqual([]);
  });

  it("works without one", async () => {
    const none = await Database.open(undefined);
    await none.put(conversation("a"));
    expect(none.lasting).toBe(false);
    expect(await none.all()).toEqual([]);
    const broken = await Database.open({ open: () => { throw new Error("refused"); } } as unknown as IDBFactory);
    expect(broken.lasting).toBe(false);
  });
});

describe("timelines", () => {
  const trace = (id: string, arrived_ms: number, scale: number): Trace => ({
    id, model: "m", arrived_ms, queue_ms: 10 * scale, prefill_ms: 30 * scale, decode_ms: 60 * scale, prompt_tokens: 9, cached_tokens: 4,
    generated_tokens: 5, finish: "stop", spans: [],
  });

  it("stand newest first, on one scale or each on its own", () => {
    const shared = rows([trace("old", 1, 2), trace("new", 2, 1)], false);
    expect(shared.map((row) => row.trace.id)).toEqual(["new", "old"]);
    expect(shared[0]!.bars.map((bar) => [bar.name, bar.left, bar.width])).toEqual([["queue", 0, 5], ["prefill", 5, 15], ["decode", 20, 30]]);
    expect(rows([trace("a", 1, 1)], true)[0]!.bars.at(-1)).toMatchObject({ left: 40, width: 60 });
    expect(sentence(shared[0]!)).toContain("prefill 30 milliseconds for 9 tokens of which 4 cached");
  });

  it("uses the spans that are given and drops those that make no sense", () => {
    const spans = [{ name: "prefill", start_ms: 0, end_ms: 10 }, { name: "decode", start_ms: 10, end_ms: 5 }, { name: "<b>", start_ms: 10, end_ms: 20 }];
    const [row] = rows([{ ...trace("a", 1, 1), spans }], false);
    expect(row!.bars.map((bar) => bar.name)).toEqual(["prefill", "other"]);
    for (const bar of row!.bars) expect(bar.left + bar.width).toBeLessThanOrEqual(100.0001);
    expect(rows([{ ...trace("z", 1, 0) }], true)[0]!.bars).toEqual([]);
  });
});

describe("numbers", () => {
  it("read as people say them", () => {
    expect([bytes(0), bytes(5e5), bytes(2.14e9), bytes(32e9)]).toEqual(["0 MB", "1 MB", "2.1 GB", "32 GB"]);
    expect([rate(3.14159), rate(412.4), rate(NaN)]).toEqual(["3.1", "412", "0"]);
    expect([duration(3.21), duration(250), duration(1330), duration(125_000)]).toEqual(["3.2 ms", "250 ms", "1.33 s", "2 min 5 s"]);
    const noon = new Date(2026, 4, 20, 12).getTime();
    expect([0, 1, 3, 30].map((days) => dayGroup(noon - days * 86_400_000, noon))).toEqual(["Today", "Yesterday", "This week", "Earlier"]);
  });
});
