// The SSE parser, whole and cut at every byte.
import { describe, expect, it } from "vitest";
import { SseParser, type ServerEvent } from "../src/core/sse";

const bytes = (text: string) => new TextEncoder().encode(text);

function parse(all: Uint8Array, cuts: number[]): ServerEvent[] {
  const parser = new SseParser();
  const found: ServerEvent[] = [];
  let from = 0;
  for (const to of [...cuts, all.length]) {
    found.push(...parser.push(all.subarray(from, to)));
    from = to;
  }
  return [...found, ...parser.end()];
}

describe("SseParser", () => {
  const stream = ': hello\r\n\r\ndata: {"a":"ü😀"}\n\nevent: error\rdata: one\rdata:two\r\rid: 7\r\ndata: [DONE]\r\n\r\n';
  const want = [
    { event: "message", data: '{"a":"ü😀"}' },
    { event: "error", data: "one\ntwo" },
    { event: "message", data: "[DONE]" },
  ];

  it("reads LF, CR and CRLF, comments, names and data of several lines", () => {
    expect(parse(bytes(stream), [])).toEqual(want);
  });

  it("gives the same events wherever the bytes break", () => {
    const all = bytes(stream);
    for (let cut = 1; cut < all.length; ++cut) expect(parse(all, [cut]), `cut at ${cut}`).toEqual(want);
    expect(parse(all, Array.from({ length: all.length - 1 }, (_, at) => at + 1))).toEqual(want);
  });

  it("delivers a last event without its blank line, and nothing for a line without data", () => {
    expect(parse(bytes("data: end"), [])).toEqual([{ event: "message", data: "end" }]);
    expect(parse(bytes("event: ping\n\n"), [])).toEqual([]);
  });
});
