// Conversations to a file and back. A file may come from anywhere: only what is understood is taken.
import { defaultSetup, type Outcome } from "./request";
import { newId, newestLeaf } from "./tree";
import type { Conversation, Finish, Message, OutputKind, Role, Setup, ToolCall } from "./types";

const kFormat = "hearth-conversations";
const kVersion = 1;
const kMostText = 20_000_000;
const kRoles: Role[] = ["user", "assistant", "tool"];
const kFinishes: Finish[] = ["stop", "length", "tool_calls", "content_filter", "stopped", "interrupted", "error"];
const kOutputs: OutputKind[] = ["text", "json_object", "json_schema", "regex", "grammar"];

export function exportText(conversations: Conversation[], now: Date): string {
  return JSON.stringify({ format: kFormat, version: kVersion, exported: now.toISOString(), conversations }, null, 1) + "\n";
}

export function exportName(now: Date): string {
  return `hearth-${now.toISOString().slice(0, 10)}.json`;
}

type Loose = Record<string, unknown>;
const asObject = (value: unknown): Loose | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : null;
const asText = (value: unknown, most = kMostText): string => (typeof value === "string" ? value.slice(0, most) : "");
const asTime = (value: unknown): number => (typeof value === "number" && value > 0 && value < 8.64e15 ? value : Date.now());
const asNumber = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

function readCalls(value: unknown): ToolCall[] {
  if (!Array.isArray(value)) return [];
  return value.map(asObject).filter((call) => call !== null)
    .map((call) => ({ id: asText(call["id"], 200), name: asText(call["name"], 200), arguments: asText(call["arguments"]) }));
}

function readMessage(value: unknown): Message | null {
  const from = asObject(value);
  const role = kRoles.find((known) => known === from?.["role"]);
  if (!from || !role || typeof from["id"] !== "string" || from["id"] === "") return null;
  const message: Message = {
    id: asText(from["id"], 100), parent: typeof from["parent"] === "string" ? asText(from["parent"], 100) : null, role,
    content: asText(from["content"]), created: asTime(from["created"]),
  };
  const calls = readCalls(from["toolCalls"]);
  if (calls.length > 0) message.toolCalls = calls;
  if (from["reasoning"]) message.reasoning = asText(from["reasoning"]);
  if (from["toolCallId"]) message.toolCallId = asText(from["toolCallId"], 200);
  if (from["model"]) message.model = asText(from["model"], 300);
  if (from["error"]) message.error = asText(from["error"], 2000);
  const finish = kFinishes.find((known) => known === from["finish"]);
  if (finish) message.finish = finish;
  const timings = asObject(from["timings"]);
  if (timings) {
    const of = (name: string) => asNumber(timings[name]) ?? 0;
    message.timings = {
      prompt_n: of("prompt_n"), cached_n: of("cached_n"), prompt_ms: of("prompt_ms"), predicted_n: of("predicted_n"),
      predicted_ms: of("predicted_ms"), predicted_per_second: of("predicted_per_second"),
    };
  }
  const usage = asObject(from["usage"]);
  if (usage) message.usage = { prompt: asNumber(usage["prompt"]) ?? 0, completion: asNumber(usage["completion"]) ?? 0 };
  return message;
}

export function readSetup(value: unknown): Setup {
  const setup = defaultSetup();
  const from = asObject(value) ?? {};
  setup.model = asText(from["model"], 300);
  setup.system = asText(from["system"]);
  const sampling = asObject(from["sampling"]) ?? {};
  for (const name of ["temperature", "top_p", "top_k", "min_p", "max_tokens", "seed"] as const) {
    setup.sampling[name] = asNumber(sampling[name]);
  }
  if (Array.isArray(sampling["stop"])) setup.sampling.stop = sampling["stop"].map((text) => asText(text, 1000)).filter(Boolean);
  const output = asObject(from["output"]) ?? {};
  setup.output = {
    kind: kOutputs.find((kind) => kind === output["kind"]) ?? "text",
    schema: asText(output["schema"]), regex: asText(output["regex"]), grammar: asText(output["grammar"]),
  };
  const tools = asObject(from["tools"]) ?? {};
  const choice = (["auto", "required", "none"] as const).find((known) => known === tools["choice"]) ?? "auto";
  setup.tools = { on: tools["on"] === true, definitions: asText(tools["definitions"]), choice };
  return setup;
}

// Drops messages whose way to the root is missing or a circle.
function onlyRooted(messages: Map<string, Message>): Record<string, Message> {
  const rooted = new Set<string>();
  for (const message of messages.values()) {
    const way: string[] = [];
    const seen = new Set<string>();
    let at: Message | undefined = message;
    while (at && !rooted.has(at.id) && !seen.has(at.id)) {
      seen.add(at.id);
      way.push(at.id);
      if (at.parent === null) break;
      at = messages.get(at.parent);
    }
    const arrived = at !== undefined && (rooted.has(at.id) || at.parent === null);
    if (arrived) way.forEach((id) => rooted.add(id));
  }
  return Object.fromEntries([...messages].filter(([id]) => rooted.has(id)));
}

export function readConversation(value: unknown): Conversation | null {
  const from = asObject(value);
  const list = asObject(from?.["messages"]);
  if (!from || !list) return null;
  const messages = new Map<string, Message>();
  for (const item of Object.values(list)) {
    const message = readMessage(item);
    if (message && message.id !== "__proto__") messages.set(message.id, message);
  }
  const kept = onlyRooted(messages);
  const conversation: Conversation = {
    id: asText(from["id"], 100) || newId(), title: asText(from["title"], 200) || "Imported chat",
    created: asTime(from["created"]), updated: asTime(from["updated"]), leaf: null, messages: kept,
    setup: readSetup(from["setup"]),
  };
  const leaf = from["leaf"];
  const first = Object.values(kept).find((message) => message.parent === null);
  if (typeof leaf === "string" && Object.hasOwn(kept, leaf)) conversation.leaf = leaf;
  else if (first) conversation.leaf = newestLeaf(conversation, first.id);
  return conversation;
}

// What of the file is new here: the same conversation at the same time is skipped, another under its id gets a new one.
export function importText(text: string, have: Conversation[]): Outcome<Conversation[]> {
  let file: Loose | null;
  try {
    file = asObject(JSON.parse(text));
  } catch {
    return { ok: false, problem: "This file is not JSON." };
  }
  const list = file?.["conversations"];
  if (file?.["format"] !== kFormat || !Array.isArray(list)) {
    return { ok: false, problem: "This file was not exported by Hearth." };
  }
  if (typeof file["version"] !== "number" || file["version"] > kVersion) {
    return { ok: false, problem: `This file is of version ${String(file["version"])}; this page reads up to ${kVersion}.` };
  }
  const known = new Map(have.map((conversation) => [conversation.id, conversation.updated]));
  const taken: Conversation[] = [];
  for (const item of list) {
    const conversation = readConversation(item);
    if (!conversation || known.get(conversation.id) === conversation.updated) continue;
    if (known.has(conversation.id)) conversation.id = newId();
    known.set(conversation.id, conversation.updated);
    taken.push(conversation);
  }
  return { ok: true, value: taken };
}
