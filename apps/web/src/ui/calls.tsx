// Tool calls of an answer, and the form in which a person plays the tool.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { giveResults } from "../actions";
import { parseJson } from "../core/request";
import type { Message, ToolCall } from "../core/types";
import { Icon } from "./icons";

function pretty(text: string): string {
  const parsed = parseJson(text);
  return parsed.ok ? JSON.stringify(parsed.value, null, 2) : text;
}

interface CallProps {
  call: ToolCall;
  result: string | null;
  asks: boolean;
  typed: string;
  type: (text: string) => void;
}

function Call({ call, result, asks, typed, type }: CallProps): JSX.Element {
  const id = "result-" + call.id;
  return (
    <div class="call">
      <div class="call-head"><Icon name="tool" size={16} /><span class="sr">Calls the tool </span><strong>{call.name || "…"}</strong></div>
      <pre tabIndex={0} aria-label={`Arguments of ${call.name}`}>{pretty(call.arguments) || "…"}</pre>
      {result !== null && <div class="call-result"><span class="label">Result</span><pre tabIndex={0} aria-label={`Result of ${call.name}`}>{result}</pre></div>}
      {asks && (
        <div class="call-result">
          <label class="label" for={id}>What does {call.name} answer?</label>
          <textarea id={id} class="code-input" rows={2} value={typed} placeholder='{"ok": true}'
            onInput={(event) => type(event.currentTarget.value)} />
        </div>
      )}
    </div>
  );
}

export function Calls({ message, results, live, busy }: { message: Message; results: Message[]; live: boolean; busy: boolean }): JSX.Element {
  const [typed, setTyped] = useState<Record<string, string>>({});
  const given = new Map(results.map((result) => [result.toolCallId ?? "", result.content]));
  const calls = message.toolCalls ?? [];
  const open = calls.filter((call) => !given.has(call.id));
  const asks = !live && message.finish !== "error" && open.length > 0;
  const send = (event: Event) => {
    event.preventDefault();
    giveResults(new Map(open.map((call) => [call.id, typed[call.id] ?? ""])));
  };
  return (
    <form class="calls" onSubmit={send}>
      {calls.map((call) => (
        <Call key={call.id} call={call} result={given.get(call.id) ?? null} asks={asks && !given.has(call.id)}
          typed={typed[call.id] ?? ""} type={(text) => setTyped({ ...typed, [call.id]: text })} />
      ))}
      {asks && <div class="row end"><button type="submit" class="primary" disabled={busy}>Send {open.length > 1 ? "results" : "result"}</button></div>}
    </form>
  );
}
