// The nouns of the page: conversations as trees of messages, their settings, and what the server sends.

export type Role = "user" | "assistant" | "tool";

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

// As the server's last chunk tells them.
export interface Timings {
  prompt_n: number;
  cached_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
  predicted_per_second: number;
}

export interface Usage {
  prompt: number;
  completion: number;
}

// "stopped" is the user's doing, "interrupted" a page that went away or a connection that broke.
export type Finish = "stop" | "length" | "tool_calls" | "content_filter" | "stopped" | "interrupted" | "error";

export interface Message {
  id: string;
  parent: string | null;
  role: Role;
  content: string;
  created: number;
  reasoning?: string;
  toolCalls?: ToolCall[];
  toolCallId?: string;
  model?: string;
  finish?: Finish;
  error?: string;
  timings?: Timings;
  usage?: Usage;
}

export interface Sampling {
  temperature: number | null;
  top_p: number | null;
  top_k: number | null;
  min_p: number | null;
  max_tokens: number | null;
  seed: number | null;
  stop: string[];
}

export type OutputKind = "text" | "json_object" | "json_schema" | "regex" | "grammar";

export interface Output {
  kind: OutputKind;
  schema: string;
  regex: string;
  grammar: string;
}

export interface Tools {
  on: boolean;
  definitions: string;
  choice: "auto" | "required" | "none";
}

// All that shapes an answer beside the messages; a new conversation begins with a copy of the last one's.
export interface Setup {
  model: string;
  system: string;
  sampling: Sampling;
  output: Output;
  tools: Tools;
}

export interface Conversation {
  id: string;
  title: string;
  created: number;
  updated: number;
  leaf: string | null;                   // the last message of the path that is shown
  messages: Record<string, Message>;
  setup: Setup;
}

// GET /v1/models
export interface ModelInfo {
  id: string;
  hearth?: { context?: number; state?: string; adapters?: unknown[] };
}

// GET /hearth/status
export interface ModelStatus {
  id: string;
  state: string;
  weights_bytes: number;
  kv_bytes: number;
  kv_pages_used: number;
  kv_pages_total: number;
  context: number;
  running: number;
  waiting: number;
  cached_tokens_hit: number;
  prompt_tokens: number;
  generated_tokens: number;
}

export interface Status {
  version: string;
  uptime_s: number;
  models: ModelStatus[];
  memory: { resident_bytes: number; budget_bytes: number };
  tokens_per_s: { prompt: number; generated: number };
  network: string;
}

// GET /hearth/traces
export interface Span {
  name: string;
  start_ms: number;
  end_ms: number;
  tokens?: number;
}

export interface Trace {
  id: string;
  model: string;
  arrived_ms: number;
  queue_ms: number;
  prefill_ms: number;
  decode_ms: number;
  prompt_tokens: number;
  cached_tokens: number;
  generated_tokens: number;
  finish: string | null;
  spans: Span[];
}
