// An answer of OpenAI's APIs, or of llama.cpp's own, read as a stream by hand, with the times at which it came: {text, tokens, finish, first_ms, total_ms}.
export async function stream(url, body, path = '/v1/chat/completions') {
  const begun = performance.now();
  const reply = await fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
  });
  if (reply.status !== 200) throw new Error(`${reply.status} ${await reply.text()}`);
  const answer = { text: '', tokens: 0, finish: null, first_ms: 0, total_ms: 0 };
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of reply.body) {
    rest += decoder.decode(bytes, { stream: true });
    for (let end; (end = rest.indexOf('\n\n')) >= 0; rest = rest.slice(end + 2)) {
      const data = rest.slice(0, end).replace(/^data: /, '');
      if (data === '[DONE]') continue;
      const event = JSON.parse(data);
      const choice = event.choices?.[0];
      const piece = choice?.delta?.content ?? choice?.text ?? event.content ?? '';
      if (piece && !answer.first_ms) answer.first_ms = performance.now() - begun;
      answer.text += piece;
      answer.finish = choice?.finish_reason ?? answer.finish;
      answer.tokens = event.usage?.completion_tokens ?? event.tokens_predicted ?? answer.tokens;
    }
  }
  answer.total_ms = performance.now() - begun;
  return answer;
}
