// The tree of a conversation, the request made from it, and the way to a file and back.
import { webcrypto } from "node:crypto";
import { describe, expect, it } from "vitest";
import { defaultSetup, outputFields, parseTools, requestBody } from "../src/core/request";
import { exportText, importText, readConversation } from "../src/core/transfer";
import { newestLeaf, newId, openCalls, shownPath, siblingsOf, titleFrom, withMessage } from "../src/core/tree";
import type { Conversation, Message, Output } from "../src/core/types";

// Node 18 has it under another name than browsers.
globalThis.crypto ??= webcrypto as Crypto;

let time = 1000;
const say = (id: string, parent: string | null, role: Message["role"], content: string, more: Partial<Message> = {}): Message =>
  ({ id, parent, role, content, created: ++time, ...more });

function talk(...messages: Message[]): Conversation {
  const empty: Conversation = { id: "c", title: "t", created: 1, updated: 1, leaf: null, messages: {}, setup: defaultSetup() };
  return messages.reduce(withMessage, empty);
}

const branched = () => talk(say("1", null, "user", "hi"), say("2", "1", "assistant", "hello"), say("3", "2", "user", "old"),
  say("4", "3", "assistant", "old answer"), say("5", "2", "user", "new"), say("6", "5", "assistant", "new answer"));

describe("tree", () => {
  it("shows the path to the leaf and keeps the other branch", () => {
    const conversation = branched();
    expect(shownPath(conversation).map((message) => message.id)).toEqual(["1", "2", "5", "6"]);
    expect(siblingsOf(conversation, conversation.messages["5"]!).map((message) => message.id)).toEqual(["3", "5"]);
    expect(newestLeaf(conversation, "3")).toBe("4");
  });

  it("ends at a broken or circular link", () => {
    const conversation = branched();
    conversation.messages["1"]!.parent = "6";
    expect(shownPath(conversation)).toHaveLength(4);
    conversation.messages["5"]!.parent = "gone";
    expect(shownPath(conversation).map((message) => message.id)).toEqual(["5", "6"]);
  });

  it("makes ids that sort by creation", () => {
    const ids = Array.from({ length: 50 }, newId);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(50);
  });

  it("knows which calls wait for a result", () => {
    const calls = [{ id: "a", name: "f", arguments: "{}" }, { id: "b", name: "g", arguments: "{}" }];
    const asked = talk(say("1", null, "user", "q"), say("2", "1", "assistant", "", { toolCalls: calls }));
    expect(openCalls(shownPath(asked))?.done.size).toBe(0);
    const half = withMessage(asked, say("3", "2", "tool", "1", { toolCallId: "a" }));
    expect(openCalls(shownPath(half))?.done.has("a")).toBe(true);
    const whole = withMessage(half, say("4", "3", "tool", "2", { toolCallId: "b" }));
    expect(openCalls(shownPath(whole))).toBeNull();
  });

  it("takes a title from the first line", () => {
    expect(titleFrom("## Hello\nworld")).toBe("Hello");
    expect(titleFrom(" ")).toBe("New chat");
    expect([...titleFrom("😀".repeat(100))]).toHaveLength(60);
  });
});

