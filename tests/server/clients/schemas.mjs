// Random JSON Schemas, and what the model answers within them: every answer must be valid JSON that ajv finds valid.
//   HEARTH=BIN HEARTH_ROOT=DIR node schemas.mjs [COUNT] [SEED]      or imported: run(url, count, seed)
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { pathToFileURL } from 'node:url';

// mulberry32: small and the same everywhere.
function random_of(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count) => Math.floor(next() * count);
  return { next, below, pick: (list) => list[below(list.length)], chance: (share) => next() < share };
}

const names = ['name', 'age', 'city', 'tags', 'size', 'a b', 'größe', 'id', 'note', 'x"y', 'items', 'kind'];
const patterns = ['^[a-z]{2,6}$', '^\\d{3}-\\d{4}$', '^(red|green|blue)$', '^[A-Z][a-z]+ [A-Z][a-z]{1,8}$', '[0-9]{2}'];
const formats = ['date', 'time', 'date-time', 'email', 'uuid', 'ipv4'];

// Lengths are bounded: the model's answers must end within its context.
function text_schema(r) {
  const kind = r.below(6);
  if (kind === 0) return { enum: ['red', 'green "light"', 'blå', 1, null, true].slice(0, 1 + r.below(6)) };
  if (kind === 1) return { const: r.pick(['fixed', 7, null, { a: [1] }]) };
  if (kind === 2) return { type: 'string', pattern: r.pick(patterns), maxLength: 24 };
  if (kind === 3) return { type: 'string', format: r.pick(formats) };
  const minLength = r.below(4);
  return { type: 'string', minLength, maxLength: minLength + r.below(20) };
}

function number_schema(r) {
  const schema = { type: r.pick(['integer', 'number']) };
  const least = r.below(200) - 100;
  schema[r.chance(0.8) ? 'minimum' : 'exclusiveMinimum'] = least;
  schema[r.chance(0.8) ? 'maximum' : 'exclusiveMaximum'] = least + 2 + r.below(1000);
  if (schema.type === 'integer' && r.chance(0.2)) schema.multipleOf = r.pick([1, 2]);
  return schema;
}

function object_schema(r, depth) {
  const chosen = names.filter(() => r.chance(0.3)).slice(0, 4);
  const properties = Object.fromEntries(chosen.map((name) => [name, schema_of(r, depth - 1)]));
  return { type: 'object', properties, required: chosen.filter(() => r.chance(0.7)), additionalProperties: false };
}

function array_schema(r, depth) {
  const minItems = r.below(3);
  const schema = { type: 'array', items: schema_of(r, depth - 1), minItems, maxItems: minItems + r.below(3) };
  if (r.chance(0.2)) schema.prefixItems = [schema_of(r, 0)];
  if (schema.prefixItems && schema.maxItems === 0) delete schema.prefixItems;
  return schema;
}

function schema_of(r, depth) {
  const kind = depth > 0 ? r.below(10) : r.below(5);
  if (kind < 2) return text_schema(r);
  if (kind === 2) return number_schema(r);
  if (kind === 3) return { type: 'boolean' };
  if (kind === 4) return r.chance(0.3) ? { type: 'null' } : { type: ['string', 'null'], maxLength: 10 };
  if (kind < 7) return object_schema(r, depth);
  if (kind < 9) return array_schema(r, depth);
  return { anyOf: [schema_of(r, depth - 1), schema_of(r, depth - 1)] };
}

export function random_schema(seed) {
  const r = random_of(seed);
  const schema = object_schema(r, 3);
  if (r.chance(0.2)) {
    schema.$defs = { part: schema_of(r, 1) };
    schema.properties.part = { $ref: '#/$defs/part' };
    schema.required.push('part');
  }
  return schema;
}

async function one(url, seed) {
  const schema = random_schema(seed);
  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      messages: [{ role: 'user', content: `Answer in JSON, please. ${seed % 17}` }], seed, temperature: [0, 0.7, 1, 2][seed % 4],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } }),
  });
  const body = await reply.json();
  const fail = (why) => ({ seed, why, schema, text: body.choices?.[0]?.message?.content });
  if (reply.status !== 200) return fail(`${reply.status}: ${body.error?.message}`);
  // What the context cut is whole in what it says, but has no end: it counts apart.
  if (body.choices[0].finish_reason === 'length') return { cut: true };
  let value;
  try {
    value = JSON.parse(body.choices[0].message.content);
  } catch (error) {
    return fail(`no JSON: ${error.message}`);
  }
  const ajv = new Ajv.default({ strict: false, allErrors: true });
  addFormats(ajv);
  const check = ajv.compile(schema);
  return check(value) ? {} : fail(JSON.stringify(check.errors));
}

// {failures, cut}: what was not valid, and how many answers the context cut.
export async function run(url, count, first = 0, clients = 32) {
  const failures = [];
  let next = first, cut = 0;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (next < first + count) {
      const result = await one(url, next++);
      if (result.cut) ++cut;
      if (result.why) failures.push(result);
      if ((next - first) % 1000 === 0) console.log(`${next - first} asked, ${failures.length} failed, ${cut} cut`);
    }
  }));
  return { failures, cut };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { serve } = await import('./hearth.mjs');
  const [count, first] = [Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 0)];
  const server = await serve();
  const begun = performance.now();
  const { failures, cut } = await run(server.url, count, first);
  for (const failure of failures.slice(0, 5)) console.log(JSON.stringify(failure));
  console.log(`${count} schemas from seed ${first}: ${failures.length} failed, ${cut} cut by the context, ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  await server.stop();
  process.exit(failures.length > 0 ? 1 : 0);
}
