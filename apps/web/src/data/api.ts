// Talks to the server that sent this page, and to no one else.
import { addEvent, emptyAnswer, errorText, type Answer } from "../core/answer";
import type { Body } from "../core/request";
import { SseParser } from "../core/sse";
import type { ModelInfo, Status, Trace } from "../core/types";

const kKeyName = "hearth.key";

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export function rememberKey(key: string): void {
  if (key === "") sessionStorage.removeItem(kKeyName);
  else sessionStorage.setItem(kKeyName, key);
}

function headers(): Record<string, string> {
  const key = sessionStorage.getItem(kKeyName);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// Beside the page, whatever path it is served under.
function address(path: string): string {
  const page = new URL(document.baseURI);
  page.hash = "";
  page.search = "";
  return new URL(path, page).href;
}

const kLines: Record<number, string> = {
  404: "This server does not know that address; the page and the server may be of different versions.",
  413: "The conversation is larger than the server accepts.",
  429: "The server is busy.",
  503: "The server is not ready yet.",
};

async function refused(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  let body: unknown = null;
  try {
    body = JSON.parse(text);
  } catch {
    // Not an API error: a status line has to do.
  }
  let line = errorText(body, kLines[response.status] ?? `The server answered ${response.status} ${response.statusText}.`.trim());
  const wait = Number(response.headers.get("Retry-After"));
  if (response.status === 429 && wait > 0) line += ` Try again in ${Math.ceil(wait)} s.`;
  return new ApiError(response.status, line);
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(address(path), { ...init, headers: { ...headers(), ...(init.headers ?? {}) }, cache: "no-store" });
  } catch (problem) {
    if (problem instanceof DOMException && problem.name === "AbortError") throw problem;
    throw new ApiError(0, "The server cannot be reached. Is `hearth serve` still running?");
  }
  if (!response.ok) throw await refused(response);
  return response;
}

async function getJson<T>(path: string): Promise<T> {
  const response = await send(path, { signal: AbortSignal.timeout(15_000) });
  return (await response.json()) as T;
}

export async function fetchModels(): Promise<ModelInfo[]> {
  const body = await getJson<{ data?: ModelInfo[] }>("v1/models");
  return Array.isArray(body.data) ? body.data.filter((model) => typeof model?.id === "string") : [];
}

export const fetchStatus = (): Promise<Status> => getJson<Status>("hearth/status");

export async function fetchTraces(): Promise<Trace[]> {
  const body = await getJson<{ requests?: Trace[] }>("hearth/traces?last=50");
  return Array.isArray(body.requests) ? body.requests : [];
}

// Calls `changed` after each piece; resolves with the whole answer, or throws ApiError or an AbortError.
export async function streamChat(body: Body, signal: AbortSignal, changed: (answer: Answer) => void): Promise<Answer> {
  const response = await send("v1/chat/completions", {
    method: "POST", body: JSON.stringify(body), signal, headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
  });
  if (!response.body) throw new ApiError(0, "This browser cannot read streams.");
  const reader = response.body.getReader();
  const parser = new SseParser();
  const answer = emptyAnswer();
  let over = false;
  while (!over) {
    const piece = await reader.read().catch((problem: unknown) => {
      if (signal.aborted) throw problem;
      throw new ApiError(0, "The connection broke before the answer was complete.");
    });
    const events = piece.done ? parser.end() : parser.push(piece.value);
    for (const event of events) over = addEvent(answer, event.data) || over;
    changed(answer);
    if (piece.done) break;
  }
  await reader.cancel().catch(() => undefined);
  if (!over && answer.finish === null) answer.error = "The connection closed before the answer was complete.";
  return answer;
}
