// What a person can do: each action changes the state and keeps it.
import { batch } from "@preact/signals";
import type { Answer } from "./core/answer";
import { requestBody } from "./core/request";
import { exportName, exportText, importText } from "./core/transfer";
import { newestLeaf, newId, openCalls, pathTo, titleFrom, withChange, withMessage } from "./core/tree";
import type { Conversation, Finish, Message, Setup } from "./core/types";
import { ApiError, streamChat } from "./data/api";
import * as state from "./state";

const kSaveEvery = 2000;

// After the page has been drawn again: until then what it goes to may be inert.
export function focusOn(id: string): void {
  setTimeout(() => document.getElementById(id)?.focus(), 30);
}

export const focusComposer = (): void => focusOn("composer");

function announce(text: string): void {
  state.spoken.value = text;
}

// --- Answers ---------------------------------------------------------------------------------------------------------

function fieldsOf(answer: Answer): Partial<Message> {
  const fields: Partial<Message> = { content: answer.content };
  if (answer.reasoning !== "") fields.reasoning = answer.reasoning;
  if (answer.toolCalls.length > 0) fields.toolCalls = answer.toolCalls.map((call) => ({ ...call }));
  if (answer.timings) fields.timings = answer.timings;
  if (answer.usage) fields.usage = answer.usage;
  return fields;
}

// Pieces come faster than screens draw: at most one change a frame, and none is lost when the page is hidden.
function paced(draw: (answer: Answer) => void): { changed: (answer: Answer) => void; flush: () => void } {
  let waiting: Answer | null = null;
  let timer = 0;
  const flush = () => {
    clearTimeout(timer);
    timer = 0;
    if (waiting) draw(waiting);
    waiting = null;
  };
  const changed = (answer: Answer) => {
    waiting = answer;
    timer ||= window.setTimeout(flush, answer.content.length > 30_000 ? 150 : 33);
  };
  return { changed, flush };
}

function setRun(id: string, run: state.Run | null): void {
  const { [id]: _, ...others } = state.runs.value;
  state.runs.value = run ? { ...others, [id]: run } : others;
}

function change(id: string, message: string, fields: Partial<Message>): void {
  const conversation = state.conversationOf(id);
  if (conversation) state.update(withChange(conversation, message, fields));
}

async function stream(id: string, message: string, body: Record<string, unknown>, run: state.Run): Promise<Partial<Message>> {
  let saved = Date.now();
  const { changed, flush } = paced((answer) => batch(() => {
    change(id, message, fieldsOf(answer));
    if (answer.pieces > 0 && run.first === 0) run.first = performance.now();
    run.pieces = answer.pieces;
    setRun(id, { ...run });
    if (Date.now() - saved < kSaveEvery) return;
    saved = Date.now();
    void state.save(id);
  }));
  try {
    const answer = await streamChat(body, run.controller.signal, changed);
    flush();
    if (answer.error) return { finish: "error", error: answer.error };
    return { finish: answer.toolCalls.length > 0 ? "tool_calls" : (answer.finish ?? "stop") };
  } catch (problem) {
    flush();
    if (run.controller.signal.aborted) return { finish: "stopped" };
    if (problem instanceof ApiError && problem.status === 401) state.needKey.value = "ask";
    return { finish: "error", error: problem instanceof Error ? problem.message : "Something went wrong." };
  }
}

const kEnds: Partial<Record<Finish, string>> = {
  stopped: "Stopped.", error: "The answer failed.", tool_calls: "The model asks for a tool's result.",
};

// Adds an answer below `leaf` and lets it grow.
async function answerAfter(conversation: Conversation, leaf: string): Promise<void> {
  const body = requestBody(conversation, leaf);
  if (!body.ok) {
    state.update(conversation);
    await state.save(conversation.id);
    state.toast.value = body.problem;
    return;
  }
  const message: Message = {
    id: newId(), parent: leaf, role: "assistant", content: "", created: Date.now(), model: conversation.setup.model,
    finish: "interrupted",                         // until it ends otherwise: this is what a closed page leaves behind
  };
  const run = { message: message.id, controller: new AbortController(), started: performance.now(), first: 0, pieces: 0 };
  batch(() => {
    state.update(withMessage(conversation, message));
    setRun(conversation.id, run);
  });
  announce("Answering.");
  void state.save(conversation.id);
  const end = await stream(conversation.id, message.id, body.value, run);
  batch(() => {
    change(conversation.id, message.id, end);
    setRun(conversation.id, null);
  });
  const full = state.conversationOf(conversation.id)?.messages[message.id];
  announce(kEnds[end.finish ?? "stop"] ?? `Answer: ${(full?.content ?? "").slice(0, 2000)}`);
  await state.save(conversation.id);
}

// --- A conversation ---------------------------------------------------------------------------------------------------

function said(parent: string | null, text: string): Message {
  return { id: newId(), parent, role: "user", content: text, created: Date.now() };
}

function show(id: string): void {
  const at = "#" + id;
  if (location.hash !== at) history.pushState(null, "", at);
}

