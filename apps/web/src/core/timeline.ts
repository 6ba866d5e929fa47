// From a request's trace to the bars of its picture.
import type { Span, Trace } from "./types";

export interface Bar {
  name: string;
  left: number;                          // percent of the row
  width: number;
  ms: number;
  tokens: number | null;
}

export interface Row {
  trace: Trace;
  total: number;                         // ms from arrival to the last token
  bars: Bar[];
}

const kNames = ["queue", "prefill", "decode"] as const;
const kLeastWidth = 0.4;

function spansOf(trace: Trace): Span[] {
  if (trace.spans?.length) return trace.spans.filter((span) => span.end_ms >= span.start_ms && span.start_ms >= 0);
  let at = 0;
  const lengths = { queue: trace.queue_ms, prefill: trace.prefill_ms, decode: trace.decode_ms };
  return kNames.map((name) => {
    const start_ms = at;
    at += Math.max(0, lengths[name] || 0);
    return { name, start_ms, end_ms: at };
  });
}

export function totalOf(trace: Trace): number {
  return Math.max(0, ...spansOf(trace).map((span) => span.end_ms));
}

// Newest first. Rows share one scale, so that a long request looks long; `own` gives each row the whole width.
export function rows(traces: Trace[], own: boolean): Row[] {
  const sorted = [...traces].sort((a, b) => b.arrived_ms - a.arrived_ms);
  const longest = Math.max(1e-6, ...sorted.map(totalOf));
  return sorted.map((trace) => {
    const total = totalOf(trace);
    const scale = 100 / (own ? Math.max(total, 1e-6) : longest);
    const bars = spansOf(trace).map((span) => {
      const ms = span.end_ms - span.start_ms;
      const width = ms > 0 ? Math.max(kLeastWidth, ms * scale) : 0;
      const left = Math.min(span.start_ms * scale, 100 - width);
      return { name: kNames.find((name) => name === span.name) ?? "other", left, width, ms, tokens: span.tokens ?? null };
    });
    return { trace, total, bars: bars.filter((bar) => bar.width > 0) };
  });
}

// One sentence for those who do not see the picture.
export function sentence(row: Row): string {
  const { trace } = row;
  const part = (name: string, ms: number) => `${name} ${Math.round(ms)} milliseconds`;
  return `${trace.model}: ${part("queue", trace.queue_ms)}, ${part("prefill", trace.prefill_ms)} for ` +
    `${trace.prompt_tokens} tokens of which ${trace.cached_tokens} cached, ${part("decode", trace.decode_ms)} for ` +
    `${trace.generated_tokens} tokens; finish: ${trace.finish ?? "running"}`;
}
