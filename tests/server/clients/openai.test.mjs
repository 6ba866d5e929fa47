// OpenAI's own client against `hearth serve`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Ajv from 'ajv';
import OpenAI from 'openai';
import { post, serve } from './hearth.mjs';

const server = await serve();
const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
const japan = [{ role: 'user', content: 'What is the capital of Japan?' }];
const weather = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string', maxLength: 20 }, unit: { enum: ['celsius', 'fahrenheit'] } },
      required: ['city', 'unit'],
      additionalProperties: false,
    },
  },
};
const validates = (schema, value) => {
  const check = new Ajv({ strict: false }).compile(schema);
  assert.ok(check(value), JSON.stringify(check.errors));
};

test('models are listed and found', async () => {
  const models = await client.models.list();
  assert.deepEqual(models.data.map((model) => model.id), ['ember']);
  assert.equal((await client.models.retrieve('ember')).owned_by, 'hearth');
  await assert.rejects(client.models.retrieve('gpt-9'), (error) => error.status === 404 && error.code === 'model_not_found');
});

test('a chat answers', async () => {
  const answer = await client.chat.completions.create({ model: 'ember', messages: japan, temperature: 0 });
  assert.match(answer.choices[0].message.content, /Tokyo/);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test('a stream says the same as the whole, with usage at its end', async () => {
  const whole = await client.chat.completions.create({ model: 'ember', messages: japan, temperature: 0 });
  const stream = await client.chat.completions.create({
    model: 'ember', messages: japan, temperature: 0, stream: true, stream_options: { include_usage: true } });
  let text = '', usage = null, finish = null, chunks = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    finish = chunk.choices[0]?.finish_reason ?? finish;
    usage = chunk.usage ?? usage;
    ++chunks;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(finish, 'stop');
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
  assert.ok(chunks > 3);
});

test('the client accumulates a stream itself', async () => {
  const runner = client.chat.completions.stream({ model: 'ember', messages: japan, temperature: 0 });
  assert.match(await runner.finalContent(), /Tokyo/);
});

test('a seed repeats, another differs, n choices differ', async () => {
  const story = (seed, n = 1) => client.chat.completions.create({
    model: 'ember', messages: [{ role: 'user', content: 'Tell me a story.' }], max_tokens: 24, temperature: 1, seed, n });
  const [a, b, c] = await Promise.all([story(1), story(1), story(2)]);
  assert.equal(a.choices[0].message.content, b.choices[0].message.content);
  assert.notEqual(a.choices[0].message.content, c.choices[0].message.content);
  const many = await story(1, 3);
  assert.equal(many.choices.length, 3);
  assert.equal(many.choices[0].message.content, a.choices[0].message.content);
  assert.equal(new Set(many.choices.map((choice) => choice.message.content)).size, 3);
});

test('max_tokens and stop end an answer', async () => {
  const short = await client.chat.completions.create({ model: 'ember', messages: japan, max_tokens: 2, temperature: 0 });
  assert.equal(short.choices[0].finish_reason, 'length');
  assert.equal(short.usage.completion_tokens, 2);
  const stopped = await client.chat.completions.create({ model: 'ember', messages: japan, temperature: 0, stop: ['kyo'] });
  assert.equal(stopped.choices[0].finish_reason, 'stop');
  assert.ok(!stopped.choices[0].message.content.includes('kyo'));
});

test('logprobs come with their tokens', async () => {
  const answer = await client.chat.completions.create({ model: 'ember', messages: japan, temperature: 0, logprobs: true, top_logprobs: 3 });
  const tokens = answer.choices[0].logprobs.content;
  assert.equal(tokens.map((token) => token.token).join('').trim(), answer.choices[0].message.content.trim());
  for (const token of tokens) {
    assert.equal(token.top_logprobs.length, 3);
    assert.ok(token.logprob <= 0 && token.top_logprobs[0].logprob >= token.logprob);
    assert.equal(token.top_logprobs[0].token, token.token);      // greedy
  }
});

test('response_format json_schema validates, whatever the sampling', async () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 12 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
      tags: { type: 'array', items: { enum: ['red', 'green', 'blue'] }, maxItems: 3 },
    },
    required: ['name', 'age', 'tags'],
    additionalProperties: false,
  };
  for (const seed of [1, 2, 3]) {
    const answer = await client.chat.completions.create({
      model: 'ember', messages: japan, temperature: 1.5, seed,
      response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema } } });
    assert.equal(answer.choices[0].finish_reason, 'stop');
    validates(schema, JSON.parse(answer.choices[0].message.content));
  }
});