export function send(text: string): void {
  const conversation = state.current.value;
  if (text.trim() === "" || state.running.value) return;
  const message = said(conversation.leaf, text);
  const next = withMessage(conversation, message);
  if (conversation.leaf === null) {
    next.title = titleFrom(text);
    void navigator.storage?.persist?.().catch(() => false);
  }
  show(next.id);
  void answerAfter(next, message.id);
}

export function stop(): void {
  state.running.value?.controller.abort();
}

// The same question again; the earlier answer stays as a sibling.
export function regenerate(message: Message): void {
  if (message.parent === null || state.running.value) return;
  void answerAfter({ ...state.current.value, updated: Date.now() }, message.parent);
}

// The changed text begins a branch beside the old one.
export function edit(message: Message, text: string): void {
  if (text.trim() === "" || state.running.value) return;
  const changed = said(message.parent, text);
  const next = withMessage(state.current.value, changed);
  if (message.parent === null) next.title = titleFrom(text);
  void answerAfter(next, changed.id);
}

export function choose(sibling: Message): void {
  const conversation = state.current.value;
  if (state.running.value) return;
  state.update({ ...conversation, leaf: newestLeaf(conversation, sibling.id) });
  void state.save(conversation.id);
}

// Results by call id; calls that already have one keep it.
export function giveResults(results: Map<string, string>): void {
  let conversation = state.current.value;
  const open = openCalls(pathTo(conversation, conversation.leaf));
  if (!open || state.running.value) return;
  for (const call of open.assistant.toolCalls ?? []) {
    if (open.done.has(call.id)) continue;
    conversation = withMessage(conversation, {
      id: newId(), parent: conversation.leaf, role: "tool", toolCallId: call.id, content: results.get(call.id) ?? "",
      created: Date.now(),
    });
  }
  void answerAfter(conversation, conversation.leaf!);
}

export function setup(patch: Partial<Setup>): void {
  const conversation = state.current.value;
  const next = { ...conversation.setup, ...patch };
  state.update({ ...conversation, setup: next });
  state.remember("setup", JSON.stringify(next));
  saveSoon(conversation.id);
}

const soon = new Map<string, number>();
function saveSoon(id: string): void {
  clearTimeout(soon.get(id));
  soon.set(id, window.setTimeout(() => void state.save(id), 400));
}

// --- All of them ------------------------------------------------------------------------------------------------------

// A new chat keeps the settings but answers freely: a schema left on by mistake is hard to find.
export function newChat(): void {
  const setup = structuredClone(state.current.value.setup);
  setup.output.kind = "text";
  state.current.value = state.freshConversation(setup);
  state.sidebarOpen.value = false;
  if (location.hash !== "") history.pushState(null, "", location.pathname + location.search);
  focusComposer();
}

export function open(id: string): void {
  const conversation = state.conversationOf(id);
  if (!conversation) return;
  state.current.value = conversation;
  state.sidebarOpen.value = false;
  show(id);
}

function ask(kind: "confirm" | "rename", title: string, text: string, action: string): Promise<string | null> {
  return new Promise((resolve) => {
    const answer = (given: string | null) => {
      state.question.value = null;
      resolve(given);
    };
    state.question.value = { kind, title, text, action, answer };
  });
}

export async function rename(id: string): Promise<void> {
  const conversation = state.conversationOf(id);
  if (!conversation) return;
  const title = await ask("rename", "Rename chat", conversation.title, "Rename");
  if (!title?.trim()) return;
  state.update({ ...state.conversationOf(id)!, title: title.trim().slice(0, 200) });
  await state.save(id);
}

export async function remove(id: string): Promise<void> {
  const title = state.conversationOf(id)?.title ?? "";
  const sure = await ask("confirm", "Delete this chat?", `“${title}” is kept only in this browser and cannot be brought back.`, "Delete");
  if (sure === null) return;
  state.runs.value[id]?.controller.abort();
  if (state.current.value.id === id) newChat();
  await state.forget(id);
  state.toast.value = "Chat deleted.";
}

export async function removeAll(): Promise<void> {
  const count = state.summaries.value.length;
  const sure = await ask("confirm", `Delete all ${count} chats?`, "They are kept only in this browser and cannot be brought back.", "Delete all");
  if (sure === null) return;
  for (const run of Object.values(state.runs.value)) run.controller.abort();
  newChat();
  await state.forgetAll();
  state.toast.value = "All chats deleted.";
}

export function exportChats(id?: string): void {
  const chosen = state.allConversations().filter((conversation) => id === undefined || conversation.id === id);
  const now = new Date();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exportText(chosen, now)], { type: "application/json" }));
  link.download = exportName(now);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function importChats(file: File): Promise<void> {
  const taken = importText(await file.text(), state.allConversations());
  if (!taken.ok) {
    state.toast.value = taken.problem;
    return;
  }
  for (const conversation of taken.value) {
    state.update(conversation);
    await state.save(conversation.id);
  }
  const count = taken.value.length;
  state.toast.value = count === 0 ? "Nothing new in this file." : `Imported ${count} ${count === 1 ? "chat" : "chats"}.`;
}
