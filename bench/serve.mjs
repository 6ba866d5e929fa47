// Races `hearth serve` against a llama.cpp server on the same GGUF: node bench/serve.mjs --hearth BIN --llama-server BIN --model FILE
//
// Same prompts, same lengths, rounds taken in turns, medians over rounds: tokens a second of all clients together, and the
// time to the first token (p50, p95 over requests). Without --llama-server only Hearth is measured. --system measures the
// second request's time to first token behind a long system prompt instead. --chat asks as apps do: a chat, sampled at 0.8. Node alone,
// no packages.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { RawClient } from './raw_client.mjs';

const { values: flags } = parseArgs({
  options: {
    hearth: { type: 'string', default: 'build/hearth' },
    'llama-server': { type: 'string' },
    model: { type: 'string', default: 'models/ember' },
    clients: { type: 'string', default: '1,4,16,64' },
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '64' },
    threads: { type: 'string', default: '4' },
    context: { type: 'string', default: '1024' },
    system: { type: 'boolean', default: false },
    chat: { type: 'boolean', default: false },
    'hearth-flags': { type: 'string', default: '' },
    'llama-flags': { type: 'string', default: '' },
  },
});
const counts = flags.clients.split(',').map(Number);
const rounds = Number(flags.rounds);
const tokens = Number(flags.tokens);
const words = (text) => text.split(' ').filter((word) => word !== '');
const median = (values) => at(values, 0.5);
const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

// Starts a server and waits until it answers.
async function start(name, binary, args, port) {
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => (errors = (errors + data).slice(-2000)));
  const server = { name, url: `http://127.0.0.1:${port}`, child };
  process.on('exit', () => child.kill('SIGKILL'));
  for (let i = 0; i < 600; ++i) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${errors}`);
    const health = await fetch(`${server.url}/health`).catch(() => null);
    if (health?.ok) return server;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} did not begin to answer: ${errors}`);
}

function start_hearth(port) {
  const args = ['serve', flags.model, '--port', `${port}`, '-t', flags.threads, '-c', flags.context, ...words(flags['hearth-flags'])];
  return start('hearth', flags.hearth, args, port);
}

// Every client gets a slot of its own, with the same context as Hearth's answers have.
function start_llama(port, slots) {
  const args = ['-m', flags.model, '--port', `${port}`, '-t', flags.threads, '-np', `${slots}`, '-c', `${slots * Number(flags.context)}`, '--no-webui',
    ...words(flags['llama-flags'])];
  return start('llama.cpp', flags['llama-server'], args, port);
}

// Prompts are ids, so that both servers compute the same, whatever they make of a text; the first ones differ, so that no
// answer is helped by another's cache. The two requests of any client are as long together as those of any other.
function job(round, i) {
  const id = (k) => 300 + ((k * 7919 + 13) % 7000);
  return [id(round), id(i), ...Array.from({ length: 14 + 14 * [0, 3, 1, 2][i % 4] }, (_, k) => id(k))];
}

const heroes = ['a fox', 'the sea', 'an old king', 'a clockmaker', 'two brothers', 'a lighthouse', 'winter', 'a lost letter'];

function chat(client, number) {
  const content = `Tell me story number ${number} about ${heroes[number % 8]} and ${heroes[(number * 5 + 3) % 8]}.`;
  return client.ask('/v1/chat/completions', { messages: [{ role: 'user', content }], temperature: 0.8, top_p: 1, seed: number, ignore_eos: true,
    max_tokens: tokens, stream: true, stream_options: { include_usage: true } });
}

// As each server likes it best: llama.cpp's own endpoint, OpenAI's of Hearth.
function ask(server, client, prompt, most = tokens) {
  const common = { prompt, temperature: 0, ignore_eos: true, stream: true };
  if (server.name !== 'hearth') return client.ask('/completion', { ...common, n_predict: most });
  return client.ask('/v1/completions', { ...common, max_tokens: most, stream_options: { include_usage: true } });
}

// `clients` ask at once, each twice.
async function measure(server, clients, round) {
  const answers = [];
  const begun = performance.now();
  const used = process.cpuUsage();
  await Promise.all(Array.from({ length: clients }, async (_, i) => {
    const client = new RawClient(server.url);
    for (let k = 0; k < 2; ++k) {
      const block = round * 1000 + clients, number = i * 2 + k;
      answers.push(await (flags.chat ? chat(client, block * 1000 + number) : ask(server, client, job(block, number))));
    }
    client.close();
  }));
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(used);
  const made = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  if (made !== clients * 2 * tokens) throw new Error(`${server.name}: got ${made} tokens, want ${clients * 2 * tokens}`);
  const first = answers.map((answer) => answer.first_ms);
  return { rate: made / seconds, p50: at(first, 0.5), p95: at(first, 0.95), own: (user + system) / 1e6 / seconds };
}

async function race() {
  const racers = [await start_hearth(7511)];
  if (flags['llama-server']) racers.push(await start_llama(7512, Math.max(...counts)));
  console.log('| clients | server | tokens/s | first token p50 | p95 | CPUs of this client |\n| ---: | --- | ---: | ---: | ---: | ---: |');
  for (const clients of counts) {
    const results = racers.map(() => []);
    for (let round = 0; round <= rounds; ++round) {  // the first warms up
      for (const [i, racer] of racers.entries()) {
        const result = await measure(racer, clients, round);
        if (round > 0) results[i].push(result);
      }
    }
    const of = (i, what) => median(results[i].map((result) => result[what]));
    racers.forEach((racer, i) =>
      console.log(`| ${clients} | ${racer.name} | ${of(i, 'rate').toFixed(0)} | ${of(i, 'p50').toFixed(1)} ms | ${of(i, 'p95').toFixed(1)} ms | ` +
        `${of(i, 'own').toFixed(2)} |`));
    if (racers.length > 1) {
      console.log(`| ${clients} | ratio | ${(of(0, 'rate') / of(1, 'rate')).toFixed(2)} | | ${(of(0, 'p95') / of(1, 'p95')).toFixed(2)} | |`);
    }
  }
  return racers;
}

// Two requests behind the same system prompt of about 2,000 tokens; both ask something else.
async function system() {
  const server = await start_hearth(7511);
  const shares = [];
  for (let round = 0; round < rounds; ++round) {
    const rules = Array.from({ length: Math.min(2000, Number(flags.context) - 64) }, (_, k) => 300 + (((k + round * 31) * 7919) % 7000));
    const client = new RawClient(server.url);
    const about = (ids) => ask(server, client, [...rules, ...ids], 8);
    const first = await about([400, 401, 402, 403]);
    const second = await about([500, 501, 502, 503]);
    client.close();
    shares.push(second.first_ms / first.first_ms);
    console.log(`system prompt: first ${first.first_ms.toFixed(1)} ms, second ${second.first_ms.toFixed(1)} ms`);
  }
  console.log(`second request's time to first token: ${(100 * median(shares)).toFixed(1)} % of the first's`);
  return [server];
}

const servers = await (flags.system ? system() : race());
for (const server of servers) {
  server.child.kill('SIGTERM');
  await once(server.child, 'exit');
}
