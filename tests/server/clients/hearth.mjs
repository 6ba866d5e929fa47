// A `hearth serve` of the embedded model for the length of a test file.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after } from 'node:test';

const hearth = process.env.HEARTH;
const root = process.env.HEARTH_ROOT;
const kLongestEnd = 30_000;  // ms

// {url, port, stop()}; `flags` go to the command line.
export async function serve(...flags) {
  const child = spawn(hearth, ['serve', `${root}/models/ember`, '--port', '0', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  const port = await new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
      const found = text.match(/http:\/\/[^ ]*:(\d+)/);
      if (found) resolve(Number(found[1]));
    });
    child.on('exit', (code) => reject(new Error(`hearth serve ended with ${code}: ${errors}`)));
  });
  const stopped = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return stopped;
  };
  // However a file leaves its server, it ends in order: a sanitizer's findings and leaks are in the code.
  after(async () => {
    const late = setTimeout(() => child.kill('SIGKILL'), kLongestEnd);
    const { code, signal } = await stop();
    clearTimeout(late);
    assert.ok(code === 0, `hearth serve ended with ${code ?? signal}: ${errors}`);
  });
  return { url: `http://127.0.0.1:${port}`, port, child, stop, stopped, errors: () => errors };
}

export async function post(url, body, headers = {}) {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: reply.status, headers: reply.headers, body: await reply.json() };
}
