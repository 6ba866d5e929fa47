// Answers within random JSON Schemas are valid, whatever the sampling. Many more: node schemas.mjs 10000
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './hearth.mjs';
import { run } from './schemas.mjs';

test('every answer is valid by its schema', async () => {
  const server = await serve();
  const { failures, cut } = await run(server.url, 150);
  assert.deepEqual(failures.slice(0, 2), []);
  assert.ok(cut <= 3, `${cut} answers were cut`);
});
