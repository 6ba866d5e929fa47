// Folds the chunks of a stream into one growing answer; what a server should not send is ignored or named.
import type { Finish, Timings, ToolCall, Usage } from "./types";

export interface Answer {
  content: string;
  reasoning: string;
  toolCalls: ToolCall[];
  pieces: number;                        // deltas with text: close to tokens while the true count is unknown
  finish: Finish | null;
  timings: Timings | null;
  usage: Usage | null;
  error: string | null;
}

export function emptyAnswer(): Answer {
  return { content: "", reasoning: "", toolCalls: [], pieces: 0, finish: null, timings: null, usage: null, error: null };
}

const kFinishes: Finish[] = ["stop", "length", "tool_calls", "content_filter"];

type Loose = Record<string, unknown>;
const asObject = (value: unknown): Loose => (typeof value === "object" && value !== null ? (value as Loose) : {});
const asText = (value: unknown): string => (typeof value === "string" ? value : "");
const asNumber = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

export function errorText(body: unknown, fallback: string): string {
  const error = asObject(body)["error"];
  const text = typeof error === "string" ? error : asText(asObject(error)["message"]);
  return text === "" ? fallback : text;
}

function addCalls(answer: Answer, deltas: unknown): void {
  if (!Array.isArray(deltas)) return;
  for (const [place, item] of deltas.entries()) {
    const delta = asObject(item);
    const index = typeof delta["index"] === "number" ? delta["index"] : place;
    if (!Number.isInteger(index) || index < 0 || index > answer.toolCalls.length) continue;
    const made = asObject(delta["function"]);
    const call = (answer.toolCalls[index] ??= { id: "", name: "", arguments: "" });
    call.id ||= asText(delta["id"]) || `call_${index}`;
    call.name += asText(made["name"]);
    call.arguments += asText(made["arguments"]);
  }
}

function readTimings(value: unknown): Timings | null {
  if (typeof value !== "object" || value === null) return null;
  const from = value as Loose;
  return {
    prompt_n: asNumber(from["prompt_n"]), cached_n: asNumber(from["cached_n"]), prompt_ms: asNumber(from["prompt_ms"]),
    predicted_n: asNumber(from["predicted_n"]), predicted_ms: asNumber(from["predicted_ms"]),
    predicted_per_second: asNumber(from["predicted_per_second"]),
  };
}

function readUsage(value: unknown): Usage | null {
  if (typeof value !== "object" || value === null) return null;
  const from = value as Loose;
  return { prompt: asNumber(from["prompt_tokens"]), completion: asNumber(from["completion_tokens"]) };
}

// One event's data; true when the stream is done.
export function addEvent(answer: Answer, data: string): boolean {
  if (data.trim() === "[DONE]") return true;
  let chunk: Loose;
  try {
    chunk = asObject(JSON.parse(data));
  } catch {
    answer.error = "The server sent something that is not JSON.";
    return true;
  }
  if (chunk["error"] !== undefined && chunk["error"] !== null) {
    answer.error = errorText(chunk, "The server reported an error.");
    return true;
  }
  const choices = chunk["choices"];
  const choice = asObject(Array.isArray(choices) ? choices[0] : null);
  const delta = asObject(choice["delta"]);
  const content = asText(delta["content"]);
  const reasoning = asText(delta["reasoning_content"]) || asText(delta["reasoning"]);
  answer.content += content;
  answer.reasoning += reasoning;
  addCalls(answer, delta["tool_calls"]);
  if (content !== "" || reasoning !== "" || delta["tool_calls"]) answer.pieces += 1;
  const finish = kFinishes.find((known) => known === choice["finish_reason"]);
  if (finish) answer.finish = finish;
  answer.timings = readTimings(chunk["timings"]) ?? answer.timings;
  answer.usage = readUsage(chunk["usage"]) ?? answer.usage;
  return false;
}
