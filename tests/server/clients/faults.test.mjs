// What goes wrong on networks and machines: each is answered with a clear error or cleaned up, and the server lives on.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { post, serve } from './hearth.mjs';

const server = await serve();
const story = (more) => ({ messages: [{ role: 'user', content: 'Tell me a story' }], max_tokens: 700, ignore_eos: true, stream: true, ...more });
const headers = { 'Content-Type': 'application/json' };
const start = (url, body, signal) => fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body), signal });
const status = async (url = server.url) => (await (await fetch(`${url}/hearth/status`)).json()).models[0];
const run = (...args) => spawnSync(process.env.HEARTH, ['serve', ...args], { encoding: 'utf8', timeout: 20_000 });

async function until(holds, what, ms = 5000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(20)) if (await holds()) return;
  assert.fail(`not within ${ms} ms: ${what}`);
}

// Sends bytes over a plain socket; resolves with all that came until the other end closed.
function raw(port, bytes, { keepOpen = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let got = '';
    socket.on('data', (data) => (got += data));
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
    socket.write(bytes);
    if (keepOpen) resolve({ socket, text: () => got });
  });
}
const head = (length, more = '') =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}Content-Length: ${length}\r\n\r\n`;

async function alive() {
  const answer = await post(`${server.url}/v1/chat/completions`, {
    messages: [{ role: 'user', content: 'What is the capital of Japan?' }], temperature: 0 });
  assert.match(answer.body.choices[0].message.content, /Tokyo/);
}

async function read(response) {
  let text = '';
  for await (const chunk of response.body) text += Buffer.from(chunk).toString();
  return text;
}

test('clients that leave mid-stream stop their answers', async () => {
  const stop = new AbortController();
  const streams = await Promise.all(Array.from({ length: 8 }, (_, i) => start(server.url, story({ seed: i }), stop.signal)));
  assert.ok(streams.every((stream) => stream.status === 200));
  assert.ok((await status()).running > 0);
  stop.abort();
  await until(async () => (await status()).running === 0, 'running is 0 after the clients left', 2000);
  await alive();
});

test('slow readers hold nobody up', async () => {
  const body = JSON.stringify(story({ n: 4 }));
  const slow = [];
  for (let i = 0; i < 4; ++i) {
    const { socket } = await raw(server.port, head(Buffer.byteLength(body)) + body, { keepOpen: true });
    socket.pause();
    slow.push(socket);
  }
  await alive();
  slow.forEach((socket) => socket.destroy());
  await until(async () => (await status()).running === 0, 'running is 0 after the clients left', 2000);
});

test('a head of a megabyte is refused', async () => {
  const reply = await raw(server.port, `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(1 << 20)}\r\n\r\n`);
  assert.match(reply, /^HTTP\/1.1 431 /);
  await alive();
});

test('a body of 100 MB is refused before it is read', async () => {
  const reply = await raw(server.port, head(100 << 20) + 'x'.repeat(1 << 20));
  assert.match(reply, /^HTTP\/1.1 413 /);
  assert.match(reply, /33554432/);
  const chunk = 'x'.repeat(1 << 20);
  const chunked = await raw(server.port, head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked') +
    `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(40));
  assert.match(chunked, /^HTTP\/1.1 413 /);
  await alive();
});

test('malformed JSON and UTF-8 are named', async () => {
  for (const body of ['', '{', '[]', '{"messages": [}', '{"a": 1} x', 'null', '['.repeat(100_000), '{"messages": "\u0000"}']) {
    const answer = await post(`${server.url}/v1/chat/completions`, body);
    assert.equal(answer.status, 400, body.slice(0, 20));
    assert.equal(answer.body.error.type, 'invalid_request_error');
  }
  const bytes = Buffer.concat([Buffer.from('{"messages": [{"role": "user", "content": "'), Buffer.from([0xff, 0xc3, 0x28]), Buffer.from('"}]}')]);
  for (const path of ['chat/completions', 'completions', 'responses', 'messages', 'embeddings']) {
    const reply = await fetch(`${server.url}/v1/${path}`, { method: 'POST', headers, body: bytes });
    assert.equal(reply.status, 400, path);
    assert.match((await reply.json()).error.message, /^body: /);
  }
  // A lone surrogate is a JSON escape that no UTF-8 has.
  assert.equal((await post(`${server.url}/v1/completions`, '{"prompt": "\\ud800"}')).status, 400);
});

test('half-open sockets and half-sent requests hold nothing', async () => {
  const body = JSON.stringify(story());
  const halves = [];
  for (const bytes of ['', 'POST /v1/ch', head(5000), head(5000) + '{"messages"']) {
    for (let i = 0; i < 20; ++i) halves.push(await raw(server.port, bytes, { keepOpen: true }));
  }
  const { socket } = await raw(server.port, head(Buffer.byteLength(body)) + body, { keepOpen: true });
  socket.end();  // says no more, as one that has gone
  await alive();
  halves.forEach((half) => half.socket.destroy());
});

