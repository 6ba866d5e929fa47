// A client of streamed answers on a raw socket, so that it takes as little of a shared machine as it can: bytes are kept as
// they come and read once the answer is whole. Node alone, no packages.
import net from 'node:net';

const END = '0\r\n\r\n';  // of a chunked body

export class RawClient {
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.address = { host: hostname, port: Number(port), noDelay: true };
  }

  // Gives {tokens, events, text, first_ms, total_ms}. A connection kept open may be closed just when it is used again: that
  // request is sent anew.
  async ask(path, body, tries = 5) {
    const kept = this.socket !== undefined;
    try {
      return await this.#ask(path, body);
    } catch (error) {
      this.close();
      if (!kept || tries === 1 || this.pieces.length > 0) throw error;
      return this.ask(path, body, tries - 1);
    }
  }

  close() {
    this.socket?.destroy();
    this.socket = undefined;
  }

  #ask(path, body) {
    this.pieces = [];
    this.tail = '';
    const text = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.first_ms = 0;
      this.begun = performance.now();
      if (!this.socket) this.#open();
      this.socket.write(`POST ${path} HTTP/1.1\r\nHost: ${this.address.host}:${this.address.port}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    });
  }

  #open() {
    const socket = net.connect(this.address);
    this.socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', (error) => this.reject(error));
    socket.on('close', () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.reject(new Error('the server closed the connection before the answer was whole'));
    });
  }

  #take(bytes) {
    if (!this.first_ms && bytes.includes('data: ')) this.first_ms = performance.now() - this.begun;
    this.pieces.push(bytes);
    this.tail = (this.tail + bytes.toString('latin1', Math.max(0, bytes.length - END.length))).slice(-END.length);
    if (this.tail !== END) return;
    const total_ms = performance.now() - this.begun;
    try {
      this.resolve({ ...read_answer(Buffer.concat(this.pieces)), first_ms: this.first_ms, total_ms });
    } catch (error) {
      this.reject(error);
    }
  }
}

function body_of(reply) {
  const parts = [];
  for (let at = reply.indexOf('\r\n\r\n') + 4; ;) {
    const line = reply.indexOf('\r\n', at);
    const size = parseInt(reply.toString('latin1', at, line), 16);
    if (!(size >= 0)) throw new Error('the answer is not in chunks');
    if (size === 0) return Buffer.concat(parts).toString();
    parts.push(reply.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}

// Every event is read, so that an answer counts only if it is whole.
function read_answer(reply) {
  const head = reply.toString('latin1', 0, reply.indexOf('\r\n'));
  if (!head.includes(' 200')) throw new Error(`${head}: ${reply.toString().slice(-300)}`);
  const answer = { tokens: 0, events: 0, text: '' };
  for (const block of body_of(reply).split('\n\n')) {
    const data = block.replace(/^data: /, '');
    if (data === '' || data === '[DONE]') continue;
    const event = JSON.parse(data);
    if (event.error) throw new Error(data);
    const piece = event.choices?.[0]?.text ?? event.content ?? '';
    answer.text += piece;
    answer.events += piece !== '' ? 1 : 0;
    answer.tokens = event.usage?.completion_tokens ?? event.tokens_predicted ?? answer.tokens;
  }
  return answer;
}
