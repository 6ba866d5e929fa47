// What the page shows, as signals, and where it is kept.
import { computed, signal } from "@preact/signals";
import { defaultSetup } from "./core/request";
import { readSetup } from "./core/transfer";
import { newId, shownPath } from "./core/tree";
import type { Conversation, ModelInfo, Setup, Status, Trace } from "./core/types";
import type { Database } from "./data/db";

export interface Summary {
  id: string;
  title: string;
  updated: number;
}

// An answer that is being written.
export interface Run {
  message: string;
  controller: AbortController;
  started: number;
  first: number;                         // when the first piece came, 0 before it
  pieces: number;
}

export interface Question {
  kind: "confirm" | "rename";
  title: string;
  text: string;
  action: string;
  answer: (text: string | null) => void;
}

export type Tab = "model" | "output" | "tools" | "traces";
export type Theme = "system" | "light" | "dark";

export const summaries = signal<Summary[]>([]);
export const current = signal<Conversation>(freshConversation(defaultSetup()));
export const path = computed(() => shownPath(current.value));
export const runs = signal<Record<string, Run>>({});
export const running = computed(() => runs.value[current.value.id] ?? null);
export const models = signal<ModelInfo[]>([]);
export const status = signal<Status | null>(null);
export const reachable = signal(true);
export const traces = signal<Trace[] | null>(null);
export const needKey = signal<"" | "ask" | "wrong">("");
export const question = signal<Question | null>(null);
export const toast = signal("");
export const spoken = signal("");          // for screen readers only
export const tab = signal<Tab>("model");
export const panelOpen = signal(false);
export const sidebarOpen = signal(false);
export const theme = signal<Theme>("system");
export const lasting = signal(true);

export function freshConversation(setup: Setup): Conversation {
  const now = Date.now();
  return { id: newId(), title: "New chat", created: now, updated: now, leaf: null, messages: {}, setup };
}

const kept = new Map<string, Conversation>();
let database: Database | null = null;

export function useDatabase(opened: Database, conversations: Conversation[]): void {
  database = opened;
  lasting.value = opened.lasting;
  for (const conversation of conversations) kept.set(conversation.id, conversation);
  listAgain();
}

export function listAgain(): void {
  summaries.value = [...kept.values()]
    .map(({ id, title, updated }) => ({ id, title, updated }))
    .sort((a, b) => b.updated - a.updated);
}

export const conversationOf = (id: string): Conversation | undefined =>
  id === current.value.id ? current.value : kept.get(id);
export const allConversations = (): Conversation[] => [...kept.values()];

// The new state of a conversation, shown if it is the open one.
export function update(conversation: Conversation): void {
  const before = kept.get(conversation.id);
  if (Object.keys(conversation.messages).length > 0) {
    kept.set(conversation.id, conversation);
    if (before?.title !== conversation.title || before.updated !== conversation.updated) listAgain();
  }
  if (conversation.id === current.value.id) current.value = conversation;
}

// Other tabs of this page hear of changes and read them from the database.
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("hearth");

export async function save(id: string): Promise<void> {
  const conversation = kept.get(id);
  if (!conversation || !database) return;
  try {
    await database.put(conversation);
    channel?.postMessage(id);
  } catch {
    toast.value = "This browser could not store the conversation. Its storage may be full.";
  }
}

export async function forget(id: string): Promise<void> {
  kept.delete(id);
  listAgain();
  await database?.remove(id);
  channel?.postMessage(id);
}

export async function forgetAll(): Promise<void> {
  const ids = [...kept.keys()];
  kept.clear();
  listAgain();
  await database?.clear();
  for (const id of ids) channel?.postMessage(id);
}

if (channel) {
  channel.onmessage = async (event: MessageEvent<unknown>) => {
    const id = String(event.data);
    if (runs.value[id] || !database) return;
    const conversation = await database.get(id);
    if (conversation) update(conversation);
    else kept.delete(id);
    listAgain();
  };
}

// Small things live in localStorage; without it they last as long as the page.
export function remember(name: string, value: string): void {
  try {
    localStorage.setItem("hearth." + name, value);
  } catch {
    // Full or refused: nothing depends on it.
  }
}

export function recall(name: string): string {
  try {
    return localStorage.getItem("hearth." + name) ?? "";
  } catch {
    return "";
  }
}

export function recalledSetup(): Setup {
  try {
    return readSetup(JSON.parse(recall("setup") || "null"));
  } catch {
    return defaultSetup();
  }
}

// "system" follows the device; public/theme.js does the same before the first paint.
export function setTheme(chosen: Theme): void {
  theme.value = chosen;
  const dark = chosen === "dark" || (chosen === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset["theme"] = dark ? "dark" : "light";
  remember("theme", chosen);
}

// Whether the page was opened on the machine that serves it, as far as its address tells.
export function onThisDevice(): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
}
