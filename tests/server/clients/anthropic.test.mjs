// Anthropic's own client against `hearth serve`.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Ajv from 'ajv';
import { serve } from './hearth.mjs';

const server = await serve('--api-key', 'secret');
const client = new Anthropic({ baseURL: server.url, apiKey: 'secret', maxRetries: 0 });
const messages = [{ role: 'user', content: 'What is the capital of Japan?' }];
const weather = {
  name: 'get_weather',
  description: 'The weather of a city',
  input_schema: { type: 'object', properties: { city: { type: 'string', maxLength: 20 } }, required: ['city'], additionalProperties: false },
};

test('a message answers', async () => {
  const answer = await client.messages.create({ model: 'ember', max_tokens: 64, messages, temperature: 0 });
  assert.match(answer.content[0].text, /Tokyo/);
  assert.equal(answer.stop_reason, 'end_turn');
  assert.ok(answer.usage.output_tokens > 0);
});

test('a stream says the same', async () => {
  const whole = await client.messages.create({ model: 'ember', max_tokens: 64, messages, temperature: 0 });
  const stream = client.messages.stream({ model: 'ember', max_tokens: 64, messages, temperature: 0 });
  let text = '';
  stream.on('text', (piece) => (text += piece));
  const answer = await stream.finalMessage();
  assert.equal(text, whole.content[0].text);
  assert.equal(answer.stop_reason, 'end_turn');
});

test('blocks, a system text, max_tokens and stop sequences', async () => {
  const cut = await client.messages.create({
    model: 'ember', max_tokens: 2, temperature: 0, system: [{ type: 'text', text: 'You are brief.' }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is the capital of Japan?', cache_control: { type: 'ephemeral' } }] }] });
  assert.equal(cut.stop_reason, 'max_tokens');
  const stopped = await client.messages.create({ model: 'ember', max_tokens: 64, messages, temperature: 0, stop_sequences: ['kyo'] });
  assert.equal(stopped.stop_reason, 'stop_sequence');
  assert.equal(stopped.stop_sequence, 'kyo');
});

test('a tool that must be used is used, and its result goes back', async () => {
  const answer = await client.messages.create({ model: 'ember', max_tokens: 200, messages, tools: [weather], tool_choice: { type: 'any', disable_parallel_tool_use: true } });
  assert.equal(answer.stop_reason, 'tool_use');
  const use = answer.content.find((block) => block.type === 'tool_use');
  assert.ok(new Ajv().compile(weather.input_schema)(use.input));
  const next = await client.messages.create({
    model: 'ember', max_tokens: 8, tools: [weather],
    messages: [...messages, { role: 'assistant', content: answer.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'sunny' }] }] });
  assert.ok(next.usage.output_tokens > 0);
  const streamed = await client.messages.stream({ model: 'ember', max_tokens: 200, messages, tools: [weather], tool_choice: { type: 'tool', name: 'get_weather' } }).finalMessage();
  assert.ok(new Ajv().compile(weather.input_schema)(streamed.content.find((block) => block.type === 'tool_use').input));
});

test('tokens are counted, errors have their names', async () => {
  const counted = await client.messages.countTokens({ model: 'ember', messages });
  assert.ok(counted.input_tokens > 5);
  await assert.rejects(client.messages.create({ model: 'claude', max_tokens: 8, messages }), (error) => error.status === 404 && error.error.error.type === 'not_found_error');
  await assert.rejects(client.messages.create({ model: 'ember', messages }), (error) => error.status === 400 && error.error.error.message.includes('max_tokens'));
  const stranger = new Anthropic({ baseURL: server.url, apiKey: 'wrong', maxRetries: 0 });
  await assert.rejects(stranger.messages.create({ model: 'ember', max_tokens: 8, messages }), (error) => error.status === 401);
});
