// Every endpoint at once by clients of which some leave, then SIGTERM in the midst: nothing but answers and refusals, and an orderly end.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from './hearth.mjs';

const seconds = Number(process.env.HEARTH_MIXED_SECONDS ?? 2);
const kWorkers = 24;

// The same model under another name: the server knows it by its folder.
const folder = mkdtempSync(join(tmpdir(), 'hearth-mixed-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const twin = join(folder, 'twin');
symlinkSync(`${process.env.HEARTH_ROOT}/models/ember`, twin);

const weather = { type: 'object', properties: { city: { type: 'string', maxLength: 12 } }, required: ['city'] };
const chat = (i) => [{ role: 'user', content: `Tell me story number ${i}. ${'Once more. '.repeat((i * 7) % 30)}` }];
const base = (i) => ({ seed: i, temperature: i % 2, max_tokens: 4 + ((i * 13) % 60) });

// Each gives [path, body]; no body: GET.
const asks = [
  (i) => ['/v1/chat/completions', { ...base(i), messages: chat(i), stream: true, ignore_eos: true }],
  (i) => ['/v1/chat/completions', { ...base(i), messages: chat(i), stream: true, n: 3, logprobs: true, top_logprobs: 4 }],
  (i) => ['/v1/chat/completions', { ...base(i), messages: chat(i), response_format: { type: 'json_schema', json_schema: { name: `n${i % 5}`, schema: weather } } }],
  (i) => ['/v1/chat/completions', { ...base(i), messages: chat(i), tool_choice: 'required', tools: [{ type: 'function', function: { name: `tool_${i % 4}`, parameters: weather } }] }],
  (i) => ['/v1/completions', { ...base(i), prompt: ['Once', 'upon a time', 'in a land'], echo: true, logprobs: 2, stream: i % 3 === 0 }],
  (i) => ['/v1/responses', { input: `Story ${i}`, max_output_tokens: 30, stream: i % 2 === 0 }],
  (i) => ['/v1/messages', { messages: chat(i), max_tokens: 30, stream: i % 2 === 0 }],
  (i) => ['/v1/messages/count_tokens', { messages: chat(i) }],
  (i) => ['/v1/embeddings', { input: ['a fox', `story ${i}`, 'x '.repeat(i % 90)] }],
  () => ['/tokenize', { content: 'Once upon a time' }],
  () => ['/hearth/status'],
  () => ['/hearth/traces'],
  () => ['/metrics'],
  () => ['/v1/models'],
  () => ['/'],
];

async function one(server, i, model, strange) {
  const leave = new AbortController();
  const [path, body] = asks[i % asks.length](i);
  // Some leave at once, some while they read.
  const leaves = i % 4 === 1 ? sleep((i * 37) % 120).then(() => leave.abort()) : null;
  try {
    const reply = await fetch(server.url + path, body === undefined ? { signal: leave.signal } : {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ model, ...body }), signal: leave.signal });
    const text = await reply.text();
    if (![200, 429, 503].includes(reply.status)) strange.push(`${path}: ${reply.status} ${text.slice(0, 300)}`);
    if (reply.status === 200 && text === '') strange.push(`${path}: an empty answer`);
  } catch (error) {
    if (!leaves && !server.stopping) strange.push(`${path}: ${error} ${error.cause ?? ''}`);
  }
  await leaves;
}

async function mixed(models, ...flags) {
  const server = await serve(...flags);
  const strange = [];
  let next = 0;
  const end = Date.now() + seconds * 1000;
  const workers = Array.from({ length: kWorkers }, async () => {
    while (Date.now() < end + 300 && !(server.stopping && server.child.exitCode !== null)) {
      const i = next++;
      await one(server, i, models[(i >> 4) % models.length], strange);
    }
  });
  await sleep(seconds * 1000);
  server.stopping = true;
  const { code } = await server.stop();
  await Promise.all(workers);
  assert.deepEqual(strange.slice(0, 5), []);
  assert.equal(code, 0, server.errors());
  assert.ok(next > asks.length, `${next} requests`);
}

test('as it comes', () => mixed(['ember']));
test('with drafts, little memory and a short queue', () =>
  mixed(['ember'], '--lookup', '--kv', 'q8_0', '--kv-memory', '8', '--parallel', '6', '--queue', '8', '--threads', '3'));
test('two models that make room for each other', () => mixed(['ember', 'twin'], twin, '--kv-memory', '64', '--memory', '200', '--queue', '512'));
