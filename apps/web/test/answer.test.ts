// Folding chunks into an answer.
import { describe, expect, it } from "vitest";
import { addEvent, emptyAnswer, errorText } from "../src/core/answer";

const chunk = (delta: unknown, finish: string | null = null) => JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] });

describe("addEvent", () => {
  it("joins content, reasoning, finish, usage and timings", () => {
    const answer = emptyAnswer();
    addEvent(answer, chunk({ role: "assistant" }));
    addEvent(answer, chunk({ reasoning_content: "hm" }));
    addEvent(answer, chunk({ content: "Hel" }));
    addEvent(answer, chunk({ content: "lo" }, "length"));
    addEvent(answer, JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 }, timings: { predicted_n: 2, predicted_per_second: 20 } }));
    expect(addEvent(answer, "[DONE]")).toBe(true);
    expect(answer).toMatchObject({ content: "Hello", reasoning: "hm", finish: "length", pieces: 3, error: null });
    expect(answer.usage).toEqual({ prompt: 3, completion: 2 });
    expect(answer.timings?.predicted_per_second).toBe(20);
    expect(answer.timings?.prompt_ms).toBe(0);
  });

  it("joins tool calls by index and refuses an index that leaves a hole", () => {
    const answer = emptyAnswer();
    addEvent(answer, chunk({ tool_calls: [{ index: 0, id: "a", function: { name: "f", arguments: '{"x"' } }] }));
    addEvent(answer, chunk({ tool_calls: [{ index: 0, function: { arguments: ":1}" } }, { index: 1, id: "b", function: { name: "g" } }] }));
    addEvent(answer, chunk({ tool_calls: [{ index: 900000000, id: "z" }, { index: -1 }, { index: 0.5 }, null, 7] }));
    expect(answer.toolCalls[0]).toEqual({ id: "a", name: "f", arguments: '{"x":1}' });
    expect(answer.toolCalls[1]).toEqual({ id: "b", name: "g", arguments: "" });
    expect(answer.toolCalls.length).toBeLessThan(10);
  });

  it("names an error in the stream, and survives nonsense", () => {
    const answer = emptyAnswer();
    expect(addEvent(answer, '{"error":{"message":"out of pages"}}')).toBe(true);
    expect(answer.error).toBe("out of pages");
    const odd = emptyAnswer();
    for (const data of ["null", "3", "[]", '{"choices":7}', '{"choices":[null]}', '{"choices":[{"delta":{"content":5}}]}']) {
      expect(addEvent(odd, data)).toBe(false);
    }
    expect(odd.content).toBe("");
    expect(addEvent(odd, "{")).toBe(true);
    expect(odd.error).toContain("not JSON");
  });

  it("finds the message of an error body", () => {
    expect(errorText({ error: { message: "no" } }, "x")).toBe("no");
    expect(errorText({ error: "no" }, "x")).toBe("no");
    expect(errorText(null, "x")).toBe("x");
  });
});
