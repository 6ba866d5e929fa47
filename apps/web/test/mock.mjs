// A stand-in for `hearth serve`: the page and canned answers, for development and for the browser test.
// node test/mock.mjs [PORT] [--key KEY] [--slow MS]
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const kDist = fileURLToPath(new URL("../dist/", import.meta.url));
const kTypes = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml", ".woff2": "font/woff2",
};
// As strict as the real server's.
const kPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const kRich = `Newton's method finds a root by following the tangent.

## The idea

Starting from a guess $x_0$, each step is

$$x_{n+1} = x_n - \\frac{f(x_n)}{f'(x_n)}$$

which roughly **doubles** the correct digits every time.

\`\`\`python
def newton(f, df, x, steps=20):
    """Follow the tangent until it hardly moves."""
    for _ in range(steps):
        step = f(x) / df(x)   # where the tangent meets the axis
        x -= step
        if abs(step) < 1e-12:
            break
    return x

print(newton(lambda x: x * x - 2, lambda x: 2 * x, 1.0))
\`\`\`

| step | value | correct digits |
| ---: | --- | ---: |
| 1 | 1.5 | 1 |
| 2 | 1.41667 | 3 |
| 3 | 1.4142157 | 6 |

1. Pick a guess close to the root.
2. Repeat until \`step\` is tiny.

> It may run away where the slope is flat.`;

const kHostile = `<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">

[click](javascript:window.pwned=1) ![spy](https://evil.example/pixel.png?secret)

\`\`\`"><img src=x onerror=window.pwned=1>
</code></pre><script>window.pwned = 1</script>
\`\`\`

$\\href{javascript:window.pwned=1}{x}$ $\\htmlStyle{position:fixed}{y}$

A very long word: ${"unbreakable".repeat(30)}`;

const kSlow = Array.from({ length: 400 }, (_, at) => `word${at}`).join(" ");

export function pieces(text) {
  return text.match(/\s*\S{1,6}|\s+/g) ?? [];
}

function answerTo(body) {
  const last = body.messages.at(-1);
  const said = String(last.content ?? "").toLowerCase();
  if (last.role === "tool") return { text: `The tool says: ${last.content}` };
  if (body.tools && body.tool_choice !== "none" && said.includes("weather")) {
    return { calls: [{ name: body.tools[0].function.name, arguments: '{"city": "Bergen", "days": 3}' }] };
  }
  if (body.response_format?.type === "json_schema") return { text: '{"title": "Dune", "year": 1965, "tags": ["sand", "spice"]}' };
  if (body.regex) return { text: "yes, because it is so written" };
  if (said.includes("newton")) return { text: kRich, reasoning: "The person wants a formula, code and a table. I will keep it short." };
  if (said.includes("hostile")) return { text: kHostile };
  if (said.includes("slow")) return { text: kSlow, pause: 15 };
  if (said.includes("fail")) return { text: "This begins well", fail: "out of memory: 12 pages wanted, 3 free" };
  if (said.includes("remember")) return { text: body.messages.map((one) => `${one.role}:${one.content}`).join(" | ") };
  return { text: `You said “${last.content}”. That is message ${body.messages.length} of this conversation, and answer ${++answered}.` };
}

let answered = 0;
const traces = [];
const live = { resident: 2.14e9, running: 0, prompt: 0, generated: 0, rate: 0 };

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function* deltas(answer) {
  yield { role: "assistant" };
  for (const text of pieces(answer.reasoning ?? "")) yield { reasoning_content: text };
  for (const text of pieces(answer.text ?? "")) yield { content: text };
  for (const [index, call] of (answer.calls ?? []).entries()) {
    yield { tool_calls: [{ index, id: `call_${traces.length}_${index}`, type: "function", function: { name: call.name, arguments: "" } }] };
    for (const text of pieces(call.arguments)) yield { tool_calls: [{ index, function: { arguments: text } }] };
  }
}

function trace(body, arrived, first, count, finish) {
  const now = Date.now();
  const queue = 2 + (traces.length % 4) * 14;
  const spans = [
    { name: "queue", start_ms: 0, end_ms: queue, tokens: 0 },
    { name: "prefill", start_ms: queue, end_ms: first - arrived, tokens: 180 },
    { name: "decode", start_ms: first - arrived, end_ms: now - arrived, tokens: count },
  ];
  traces.push({
    id: "chatcmpl-" + (1000 + traces.length), model: body.model, arrived_ms: arrived, queue_ms: queue, prefill_ms: first - arrived - queue,
    decode_ms: now - first, prompt_tokens: 180, cached_tokens: traces.length > 0 ? 128 : 0, generated_tokens: count, finish, spans,
  });
}

