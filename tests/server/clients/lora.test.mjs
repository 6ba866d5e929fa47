// LoRA adapters beside each other: each answers as it does alone, one of zeros as the model itself.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { post, serve } from './hearth.mjs';

const config = JSON.parse(readFileSync(`${process.env.HEARTH_ROOT}/models/ember/config.json`));
const head = config.head_dim ?? config.hidden_size / config.num_attention_heads;
const outputs = { q_proj: config.num_attention_heads * head, v_proj: config.num_key_value_heads * head };
const folder = mkdtempSync(join(tmpdir(), 'hearth-lora-'));

// A PEFT folder whose numbers are drawn from `seed`; `size` scales what it adds.
function write(name, rank, seed, size) {
  let state = seed;
  const draw = () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648 - 0.5);
  const tensors = [], header = {};
  let offset = 0;
  const add = (key, shape, scale) => {
    const values = Float32Array.from({ length: shape[0] * shape[1] }, () => draw() * scale);
    header[key] = { dtype: 'F32', shape, data_offsets: [offset, (offset += values.byteLength)] };
    tensors.push(Buffer.from(values.buffer));
  };
  for (let layer = 0; layer < config.num_hidden_layers; ++layer) {
    for (const [matrix, rows] of Object.entries(outputs)) {
      const base = `base_model.model.model.layers.${layer}.self_attn.${matrix}`;
      add(`${base}.lora_A.weight`, [rank, config.hidden_size], 0.2);
      add(`${base}.lora_B.weight`, [rows, rank], size);
    }
  }
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'adapter_config.json'), JSON.stringify({
    peft_type: 'LORA', r: rank, lora_alpha: 2 * rank, bias: 'none', target_modules: Object.keys(outputs), task_type: 'CAUSAL_LM' }));
  const json = Buffer.from(JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(join(path, 'adapter_model.safetensors'), Buffer.concat([length, json, ...tensors]));
  return `${name}=${path}`;
}

const server = await serve('--lora', write('zero', 4, 1, 0), '--lora', write('red', 4, 2, 0.3), '--lora', write('blue', 8, 3, 0.3));
const ask = async (model) => {
  const reply = await post(`${server.url}/v1/chat/completions`, {
    model, messages: [{ role: 'user', content: 'Tell me a story about a fox.' }], max_tokens: 24, temperature: 0 });
  assert.equal(reply.status, 200, JSON.stringify(reply.body));
  return reply.body.choices[0].message.content;
};

test('adapters are models of their own, alone and together', async () => {
  const listed = await (await fetch(`${server.url}/v1/models`)).json();
  assert.deepEqual(listed.data.map((model) => model.id).sort(), ['ember', 'ember:blue', 'ember:red', 'ember:zero']);
  const names = ['ember', 'ember:zero', 'ember:red', 'ember:blue'];
  const alone = [];
  for (const name of names) alone.push(await ask(name));
  assert.equal(alone[1], alone[0]);
  assert.equal(new Set(alone).size, 3);
  const together = await Promise.all([...names, ...names, ...names].map(ask));
  together.forEach((text, i) => assert.equal(text, alone[i % names.length], names[i % names.length]));
  assert.equal(await ask('red'), alone[2]);
});