describe("requestBody", () => {
  it("sends the shown branch, the system prompt, and only settings that were made", () => {
    const conversation = branched();
    conversation.setup.model = "ember";
    conversation.setup.system = "Be brief.";
    conversation.setup.sampling.temperature = 0;
    const body = requestBody(conversation, "5");
    expect(body).toEqual({
      ok: true,
      value: {
        model: "ember", stream: true, stream_options: { include_usage: true }, temperature: 0,
        messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "hi" },
          { role: "assistant", content: "hello" }, { role: "user", content: "new" }],
      },
    });
  });

  it("sends tool calls and results, and leaves out empty answers", () => {
    const conversation = talk(say("1", null, "user", "q"), say("2", "1", "assistant", "", { toolCalls: [{ id: "a", name: "f", arguments: "{}" }] }),
      say("3", "2", "tool", "42", { toolCallId: "a" }), say("4", "3", "assistant", "", { finish: "error" }), say("5", "4", "user", "so?"));
    const body = requestBody(conversation, "5");
    expect(body.ok && body.value["messages"]).toEqual([
      { role: "user", content: "q" },
      { role: "assistant", content: null, tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }] },
      { role: "tool", tool_call_id: "a", content: "42" },
      { role: "user", content: "so?" },
    ]);
  });

  it("maps each kind of output, or says what is wrong", () => {
    const output = (change: Partial<Output>) => outputFields({ kind: "text", schema: "", regex: "", grammar: "", ...change });
    expect(output({})).toEqual({ ok: true, value: {} });
    expect(output({ kind: "json_object" })).toEqual({ ok: true, value: { response_format: { type: "json_object" } } });
    expect(output({ kind: "regex", regex: "a+" })).toEqual({ ok: true, value: { regex: "a+" } });
    expect(output({ kind: "grammar", grammar: "root ::= [a]" })).toEqual({ ok: true, value: { grammar: "root ::= [a]" } });
    expect(output({ kind: "json_schema", schema: '{"type":"object"}' })).toEqual({
      ok: true,
      value: { response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema: { type: "object" } } } },
    });
    for (const bad of ["", "{", "[]", "3"]) expect(output({ kind: "json_schema", schema: bad }).ok).toBe(false);
  });

  it("takes tools as a list, one, or wrapped, and names the one that is wrong", () => {
    const bare = { name: "f", parameters: { type: "object" } };
    const want = { ok: true, value: [{ type: "function", function: bare }] };
    expect(parseTools(JSON.stringify([bare]))).toEqual(want);
    expect(parseTools(JSON.stringify(bare))).toEqual(want);
    expect(parseTools(JSON.stringify([{ type: "function", function: bare }]))).toEqual(want);
    for (const bad of ["{", "[1]", '[{"name":""}]', '[{"name":"a b"}]', '[{"name":"f"},{"name":"f"}]', '[{"name":"f","parameters":3}]']) {
      expect(parseTools(bad).ok, bad).toBe(false);
    }
  });
});

describe("transfer", () => {
  it("brings back what it wrote, once", () => {
    const conversation = branched();
    const text = exportText([conversation], new Date(0));
    const back = importText(text, []);
    expect(back.ok && back.value).toEqual([conversation]);
    const again = importText(text, [conversation]);
    expect(again.ok && again.value).toEqual([]);
    const changed = importText(text, [{ ...conversation, updated: 5 }]);
    expect(changed.ok && changed.value[0]?.id).not.toBe("c");
  });

  it("refuses other files with one line", () => {
    for (const bad of ["", "[]", "{}", '{"format":"hearth-conversations"}', '{"format":"hearth-conversations","version":2,"conversations":[]}']) {
      expect(importText(bad, []).ok, bad).toBe(false);
    }
  });

  it("takes from a hostile conversation only what is understood", () => {
    const found = readConversation({
      id: 7, title: { toString: 1 }, leaf: "nowhere", updated: "x", setup: { sampling: { temperature: "hot", stop: [1, "s"] }, output: { kind: "evil" } },
      messages: {
        a: { id: "a", parent: null, role: "user", content: "hi", created: -1, more: "dropped" },
        b: { id: "b", parent: "c", role: "assistant", content: "circle" }, c: { id: "c", parent: "b", role: "assistant", content: "circle" },
        d: { id: "d", parent: "gone", role: "user", content: "lost" }, e: { id: "e", parent: null, role: "system", content: "x" }, f: null,
      },
    });
    expect(Object.keys(found!.messages)).toEqual(["a"]);
    expect(found!.messages["a"]).not.toHaveProperty("more");
    expect(found!.leaf).toBe("a");
    expect(found!.setup.sampling).toMatchObject({ temperature: null, stop: ["s"] });
    expect(found!.setup.output.kind).toBe("text");
    expect(readConversation(null)).toBeNull();
    expect(readConversation({ messages: [] })).toBeNull();
  });
});
