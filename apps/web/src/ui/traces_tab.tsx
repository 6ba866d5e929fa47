// Where each request's time went: waiting, reading the prompt, writing the answer.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { clock, count, duration, rate } from "../core/format";
import { rows, sentence, type Row } from "../core/timeline";
import { refreshTraces } from "../live";
import { traces } from "../state";

const kParts = [["queue", "Queue"], ["prefill", "Prefill"], ["decode", "Decode"]] as const;

function perSecond(tokens: number, ms: number): string {
  return ms > 0 && tokens > 0 ? `, ${rate(tokens / (ms / 1000))}/s` : "";
}

function Details({ row }: { row: Row }): JSX.Element {
  const { trace } = row;
  const fresh = trace.prompt_tokens - trace.cached_tokens;
  return (
    <dl class="trace-facts">
      <div><dt>Queue</dt><dd>{duration(trace.queue_ms)}</dd></div>
      <div><dt>Prefill</dt><dd>{duration(trace.prefill_ms)} · {count(fresh)} tokens{perSecond(fresh, trace.prefill_ms)}{trace.cached_tokens > 0 && `, ${count(trace.cached_tokens)} from the cache`}</dd></div>
      <div><dt>Decode</dt><dd>{duration(trace.decode_ms)} · {count(trace.generated_tokens)} tokens{perSecond(trace.generated_tokens, trace.decode_ms)}</dd></div>
      <div><dt>Ended by</dt><dd>{trace.finish ?? "still running"}</dd></div>
      <div><dt>Request</dt><dd class="mono">{trace.id}</dd></div>
    </dl>
  );
}

function TraceRow({ row }: { row: Row }): JSX.Element {
  const [open, setOpen] = useState(false);
  const { trace } = row;
  return (
    <li class="trace">
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="trace-head"><b>{clock(trace.arrived_ms)}</b><span class="trace-model">{trace.model}</span><span>{trace.finish === null && "running, "}{duration(row.total)}</span></span>
        <span class="sr">{sentence(row)}</span>
        <span class="track" aria-hidden="true">
          {row.bars.map((bar, at) => (
            <i key={at} class={"bar-" + bar.name} style={{ left: `${bar.left}%`, width: `${bar.width}%` }} title={`${bar.name}: ${duration(bar.ms)}`} />
          ))}
        </span>
      </button>
      {open && <Details row={row} />}
    </li>
  );
}

export function TracesTab(): JSX.Element {
  const [own, setOwn] = useState(false);
  useEffect(() => {
    void refreshTraces();
    const timer = setInterval(() => void refreshTraces(), 2000);
    return () => clearInterval(timer);
  }, []);
  const list = traces.value;
  if (list === null) return <p class="help lead">Reading the last requests…</p>;
  if (list.length === 0) return <p class="help lead">No requests yet. Each one you send appears here with its timeline.</p>;
  return (
    <>
      <p class="help lead">The last {list.length === 1 ? "request" : `${list.length} requests`} of this server, newest first.</p>
      <div class="row between legend-row">
        <div class="legend">
          {kParts.map(([name, label]) => <span key={name} class={"part-" + name}>{label}</span>)}
        </div>
        <label class="switch small"><input type="checkbox" role="switch" checked={own} onChange={(event) => setOwn(event.currentTarget.checked)} /><span>Full width each</span></label>
      </div>
      <ol class="traces">
        {rows(list, own).map((row) => <TraceRow key={row.trace.id} row={row} />)}
      </ol>
    </>
  );
}
