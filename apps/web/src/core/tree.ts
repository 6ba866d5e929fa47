// A conversation is a tree: editing or regenerating adds a sibling, and the shown path runs from the root to `leaf`.
import type { Conversation, Message } from "./types";

let last = 0;

// Ids sort by creation, also within a millisecond.
export function newId(): string {
  last = Math.max(Date.now(), last + 1);
  const random = crypto.getRandomValues(new Uint32Array(2));
  return last.toString(36).padStart(9, "0") + "-" + random[0]!.toString(36) + random[1]!.toString(36);
}

// From the root to `leaf`. A broken link ends the path rather than the page.
export function pathTo(conversation: Conversation, leaf: string | null): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>();
  for (let at = leaf; at !== null && !seen.has(at); ) {
    const message: Message | undefined = conversation.messages[at];
    if (!message) break;
    seen.add(at);
    path.push(message);
    at = message.parent;
  }
  return path.reverse();
}

export function shownPath(conversation: Conversation): Message[] {
  return pathTo(conversation, conversation.leaf);
}

export function childrenOf(conversation: Conversation, parent: string | null): Message[] {
  return Object.values(conversation.messages)
    .filter((message) => message.parent === parent)
    .sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
}

export function siblingsOf(conversation: Conversation, message: Message): Message[] {
  return childrenOf(conversation, message.parent);
}

// The path that goes through `id` and then always to the newest child.
export function newestLeaf(conversation: Conversation, id: string): string {
  const seen = new Set<string>();
  let at = id;
  while (!seen.has(at)) {
    seen.add(at);
    const next = childrenOf(conversation, at).at(-1);
    if (!next) break;
    at = next.id;
  }
  return at;
}

export function withMessage(conversation: Conversation, message: Message): Conversation {
  return {
    ...conversation,
    updated: Date.now(),
    leaf: message.id,
    messages: { ...conversation.messages, [message.id]: message },
  };
}

export function withChange(conversation: Conversation, id: string, change: Partial<Message>): Conversation {
  const message = conversation.messages[id];
  if (!message) return conversation;
  return { ...conversation, messages: { ...conversation.messages, [id]: { ...message, ...change } } };
}

// The calls of the last answer that still wait for a result, in their order; empty when nothing waits.
export function openCalls(path: Message[]): { assistant: Message; done: Set<string> } | null {
  for (let at = path.length - 1; at >= 0; --at) {
    const message = path[at]!;
    if (message.role === "user") return null;
    if (message.role === "assistant") {
      if (!message.toolCalls?.length) return null;
      const done = new Set(path.slice(at + 1).map((result) => result.toolCallId ?? ""));
      return message.toolCalls.some((call) => !done.has(call.id)) ? { assistant: message, done } : null;
    }
  }
  return null;
}

export function titleFrom(text: string): string {
  const line = text.trim().split("\n", 1)[0]!.replace(/\s+/g, " ").replace(/^[#>*\-\s]+/, "");
  if (line === "") return "New chat";
  const letters = [...line];
  return letters.length > 60 ? letters.slice(0, 59).join("").trimEnd() + "…" : line;
}