async function chat(request, response, body, slow) {
  const arrived = Date.now();
  const answer = answerTo(body);
  const id = "chatcmpl-" + arrived;
  const event = (data) => response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
  const chunk = (delta, finish_reason, more) =>
    event({ id, object: "chat.completion.chunk", model: body.model, choices: [{ index: 0, delta, finish_reason }], ...more });
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  live.running += 1;
  await pause(90);
  const first = Date.now();
  let count = 0;
  let finish = answer.calls ? "tool_calls" : "stop";
  for await (const delta of deltas(answer)) {
    if (response.destroyed || request.aborted) { finish = "cancelled"; break; }
    chunk(delta, null);
    count += 1;
    await pause(answer.pause ?? slow);
  }
  live.running -= 1;
  live.rate = count / Math.max(0.001, (Date.now() - first) / 1000);
  live.generated += count;
  live.prompt += 180;
  trace(body, arrived, first, count, finish);
  if (response.destroyed) return;
  if (answer.fail) event({ error: { message: answer.fail, type: "server_error", param: null, code: null } });
  else chunk({}, finish);
  const predicted_ms = Date.now() - first;
  event({
    id, object: "chat.completion.chunk", model: body.model, choices: [],
    usage: { prompt_tokens: 180, completion_tokens: count, total_tokens: 180 + count },
    timings: { prompt_n: 180, cached_n: 128, prompt_ms: 90, predicted_n: count, predicted_ms, predicted_per_second: count / (predicted_ms / 1000) },
  });
  event("[DONE]");
  response.end();
}

function model(id, state) {
  return {
    id, state, weights_bytes: 1.42e9, kv_bytes: 2.7e8, kv_pages_used: 96 + live.running * 12, kv_pages_total: 512, context: 8192,
    running: live.running, waiting: 0, cached_tokens_hit: 1280, prompt_tokens: live.prompt, generated_tokens: live.generated,
  };
}

const kModels = ["ember-1b", "qwen2.5-7b-instruct-q4_0"];

function status() {
  return {
    version: "0.1.0", uptime_s: 4521, models: [model(kModels[0], "ready"), model(kModels[1], "unloaded")],
    memory: { resident_bytes: live.resident, budget_bytes: 8e9 }, tokens_per_s: { prompt: 412.5, generated: live.rate }, network: "this device only",
  };
}

const json = (response, code, value) => {
  response.writeHead(code, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
};

async function file(path, response) {
  const name = normalize(path === "/" ? "/index.html" : path);
  try {
    const bytes = await readFile(join(kDist, name));
    response.writeHead(200, {
      "Content-Type": kTypes[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": kPolicy,
      "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    });
    response.end(bytes);
  } catch {
    json(response, 404, { error: { message: `no such address: ${path}`, type: "invalid_request_error", param: null, code: null } });
  }
}

async function answer(request, response, { key, slow }) {
  const path = new URL(request.url, "http://here").pathname;
  const guarded = path.startsWith("/v1/") || path.startsWith("/hearth/");
  if (guarded && key && request.headers.authorization !== `Bearer ${key}`) {
    return json(response, 401, { error: { message: "no valid API key", type: "invalid_request_error", param: null, code: "invalid_api_key" } });
  }
  if (path === "/v1/models") {
    const data = kModels.map((id, at) => ({ id, object: "model", hearth: { context: 8192, state: at === 0 ? "ready" : "unloaded", adapters: [] } }));
    return json(response, 200, { object: "list", data });
  }
  if (path === "/hearth/status") return json(response, 200, status());
  if (path === "/hearth/traces") return json(response, 200, { requests: traces.slice(-50) });
  if (path !== "/v1/chat/completions") return file(path, response);
  let text = "";
  for await (const bytes of request) text += bytes;
  return chat(request, response, JSON.parse(text), slow);
}

// {url, close, traces}; PORT 0 takes a free one.
export async function serve({ port = 7411, key = "", slow = 6 } = {}) {
  const server = createServer((request, response) => answer(request, response, { key, slow }).catch((problem) => {
    console.error(problem);
    response.destroy();
  }));
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => { server.closeAllConnections(); server.close(); }, traces };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, other) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : other);
  const { url } = await serve({ port: Number(process.argv[2]) || 7411, key: option("--key", ""), slow: Number(option("--slow", 6)) });
  console.log(`the mock server listens on ${url}`);
}