test('a tool that must be called is called with arguments that validate', async () => {
  for (const tool_choice of ['required', { type: 'function', function: { name: 'get_weather' } }]) {
    const answer = await client.chat.completions.create({
      model: 'ember', messages: japan, temperature: 1, seed: 5, tools: [weather], tool_choice, parallel_tool_calls: false });
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, 'get_weather');
    assert.ok(call.id.length > 0);
    validates(weather.function.parameters, JSON.parse(call.function.arguments));
  }
});

test('a call streams as deltas that join to the whole', async () => {
  const runner = client.chat.completions.stream({
    model: 'ember', messages: japan, temperature: 1, seed: 5, tools: [weather], tool_choice: 'required', parallel_tool_calls: false });
  const answer = await runner.finalChatCompletion();
  const [call] = answer.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  validates(weather.function.parameters, JSON.parse(call.function.arguments));
});

test('a conversation with a call and its result goes on', async () => {
  const answer = await client.chat.completions.create({
    model: 'ember', temperature: 0, max_tokens: 8, tools: [weather],
    messages: [...japan,
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Tokyo"}' } }] },
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' }] });
  assert.ok(answer.usage.completion_tokens > 0);
});

test('completions go on with a text, echo it, and score it', async () => {
  const answer = await client.completions.create({ model: 'ember', prompt: 'Once upon a time', max_tokens: 8, temperature: 0 });
  assert.equal(answer.usage.completion_tokens, 8);
  const echoed = await client.completions.create({ model: 'ember', prompt: 'Once upon a time', max_tokens: 8, temperature: 0, echo: true, logprobs: 1 });
  assert.equal(echoed.choices[0].text, 'Once upon a time' + answer.choices[0].text);
  assert.equal(echoed.choices[0].logprobs.token_logprobs[0], null);
  assert.ok(echoed.choices[0].logprobs.token_logprobs.slice(1).every((value) => value <= 0));
  const both = await client.completions.create({ model: 'ember', prompt: ['Once upon a time', 'The fox'], max_tokens: 8, temperature: 0 });
  assert.equal(both.choices.length, 2);
  assert.equal(both.choices[0].text, answer.choices[0].text);
  await assert.rejects(client.completions.create({ model: 'ember', prompt: 'a', suffix: 'b' }), (error) => error.param === 'suffix');
});

test('embeddings are of unit length, alike for alike texts, in both encodings', async () => {
  const input = ['A cat sat on the mat.', 'A cat sat on a mat.', 'Parliament raised taxes.'];
  const plain = await client.embeddings.create({ model: 'ember', input, encoding_format: 'float' });
  const packed = await client.embeddings.create({ model: 'ember', input });       // the client asks for base64
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const [cat, mat, tax] = plain.data.map((one) => one.embedding);
  assert.ok(Math.abs(dot(cat, cat) - 1) < 1e-5);
  assert.ok(dot(cat, mat) > dot(cat, tax));
  packed.data.forEach((one, i) => assert.deepEqual(Array.from(one.embedding), plain.data[i].embedding.map(Math.fround)));
  assert.ok(plain.usage.prompt_tokens > 10);
});

test('responses answer, stream, continue and validate', async () => {
  const first = await client.responses.create({ model: 'ember', input: 'What is the capital of Japan?', temperature: 0 });
  assert.match(first.output_text, /Tokyo/);
  assert.equal(first.status, 'completed');
  const next = await client.responses.create({ model: 'ember', input: 'And of France?', previous_response_id: first.id, temperature: 0, max_output_tokens: 2 });
  assert.equal(next.status, 'incomplete');
  assert.ok(next.usage.input_tokens > first.usage.input_tokens);
  assert.equal((await client.responses.retrieve(first.id)).output_text ?? first.output_text, first.output_text);
  const types = [];
  let text = '';
  for await (const event of await client.responses.create({ model: 'ember', input: 'What is the capital of Japan?', temperature: 0, stream: true })) {
    types.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, first.output_text);
  assert.equal(types[0], 'response.created');
  assert.equal(types.at(-1), 'response.completed');
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'], additionalProperties: false };
  const shaped = await client.responses.create({
    model: 'ember', input: 'Say something.', temperature: 1, text: { format: { type: 'json_schema', name: 'x', schema } } });
  validates(schema, JSON.parse(shaped.output_text));
  const called = await client.responses.create({
    model: 'ember', input: 'Weather?', tools: [{ type: 'function', strict: true, ...weather.function }], tool_choice: 'required', temperature: 1 });
  const call = called.output.find((item) => item.type === 'function_call');
  validates(weather.function.parameters, JSON.parse(call.arguments));
});

test('wrong and unknown fields are named', async () => {
  const wrong = async (body, param) => {
    const reply = await post(`${server.url}/v1/chat/completions`, { model: 'ember', messages: japan, ...body });
    assert.equal(reply.status, 400, JSON.stringify(reply.body));
    assert.equal(reply.body.error.param, param);
    assert.equal(reply.body.error.type, 'invalid_request_error');
    assert.ok(!reply.body.error.message.includes('\n'));
  };
  await wrong({ temprature: 1 }, 'temprature');
  await wrong({ temperature: 'hot' }, 'temperature');
  await wrong({ messages: [{ role: 'user' }] }, 'messages[0].content');
  await wrong({ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role');
  await wrong({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] }, 'messages[0].content[0].type');
  await wrong({ response_format: { type: 'xml' } }, 'response_format.type');
  await wrong({ response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { not: {} } } } }, 'response_format');
  await wrong({ tool_choice: 'required' }, 'tool_choice');
  await wrong({ grammar: 'root ::= "a' }, 'grammar');
  await wrong({ top_logprobs: 3 }, 'top_logprobs');
  const unknown = await post(`${server.url}/v1/chat/completions`, { model: 'gpt-9', messages: japan });
  assert.equal(unknown.status, 404);
  assert.equal(unknown.body.error.code, 'model_not_found');
  const long = await post(`${server.url}/v1/completions`, { model: 'ember', prompt: 'fox '.repeat(20000) });
  assert.equal(long.status, 400);
});

test('the page, health, metrics, status and traces are there', async () => {
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  assert.match(metrics, /vllm:time_to_first_token_seconds_bucket\{le="\+Inf"\} [1-9]/);
  assert.match(metrics, /llamacpp:tokens_predicted_total [1-9]/);
  const status = await (await fetch(`${server.url}/hearth/status`)).json();
  assert.equal(status.models[0].id, 'ember');
  assert.ok(status.models[0].generated_tokens > 0);
  const traces = await (await fetch(`${server.url}/hearth/traces?last=3`)).json();
  assert.equal(traces.requests.length, 3);
  const page = await fetch(`${server.url}/`);
  assert.match(page.headers.get('content-type'), /text\/html/);
  const tokens = await post(`${server.url}/tokenize`, { content: 'Once upon a time' });
  const text = await post(`${server.url}/detokenize`, { tokens: tokens.body.tokens });
  assert.equal(text.body.content.trim(), 'Once upon a time');
});

test('SIGTERM lets a running answer end', async () => {
  const stream = await client.chat.completions.create({
    model: 'ember', messages: [{ role: 'user', content: 'Tell me a story.' }], max_tokens: 200, temperature: 0, stream: true });
  let finish = null, stopping = null;
  for await (const chunk of stream) {
    stopping ??= server.stop();
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.ok(finish);
  assert.equal((await stopping).code, 0);
});
