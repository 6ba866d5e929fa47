// Many streams at once, of mixed lengths: none lost, none mixed up, each the same as alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './hearth.mjs';
import { stream } from './stream.mjs';

const clients = Number(process.env.HEARTH_LOAD_CLIENTS ?? 256);
const longest = Number(process.env.HEARTH_LOAD_TOKENS ?? 24);
const prompts = ['What is the capital of Japan?', 'Tell me a story about a fox.', 'Once upon a time there was', 'Write a poem about the sea and the moon.',
  'Who are you?', 'List three animals.'];

// Two of each seven are the same question with another seed: what gets mixed up shows.
const jobs = Array.from({ length: clients }, (_, i) => ({
  messages: [{ role: 'user', content: `${prompts[i % prompts.length]} ${i % 7} ${'again '.repeat((i * 13) % 40)}` }],
  max_tokens: 4 + ((i * 37) % (longest - 3)), seed: i, temperature: i % 3 ? 0.9 : 0, ignore_eos: true,
}));

test(`${clients} streams at once say what each says alone`, async () => {
  const server = await serve('--queue', '1024');
  const ask = (job) => stream(server.url, job);
  const together = await Promise.all(jobs.map(ask));
  const alone = [];
  for (const job of jobs) alone.push(await ask(job));
  together.forEach((answer, i) => {
    assert.equal(answer.finish, 'length', `stream ${i}`);
    assert.equal(answer.tokens, jobs[i].max_tokens, `stream ${i}`);
    assert.equal(answer.text, alone[i].text, `stream ${i}`);
  });
  assert.equal((await server.stop()).code, 0);
});