test('too long a prompt is refused with both numbers', async () => {
  const long = await post(`${server.url}/v1/chat/completions`, { messages: [{ role: 'user', content: 'word '.repeat(3000) }] });
  assert.equal(long.status, 400);
  assert.match(long.body.error.message, /30\d\d .*1024/);
  const listed = await post(`${server.url}/v1/completions`, { prompt: ['a', 'word '.repeat(3000)] });
  assert.equal(listed.status, 400);
});

test('a full queue is 429 with Retry-After', async () => {
  const small = await serve('--parallel', '1', '--queue', '1');
  const stop = new AbortController();
  const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => start(small.url, story({ seed: i, max_tokens: 60 }), stop.signal)));
  const refused = replies.filter((reply) => reply.status === 429);
  assert.ok(refused.length >= 5 && refused.length < 12, `${refused.length} of 12 were refused`);
  assert.ok(refused.every((reply) => Number(reply.headers.get('retry-after')) > 0));
  assert.equal((await refused[0].json()).error.type, 'rate_limit_error');
  for (const reply of replies) if (reply.status === 200) assert.match(await read(reply), /\[DONE\]/);
  assert.equal((await small.stop()).code, 0);
});

test('out of pages, answers wait for each other and stay as they are', async () => {
  const tight = await serve('--kv-memory', '16');
  const { kv_pages_total: pages } = await status(tight.url);
  const count = Math.min(40, Math.ceil((pages / 64) * 3) + 8);
  const ask = (url, i) => post(`${url}/v1/chat/completions`, story({ stream: false, seed: i, temperature: 0.8, max_tokens: 160 + i,
    messages: [{ role: 'user', content: `Tell me story number ${i}` }] }));
  const many = await Promise.all(Array.from({ length: count }, (_, i) => ask(tight.url, i)));
  const { preempted } = await status(tight.url);
  const alone = await Promise.all([0, 7, 13, count - 1].map(async (i) => [i, await ask(server.url, i)]));
  for (const [i, answer] of alone) {
    assert.equal(many[i].body.choices[0].message.content, answer.body.choices[0].message.content, `answer ${i}`);
  }
  assert.ok(many.every((answer, i) => answer.status === 200 && answer.body.usage.completion_tokens === 160 + i));
  assert.ok(preempted > 0, `none of ${count} was preempted with ${pages} pages`);
  assert.equal((await tight.stop()).code, 0);
});

test('SIGTERM under load ends every stream well', async () => {
  const busy = await serve();
  const streams = await Promise.all(Array.from({ length: 16 }, (_, i) => start(busy.url, story({ seed: i, max_tokens: 100 }))));
  const reads = streams.map(read);
  busy.child.kill('SIGTERM');
  for (const text of await Promise.all(reads)) assert.match(text, /"finish_reason":"length"[^]*\[DONE\]/);
  assert.deepEqual(await busy.stopped, { code: 0, signal: null });
});

test('a second SIGTERM cuts', async () => {
  const busy = await serve();
  const streams = await Promise.all(Array.from({ length: 8 }, (_, i) => start(busy.url, story({ seed: i }))));
  const reads = Promise.allSettled(streams.map(read));
  const begun = Date.now();
  busy.child.kill('SIGTERM');
  await sleep(100);
  busy.child.kill('SIGTERM');
  assert.equal((await busy.stopped).code, 0);
  assert.ok(Date.now() - begun < 2000);
  for (const { status, value } of await reads) assert.ok(status === 'rejected' || !/\[DONE\]/.test(value) || /finish_reason":"/.test(value));
});

test('what cannot be served is one clear line', () => {
  const taken = run(`${process.env.HEARTH_ROOT}/models/ember`, '--port', String(server.port));
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /^hearth: server: 127\.0\.0\.1:\d+: got 'Address already in use'.*\n$/);
  const unknown = run('no/such/model');
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^hearth: .*no\/such\/model.*\n$/);
  assert.equal(unknown.stderr.trim().split('\n').length, 1);
});

test('a cache that cannot be written is told of, and the model served anyhow or refused in one line', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-full-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const startIn = (cache) => new Promise((resolve) => {
    const child = spawn(process.env.HEARTH, ['serve', `${process.env.HEARTH_ROOT}/models/ember`, '--port', '0'],
      { env: { ...process.env, XDG_CACHE_HOME: cache }, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const end = (code) => resolve({ code, text, stop: () => child.kill('SIGKILL') });
    child.stderr.on('data', (data) => (text += data));
    child.stdout.on('data', () => end(null));
    child.on('exit', end);
    after(() => child.kill('SIGKILL'));
  });
  const clear = ({ code, text, stop }, cache) => {
    stop();
    if (code !== null) {
      assert.equal(code, 1);
      assert.equal(text.trim().split('\n').length, 1, text);
    }
    if (text !== '') assert.ok(text.includes(cache), text);
  };
  writeFileSync(join(folder, 'file'), 'x');
  clear(await startIn(join(folder, 'file')), 'file');
  if (process.getuid() !== 0) return t.diagnostic('a full disk is tried by root alone');
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
  if (mount.status !== 0) return t.diagnostic('no tmpfs can be mounted here');
  try {
    clear(await startIn(folder), folder);
  } finally {
    spawnSync('umount', [folder]);
  }
});

test('after all that it still answers', alive);
