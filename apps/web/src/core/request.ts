// From a conversation to the body of POST /v1/chat/completions, or one line that says what has to be mended first.
import { pathTo } from "./tree";
import type { Conversation, Message, Output, Sampling, Setup, Tools } from "./types";

export type Body = Record<string, unknown>;
export type Outcome<T> = { ok: true; value: T } | { ok: false; problem: string };

export const emptySampling: Sampling = {
  temperature: null, top_p: null, top_k: null, min_p: null, max_tokens: null, seed: null, stop: [],
};

export function defaultSetup(): Setup {
  return {
    model: "",
    system: "",
    sampling: { ...emptySampling, stop: [] },
    output: { kind: "text", schema: "", regex: "", grammar: "" },
    tools: { on: false, definitions: "", choice: "auto" },
  };
}

function toWire(message: Message): Body {
  if (message.role === "tool") {
    return { role: "tool", tool_call_id: message.toolCallId ?? "", content: message.content };
  }
  if (message.role === "user" || !message.toolCalls?.length) return { role: message.role, content: message.content };
  return {
    role: "assistant",
    content: message.content === "" ? null : message.content,
    tool_calls: message.toolCalls.map((call) => ({
      id: call.id, type: "function", function: { name: call.name, arguments: call.arguments },
    })),
  };
}

// An answer that failed before its first word says nothing to the model.
function worthSending(message: Message): boolean {
  return message.role !== "assistant" || message.content !== "" || Boolean(message.toolCalls?.length);
}

export function parseJson(text: string): Outcome<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (problem) {
    return { ok: false, problem: problem instanceof Error ? problem.message : "not JSON" };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Accepts a list or a single tool, as {type, function} or as the bare function.
export function parseTools(text: string): Outcome<Body[]> {
  if (text.trim() === "") return { ok: true, value: [] };
  const parsed = parseJson(text);
  if (!parsed.ok) return { ok: false, problem: `The tools are not JSON: ${parsed.problem}` };
  const list = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  const tools: Body[] = [];
  const names = new Set<string>();
  for (const [at, item] of list.entries()) {
    const made = isObject(item) ? (isObject(item["function"]) ? item["function"] : item) : null;
    const name = made?.["name"];
    if (!made || typeof name !== "string" || !/^[\w-]{1,64}$/.test(name)) {
      return { ok: false, problem: `Tool ${at + 1} needs a "name" of letters, digits, _ and -.` };
    }
    if (made["parameters"] !== undefined && !isObject(made["parameters"])) {
      return { ok: false, problem: `"parameters" of ${name} must be a JSON Schema object.` };
    }
    if (names.has(name)) return { ok: false, problem: `Two tools are called ${name}.` };
    names.add(name);
    tools.push({ type: "function", function: made });
  }
  return { ok: true, value: tools };
}

export function outputFields(output: Output): Outcome<Body> {
  const text = { json_schema: output.schema, regex: output.regex, grammar: output.grammar }[output.kind as "regex"] ?? "";
  if (output.kind === "text") return { ok: true, value: {} };
  if (output.kind === "json_object") return { ok: true, value: { response_format: { type: "json_object" } } };
  if (text.trim() === "") return { ok: false, problem: "The structured output is chosen but empty. Fill it in, or choose Free text." };
  if (output.kind === "regex") return { ok: true, value: { regex: text } };
  if (output.kind === "grammar") return { ok: true, value: { grammar: text } };
  const schema = parseJson(text);
  if (!schema.ok) return { ok: false, problem: `The schema is not JSON: ${schema.problem}` };
  if (!isObject(schema.value)) return { ok: false, problem: "The schema must be a JSON object." };
  const format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema: schema.value } };
  return { ok: true, value: { response_format: format } };
}

function samplingFields(sampling: Sampling): Body {
  const fields: Body = {};
  for (const name of ["temperature", "top_p", "top_k", "min_p", "max_tokens", "seed"] as const) {
    if (sampling[name] !== null) fields[name] = sampling[name];
  }
  if (sampling.stop.length > 0) fields["stop"] = sampling.stop;
  return fields;
}

function toolFields(tools: Tools): Outcome<Body> {
  if (!tools.on) return { ok: true, value: {} };
  const parsed = parseTools(tools.definitions);
  if (!parsed.ok) return parsed;
  return { ok: true, value: parsed.value.length > 0 ? { tools: parsed.value, tool_choice: tools.choice } : {} };
}

// The request whose answer follows `leaf`.
export function requestBody(conversation: Conversation, leaf: string): Outcome<Body> {
  const setup = conversation.setup;
  const output = outputFields(setup.output);
  if (!output.ok) return output;
  const tools = toolFields(setup.tools);
  if (!tools.ok) return tools;
  const system = setup.system.trim() === "" ? [] : [{ role: "system", content: setup.system }];
  return {
    ok: true,
    value: {
      model: setup.model,
      messages: [...system, ...pathTo(conversation, leaf).filter(worthSending).map(toWire)],
      stream: true,
      stream_options: { include_usage: true },
      ...samplingFields(setup.sampling),
      ...output.value,
      ...tools.value,
    },
  };
}
